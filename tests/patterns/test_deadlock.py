"""A case that can no longer move although tokens remain is deadlocked, and says so; whoever waits is not."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play

STUCK = "i -> A -> xor(B!, C!) -> and:D -> o"


def test_a_deadlock_is_said_in_the_status_and_in_the_journal_with_the_marking(play: Play) -> None:
    case = play(net(STUCK), go="B")
    case.do("B")
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"B>D": 1}
    last = case.journal[-1].notes[-1]
    assert (last.what, last.detail) == ("deadlocked", {"B>D": 1})


def test_a_case_that_waits_for_a_person_is_not_deadlocked(play: Play) -> None:
    case = play(net(STUCK), go="B")
    assert case.status is CaseStatus.RUNNING
    case.start("B")
    assert case.status is CaseStatus.RUNNING


def test_a_case_that_waits_for_a_call_is_not_deadlocked(play: Play) -> None:
    case = play(net("i -> A -> and(B*, C) -> D -> o"))
    assert case.status is CaseStatus.RUNNING and case.marking == {"C>D": 1}


def test_a_deadlocked_case_can_be_cancelled(play: Play) -> None:
    case = play(net("i -> A -> xor(B, C) -> and:D -> o"))
    case.cancel()
    assert case.status is CaseStatus.CANCELLED
