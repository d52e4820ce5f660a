"""WCP-5, Simple Merge: alternative branches come together without waiting for each other."""

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play


@pytest.mark.parametrize("go", ["B", "C"])
def test_either_branch_alone_enables_what_follows(play: Play, go: str) -> None:
    case = play(net("i -> A -> xor(B!, C!) -> D! -> o"), go=go)
    case.do(go)
    assert case.offered == ["D"]
    case.do("D")
    assert case.status is CaseStatus.COMPLETED
