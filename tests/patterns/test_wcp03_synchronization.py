"""WCP-3, Synchronization: an AND-join waits for all branches."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play


def test_an_and_join_waits_for_the_last_branch(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> D! -> o"))
    case.do("C")
    assert case.offered == ["B"] and case.marking["C>D"] == 1
    case.do("B")
    assert case.offered == ["D"] and case.marking == {"B>D": 1, "C>D": 1}
    case.do("D")
    assert case.status is CaseStatus.COMPLETED
