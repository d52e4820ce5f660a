"""WCP-37, Local Synchronizing Merge: branches without loops, nested or not, are waited for as far as they come.

Splits and merges do not match here, so what a merge waits for cannot be read from the split before it.
"""

from itertools import permutations, product

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# B and C each go to D or past it; D and E are or-joins. Without B and C the way leads to E at once.
CROSSED = "i -> A -> or(B!, C!, E); B -> xor(D, E); C -> xor(D, E); or:D! -> or:E! -> o"

WAYS = [
    (order, routes)
    for chosen in ("", "B", "C", "BC")
    for order in permutations(chosen)
    for routes in product("DE", repeat=len(chosen))
]


@pytest.mark.parametrize(("order", "routes"), WAYS, ids=lambda way: "".join(way))
def test_each_merge_happens_once_and_after_all_that_come_to_it(
    play: Play, order: tuple[str, ...], routes: tuple[str, ...]
) -> None:
    case = play(net(CROSSED), go="".join(order))
    for task, route in zip(order, routes, strict=True):
        assert not {"D", "E"} & set(case.offered), f"{task} may still come"
        case.do(task, go=route)
    if "D" in routes:
        assert case.offered == ["D"], "E waits for what comes through D"
        case.do("D")
    assert case.offered == ["E"] and case.fired.count("D") == int("D" in routes)
    case.do("E")
    assert case.status is CaseStatus.COMPLETED


def test_a_branch_that_went_past_a_merge_is_no_longer_waited_for(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!); B -> or:D! -> F! -> o; C -> xor(D, E); E! -> F"))
    case.do("B")
    assert case.offered == ["C"]
    case.do("C", go="E")
    assert sorted(case.offered) == ["D", "E"]


def test_a_branch_that_a_merge_took_is_not_waited_for_by_the_next(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, G!); B -> or:D! -> or:E! -> o; C -> D; G -> E"))
    case.do("B")
    case.do("C")
    assert case.offered == ["G", "D"]
    case.do("D")
    assert case.offered == ["G"]
    case.do("G")
    assert case.offered == ["E"] and case.marking == {"D>E": 1, "G>E": 1}


def test_branches_may_leave_the_middle_of_a_parallel_part(play: Play) -> None:
    # B splits in parallel, and only one of its halves goes where C goes too.
    case = play(net("i -> A -> or(B -> and(D!, E!), C!, F); D -> or:F! -> o; E -> or:G! -> F; C -> G"), go="B")
    case.do("D")
    assert case.offered == ["E"]
    case.do("E")
    assert case.offered == ["G"]
    case.do("G")
    assert case.offered == ["F"]


@pytest.mark.parametrize(
    ("high", "old", "engineer", "opinions"),
    [
        (True, False, [], ["ask_fire_brigade"]),
        (True, True, [], ["ask_fire_brigade", "ask_heritage_office"]),
        (True, True, ["ask_fire_brigade"], ["ask_heritage_office", "ask_fire_brigade"]),
        (True, True, ["ask_fire_brigade", "ask_heritage_office"], ["ask_fire_brigade", "ask_heritage_office"]),
        (False, False, [], []),
    ],
)
def test_the_town_decides_when_every_opinion_is_there(
    play: Play, high: bool, old: bool, engineer: list[str], opinions: list[str]
) -> None:
    case = play(gallery("wcp37-local-synchronizing-merge"), plan="a tower", high=high, old=old)
    for opinion in opinions:
        assert "decide" not in case.offered and "calculate" not in case.offered
        case.do(opinion, engineer=opinion in engineer)
    if engineer:
        case.do("calculate")
    assert case.offered == ["decide"] and case.fired.count("calculate") == int(bool(engineer))
    case.do("decide", permitted=True)
    assert case.status is CaseStatus.COMPLETED
