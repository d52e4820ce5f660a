"""WCP-8, Multi-Merge: each branch that arrives leads to a run of its own."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.played import Play


def test_each_token_that_arrives_makes_a_run(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> xor:D!", implicit=True))
    case.do("B")
    assert case.offered == ["C", "D"]
    case.do("C")
    assert case.offered == ["D", "D"]


def test_the_runs_wait_each_for_its_own_person(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> xor:D! -> E!", implicit=True))
    first, second = case.start("D"), case.start("D")
    assert first != second and case.states("D") == [ItemState.STARTED, ItemState.STARTED]
    case.complete(second)
    assert case.states("D") == [ItemState.STARTED, ItemState.COMPLETED] and case.offered == ["E"]
    case.complete(first)
    assert case.offered == ["E", "E"]


def test_two_calls_are_made_for_two_tokens(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> xor:D*", implicit=True))
    assert case.called == ["D", "D"]
    case.answer("D")
    assert (case.called, case.status) == (["D"], CaseStatus.RUNNING)
    case.answer("D")
    assert case.status is CaseStatus.COMPLETED
