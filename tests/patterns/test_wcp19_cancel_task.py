"""WCP-19, Cancel Task: an enabled task is withdrawn and an executing one stopped; no token goes on from it."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

TWO = "i -> A -> and(B!, C!) -> xor:D! -> o"


def test_a_cancelled_item_takes_its_token_with_it(play: Play) -> None:
    case = play(net(TWO))
    case.cancel_item(case.items("B")[0].id)
    assert case.states("B") == [ItemState.CANCELLED] and case.marking == {"A>C": 1}


def test_a_started_item_can_be_cancelled(play: Play) -> None:
    case = play(net(TWO))
    case.cancel_item(case.start("B"))
    assert case.states("B") == [ItemState.CANCELLED] and case.offered == ["C"]


def test_cancelling_one_side_of_a_choice_withdraws_the_other(play: Play) -> None:
    case = play(net("i -> A -> and(p, D!); p -> choice(B!, C!) -> o; D -> o"))
    case.cancel_item(case.items("B")[0].id)
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == ["D"]


def test_a_case_whose_last_task_is_cancelled_can_no_longer_move(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.cancel_item(case.start("A"))
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {}


def cancelling(text: str = "i -> A -> and(B!, C!); C -> D!; B -> E!", **tasks: Any) -> Specification:
    """A net in which C cancels B."""
    c = {"cancels": ["B", "A>B"]}
    return net(text, implicit=True, C=c, nets={"sub": "i -> X! -> o"}, **tasks)


def test_a_task_cancels_one_that_is_enabled(play: Play) -> None:
    case = play(cancelling())
    case.do("C")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.marking == {"C>D": 1}


def test_a_task_cancels_one_that_is_under_way(play: Play) -> None:
    case = play(cancelling())
    case.start("B")
    case.do("C")
    assert case.states("B") == [ItemState.CANCELLED] and case.offered == ["D"]


def test_it_does_so_when_it_completes_and_not_when_it_starts(play: Play) -> None:
    case = play(cancelling())
    running = case.start("C")
    assert case.states("B") == [ItemState.OFFERED]
    case.complete(running)
    assert case.states("B") == [ItemState.WITHDRAWN]


def test_a_task_that_was_done_before_is_not_undone(play: Play) -> None:
    case = play(cancelling())
    case.do("B")
    case.do("C")
    assert case.states("B") == [ItemState.COMPLETED] and sorted(case.offered) == ["D", "E"]


def test_a_task_that_has_not_come_yet_is_not_cancelled_in_advance(play: Play) -> None:
    case = play(net("i -> A -> and(F!, C!); F -> B!; C -> D!", implicit=True, C={"cancels": ["B", "F>B"]}))
    case.do("C")
    case.do("F")
    assert "B" in case.offered


def test_what_comes_from_a_cancelled_person_is_refused(play: Play) -> None:
    case = play(cancelling())
    running = case.start("B")
    case.do("C")
    with pytest.raises(Conflict, match="cancelled"):
        case.complete(running)
    assert "E" not in case.offered


def test_what_a_person_completes_at_the_same_moment_is_discarded(play: Play) -> None:
    case = play(cancelling())
    cancelled, cancels = case.start("B"), case.start("C")
    case.complete_together(cancels, cancelled)
    assert case.states("B") == [ItemState.COMPLETED] and case.items("B")[0].applied is False
    assert case.offered == ["D"]


def test_what_a_person_completes_a_moment_before_counts(play: Play) -> None:
    case = play(cancelling())
    cancelled, cancels = case.start("B"), case.start("C")
    case.complete_together(cancelled, cancels)
    assert case.items("B")[0].applied is True and sorted(case.offered) == ["D", "E"]


def test_a_call_is_dropped_and_its_answer_only_noted(play: Play) -> None:
    case = play(cancelling("i -> A -> and(B*, C!); C -> D!; B -> E!"))
    call = case.call("B")
    case.do("C")
    assert case.called == []
    case.answer_call(call)
    assert case.offered == ["D"] and ("ignored", "") in case.noted


def test_a_case_below_is_cancelled_with_all_it_has(play: Play) -> None:
    nets = {"sub": "i -> X! -> Y -> o", "deep": "i -> Z! -> o"}
    below, deep = {"kind": "composite", "net": "sub"}, {"kind": "composite", "net": "deep"}
    text = "i -> A -> and(B, C!); C -> D!; B -> E!"
    case = play(net(text, implicit=True, B=below, Y=deep, C={"cancels": ["B"]}, nets=nets))
    [child] = case.children()
    child.do("X")
    [grandchild] = child.children()
    case.do("C")
    assert (child.status, grandchild.status) == (CaseStatus.CANCELLED, CaseStatus.CANCELLED)
    assert grandchild.states("Z") == [ItemState.CANCELLED] and case.offered == ["D"]


def test_all_instances_are_cancelled(play: Play) -> None:
    case = play(cancelling(B={"instances": {"count": 3}}))
    case.do("B")
    case.start("B")
    case.do("C")
    assert case.states("B") == [ItemState.COMPLETED, ItemState.CANCELLED, ItemState.CANCELLED]
    assert case.offered == ["D"]


def test_every_run_of_the_task_is_cancelled(play: Play) -> None:
    # B was started once and waits once more.
    case = play(net("i -> A -> and(X, Y, C!); X -> B! -> E!; Y -> B; C -> D!", implicit=True, C={"cancels": ["B"]}))
    case.start("B")
    case.start("B")
    case.do("C")
    assert case.states("B") == [ItemState.CANCELLED, ItemState.CANCELLED] and case.offered == ["D"]


def test_only_what_is_named_is_cancelled(play: Play) -> None:
    # The task is named and the place before it is not: an enabled one keeps its token.
    case = play(net("i -> A -> and(B!, C!); C -> D!; B -> E!", implicit=True, C={"cancels": ["B"]}))
    case.do("C")
    assert sorted(case.offered) == ["B", "D"] and case.marking["A>B"] == 1


def test_a_task_that_is_cancelled_can_be_enabled_again(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C! -> D! -> xor(A, o)); B -> E!", implicit=True, C={"cancels": ["B", "A>B"]}))
    case.start("B")
    case.do("C")
    case.do("D", go="A")
    case.do("B")
    assert case.states("B") == [ItemState.CANCELLED, ItemState.COMPLETED] and "E" in case.offered


def test_a_task_below_that_is_cancelled_alone_gives_no_token(play: Play) -> None:
    case = play(cancelling("i -> A -> and(B, C!); C -> D!; B -> E!", B={"kind": "composite", "net": "sub"}))
    case.children()[0].cancel()
    assert case.offered == ["C"] and case.status is CaseStatus.RUNNING


def test_the_search_for_a_suitcase_is_stopped(play: Play) -> None:
    case = play(gallery("wcp19-cancel-task"), tag="SK-42")
    searching = case.start("search")
    case.do("report_found")
    assert case.states("search") == [ItemState.CANCELLED]
    with pytest.raises(Conflict):
        case.complete(searching, shelf="14")
    case.do("close")
    assert case.status is CaseStatus.COMPLETED and case.case.data["outcome"] == "was at home"


def test_a_suitcase_that_was_found_is_delivered(play: Play) -> None:
    case = play(gallery("wcp19-cancel-task"), tag="SK-42")
    case.do("search", shelf="14")
    assert case.states("report_found") == [ItemState.WITHDRAWN] and case.offered == ["deliver"]
    case.do("deliver")
    assert case.status is CaseStatus.COMPLETED
