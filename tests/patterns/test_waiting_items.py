"""As many items of a task wait as it could be taken in succession, whatever the marking does."""

from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.played import Play

# `p` gets a token from each of three branches; B and C take from it.
RIVALS = "i -> A -> and(X! -> p, Y! -> p, Z! -> p); p -> choice(B!, C!) -> q -> D -> xor(o, r); r -> E!"


def test_an_item_waits_for_each_token(play: Play) -> None:
    case = play(net(RIVALS, implicit=True))
    for task in ("X", "Y", "Z"):
        case.do(task)
    assert case.offered.count("B") == case.offered.count("C") == 3


def test_an_and_join_waits_as_often_as_its_scarcest_place_allows(play: Play) -> None:
    case = play(net("i -> A -> and(B -> p, C -> p, D -> q); p -> and:E! -> o; q -> E"))
    assert case.marking == {"p": 2, "q": 1} and case.offered == ["E"]


def test_the_newest_unclaimed_item_is_withdrawn_first(play: Play) -> None:
    case = play(net(RIVALS, implicit=True))
    for task in ("X", "Y", "Z"):
        case.do(task)
    _, second, third = case.items("B")
    case.claim(third.id)
    case.start("C")
    assert case.states("B") == [ItemState.OFFERED, ItemState.WITHDRAWN, ItemState.ALLOCATED]
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN, ItemState.WITHDRAWN, ItemState.ALLOCATED]


def test_a_claimed_item_goes_too_when_no_token_is_left_for_it(play: Play) -> None:
    case = play(net(RIVALS, implicit=True))
    case.do("X")
    case.claim(case.items("B")[0].id)
    case.start("C", by="bob")
    assert case.states("B") == [ItemState.WITHDRAWN]
