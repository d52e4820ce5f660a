"""WCP-20, Cancel Case: everything that remains of a case is taken away."""

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def test_items_calls_and_tokens_are_gone(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D*) -> E -> o"))
    case.start("B")
    case.cancel()
    assert (case.status, case.marking, case.called) == (CaseStatus.CANCELLED, {}, [])
    assert (case.states("B"), case.states("C")) == ([ItemState.CANCELLED], [ItemState.CANCELLED])


def test_a_case_that_has_ended_cannot_be_cancelled(play: Play) -> None:
    case = play(net("i -> A -> o"))
    case.cancel()
    assert case.status is CaseStatus.COMPLETED and ("ignored", "") in case.noted


def test_an_answer_that_comes_too_late_is_only_noted(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o"))
    late = case.call("A")
    case.cancel()
    case.answer_call(late)
    assert case.status is CaseStatus.CANCELLED and case.items("B") == []


BELOW = {"kind": "composite", "net": "sub"}


def test_the_cases_below_are_cancelled_however_deep(play: Play) -> None:
    nets = {"sub": "i -> X! -> Y -> o", "deep": "i -> Z! -> o"}
    case = play(net("i -> A -> o", A=BELOW, Y={"kind": "composite", "net": "deep"}, nets=nets))
    [child] = case.children()
    child.do("X")
    [grandchild] = child.children()
    grandchild.start("Z")
    case.cancel()
    assert [each.status for each in (case, child, grandchild)] == [CaseStatus.CANCELLED] * 3
    assert grandchild.states("Z") == [ItemState.CANCELLED]


def test_all_instances_are_cancelled_also_those_that_are_cases(play: Play) -> None:
    several = {"instances": {"count": 3}}
    case = play(
        net("i -> S -> and(A!, B, C*) -> D -> o", A=several, B=BELOW | several, C=several, nets={"sub": "i -> X! -> o"})
    )
    case.do("A")
    case.children()[0].do("X")
    case.cancel()
    assert case.states("A") == [ItemState.COMPLETED, ItemState.CANCELLED, ItemState.CANCELLED]
    assert [child.status for child in case.children()] == [CaseStatus.COMPLETED] + [CaseStatus.CANCELLED] * 2
    assert case.called == [] and case.case.runs == {}


def test_three_hundred_instances_are_cancelled_in_several_steps(play: Play) -> None:
    case = play(net("i -> A! -> o", A={"instances": {"count": 300}}))
    case.start("A")
    case.cancel()
    assert set(case.states("A")) == {ItemState.CANCELLED} and case.case.runs == {}


def test_a_cancelled_case_takes_no_wish(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    running = case.start("A")
    case.cancel()
    with pytest.raises(Conflict):
        case.complete(running)
    with pytest.raises(Conflict):
        case.fail(running)
    case.trigger("anything")
    case.suspend()
    assert case.status is CaseStatus.CANCELLED and case.items("B") == []


def test_a_suspended_case_can_be_cancelled(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B); B -> C!; A -> D!", B=BELOW, nets={"sub": "i -> X! -> o"}, implicit=True))
    call = case.call("A")
    case.suspend()
    case.answer_call(call)
    case.cancel()
    assert case.status is CaseStatus.CANCELLED and case.case.kept == ()
    assert case.children()[0].status is CaseStatus.CANCELLED and case.items("D") == []


def test_what_was_kept_for_a_task_is_gone(play: Play) -> None:
    case = play(net("i -> A! -> B -> o", B={"trigger": {"name": "t", "kind": "persistent"}}))
    case.trigger("t")
    assert case.case.triggers
    case.cancel()
    assert not case.case.triggers


def test_a_mutex_is_held_by_nobody_afterwards(play: Play) -> None:
    case = play(net("i -> A! -> o", A={"mutex": "m"}))
    case.start("A")
    case.cancel()
    assert case.case.held == {}


def test_a_deadlocked_case_can_be_cancelled(play: Play) -> None:
    case = play(net("i -> A -> xor(B, C) -> and:D -> o"))
    assert case.status is CaseStatus.DEADLOCKED
    case.cancel()
    assert (case.status, case.marking) == (CaseStatus.CANCELLED, {})


def test_an_instance_whose_case_is_cancelled_alone_does_not_cancel_the_others(play: Play) -> None:
    case = play(net("i -> A -> B! -> o", A=BELOW | {"instances": {"count": 2}}, nets={"sub": "i -> X! -> o"}))
    first, second = case.children()
    first.cancel()
    assert case.status is CaseStatus.RUNNING and case.items("B") == []
    second.do("X")
    assert case.offered == ["B"]


def test_nothing_can_be_completed_in_a_case_below(play: Play) -> None:
    case = play(net("i -> A -> B! -> o", A=BELOW, nets={"sub": "i -> X! -> o"}))
    [child] = case.children()
    running = child.start("X")
    case.cancel()
    with pytest.raises(Conflict):
        child.complete(running)
    assert case.items("B") == [] and child.status is CaseStatus.CANCELLED


def test_an_application_for_a_visa_is_withdrawn(play: Play) -> None:
    case = play(gallery("wcp20-cancel-case"), applicant="Dana", documents=["passport", "photograph"])
    [interview] = case.children()
    case.do("check_document", genuine=True)
    interview.do("arrange")
    interview.start("hold")
    case.cancel()
    assert case.states("check_document") == [ItemState.COMPLETED, ItemState.CANCELLED]
    assert (case.status, interview.status) == (CaseStatus.CANCELLED, CaseStatus.CANCELLED)
    assert interview.states("hold") == [ItemState.CANCELLED]


def test_an_application_for_a_visa_is_granted(play: Play) -> None:
    case = play(gallery("wcp20-cancel-case"), applicant="Dana", documents=["passport", "photograph"])
    [interview] = case.children()
    interview.do("arrange")
    interview.do("hold", impression="good")
    case.do("check_document", genuine=True)
    case.do("check_document", genuine=True)
    assert case.items("decide")[0].input == {"genuine": [True, True], "impression": "good"}
    case.do("decide", granted=True)
    assert case.status is CaseStatus.COMPLETED
