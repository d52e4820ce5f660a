"""WCP-20, Cancel Case: everything that remains of a case is taken away."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
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
