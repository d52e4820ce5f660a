"""WCP-33, Generalized AND-Join: a branch may arrive more than once; what is too many is kept for the next time."""

from tests.net_notation import net
from tests.patterns.played import Play

# `p` gets tokens from B and X, `q` from C and Y, and E takes one of each.
SURPLUS = "i -> A -> and(B, C, X!, Y!); B -> p; X -> p; C -> q; Y -> q; p -> and:E! -> F!; q -> E"


def test_a_surplus_token_is_kept(play: Play) -> None:
    case = play(net(SURPLUS, implicit=True))
    case.do("X")
    assert case.marking == {"p": 2, "q": 1, "A>Y": 1} and case.offered == ["Y", "E"]
    case.do("E")
    assert case.marking == {"p": 1, "A>Y": 1, "E>F": 1}


def test_a_kept_token_is_used_when_its_partner_comes(play: Play) -> None:
    case = play(net(SURPLUS, implicit=True))
    case.do("X")
    case.do("E")
    assert "E" not in case.offered
    case.do("Y")
    assert case.offered == ["F", "E"]
