"""WCP-43, Explicit Termination: when `end` is marked the case is complete, and what remains is cancelled."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.played import Play


def test_the_first_token_at_the_end_completes_the_case(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o, D* -> o)"))
    case.do("B")
    assert (case.status, case.marking, case.called) == (CaseStatus.COMPLETED, {}, [])
    assert case.states("C") == [ItemState.CANCELLED]


def test_nothing_fires_once_the_end_is_marked(play: Play) -> None:
    assert play(net("i -> A -> and(o, B); B -> o")).fired == ["A"]


def test_what_a_person_completes_after_the_end_is_discarded(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o)"))
    first, second = case.start("B"), case.start("C")
    case.complete_together(first, second)
    assert case.status is CaseStatus.COMPLETED
    assert [case.items("B")[0].applied, case.items("C")[0].applied] == [True, False]
