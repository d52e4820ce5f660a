"""WCP-2, Parallel Split: one task is followed by several at once."""

from tests.net_notation import net
from tests.patterns.played import Play


def test_every_branch_is_enabled_at_once(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D!) -> E -> o"))
    assert case.offered == ["B", "C", "D"]
    assert case.marking == {"A>B": 1, "A>C": 1, "A>D": 1}


def test_the_branches_go_on_independently(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> C!, D!) -> E -> o"))
    case.do("B")
    assert sorted(case.offered) == ["C", "D"]
