"""WCP-1, Sequence: a task is enabled when the one before it has completed."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def test_a_task_follows_the_one_before_it(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    assert case.offered == ["A"]
    case.do("A")
    assert case.offered == ["B"]
    case.do("B")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["A", "B"])


def test_a_started_task_does_not_enable_the_next_one(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    item = case.start("A")
    assert case.offered == [] and case.marking == {}
    case.complete(item)
    assert case.offered == ["B"] and case.marking == {"A>B": 1}


def test_tasks_that_need_nobody_follow_each_other_in_one_step(play: Play) -> None:
    case = play(net("i -> A -> B -> C -> o"))
    assert case.fired == ["A", "B", "C"] and len(case.journal) == 1


def test_a_task_done_by_a_connector_waits_for_its_answer(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o"))
    assert (case.called, case.offered) == (["A"], [])
    case.answer("A")
    assert (case.called, case.offered) == ([], ["B"])


def test_a_task_done_by_a_case_of_its_own_waits_for_its_end(play: Play) -> None:
    case = play(net("i -> A -> B! -> o", A={"kind": "composite", "net": "sub"}, nets={"sub": "i -> X! -> Y! -> o"}))
    [child] = case.children()
    child.do("X")
    assert case.offered == []
    child.do("Y")
    assert case.offered == ["B"]


def test_a_task_that_fails_enables_nothing(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    case.fail(case.start("A"))
    assert case.status is CaseStatus.FAILED and case.items("B") == []


def test_a_skipped_task_is_followed_by_the_next_one(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    case.skip("A")
    assert case.states("A") == [ItemState.SKIPPED] and case.offered == ["B"]


def test_a_business_trip_is_paid_back_when_it_was_checked(play: Play) -> None:
    case = play(gallery("wcp01-sequence"))
    handing_in = case.start("hand_in")
    assert case.offered == []
    case.complete(handing_in, costs=120.5)
    case.do("check", approved=118)
    case.answer("pay", payment="PAID-118")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["hand_in", "check", "pay"])
