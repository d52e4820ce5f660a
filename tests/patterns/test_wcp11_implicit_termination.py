"""WCP-11, Implicit Termination: a case is complete when nothing remains to be done."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play

BRANCHES = "i -> A -> and(B! -> o, C!)"


def test_a_case_ends_when_its_last_branch_has(play: Play) -> None:
    case = play(net(BRANCHES, implicit=True))
    case.do("B")
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"A>C": 1, "end": 1})
    case.do("C")
    assert case.status is CaseStatus.COMPLETED


def test_a_started_item_is_something_that_remains_to_be_done(play: Play) -> None:
    case = play(net(BRANCHES, implicit=True))
    item = case.start("C")
    case.do("B")
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"end": 1})
    case.complete(item)
    assert case.status is CaseStatus.COMPLETED


def test_a_net_that_is_stuck_has_not_ended(play: Play) -> None:
    case = play(net("i -> A -> xor(B, C) -> and:D -> o", implicit=True), go="B")
    assert case.status is CaseStatus.DEADLOCKED
