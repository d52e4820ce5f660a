"""WCP-32, Cancelling Partial Join: n of m branches go on, and the others are cancelled at that moment."""

from itertools import combinations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

REGION = ["B", "C", "E", "A>B", "A>C", "A>E"]


def some(needed: int = 2, text: str = "i -> A -> and(B!, C!, E!) -> D -> F! -> o") -> Specification:
    """A net in which D takes so many of its branches and cancels the others."""
    return net(text, D={"join": {"partial": needed, "resets": REGION}})


@pytest.mark.parametrize("first", list(combinations("BCE", 2)), ids="".join)
def test_two_of_three_go_on_and_the_third_is_withdrawn(play: Play, first: tuple[str, str]) -> None:
    case = play(some())
    [other] = set("BCE") - set(first)
    case.do(first[0])
    assert case.offered.count("F") == 0 and case.states(other) == [ItemState.OFFERED]
    case.do(first[1])
    assert case.offered == ["F"] and case.states(other) == [ItemState.WITHDRAWN]


def test_the_third_is_stopped_where_it_is_under_way(play: Play) -> None:
    case = play(some())
    case.start("E")
    case.do("B")
    case.do("C")
    assert case.states("E") == [ItemState.CANCELLED] and case.offered == ["F"]


def test_a_branch_that_has_several_steps_is_cancelled_wherever_it_is(play: Play) -> None:
    join = {"join": {"partial": 2, "resets": [*REGION, "E>G", "G", "G>H", "H"]}}
    case = play(net("i -> A -> and(B!, C!, E! -> G! -> H!) -> D -> F! -> o", D=join))
    case.do("E")
    case.start("G")
    case.do("B")
    case.do("C")
    assert case.states("G") == [ItemState.CANCELLED] and case.offered == ["F"]


def test_a_branch_that_has_arrived_already_is_not_kept(play: Play) -> None:
    case = play(some(2, "i -> A -> and(B!, C!, E!) -> D! -> o"))
    for task in "BCE":
        case.do(task)
    assert case.offered == ["D"]
    case.start("D")
    assert case.marking == {} and case.case.due == {}


def test_outcomes_that_come_together_count_up_to_the_number(play: Play) -> None:
    case = play(some())
    items = [case.start(task) for task in "BCE"]
    case.complete_together(*items)
    assert [case.items(task)[0].applied for task in "BCE"] == [True, True, False]
    assert case.offered == ["F"]


def test_it_is_ready_again_at_once(play: Play) -> None:
    case = play(some(2, "i -> A -> and(B!, C!, E!) -> D -> F! -> xor(A, o)"))
    for first, second in ("BC", "CE", "EB"):
        case.do(first)
        case.do(second)
        assert case.offered == ["F"]
        case.do("F", go="A")
    assert sorted(case.offered) == ["B", "C", "E"]


def test_tokens_of_a_second_round_are_emptied_with_the_rest(play: Play) -> None:
    # The region is emptied whatever lies in it; that is the difference to a join that blocks.
    split: dict[str, Any] = {"S": {"split": {"threads": 2}}, "D": {"join": {"partial": 2, "resets": REGION}}}
    case = play(net("i -> S -> A -> and(B!, C!, E!) -> D! -> F!", implicit=True, **split))
    case.do("B")
    case.do("B")
    case.do("C")
    case.start("D")
    assert case.marking == {} and case.offered == []


def test_one_that_waits_for_all_cancels_nothing(play: Play) -> None:
    case = play(some(3))
    for task in "BCE":
        case.do(task)
    assert case.offered == ["F"] and case.marking == {"D>F": 1}


def test_an_urgent_payment_needs_two_of_the_board(play: Play) -> None:
    case = play(gallery("wcp32-cancelling-partial-join"), payment="P-9")
    case.start("ask_chair")
    case.do("ask_secretary")
    case.do("ask_treasurer")
    assert case.states("ask_chair") == [ItemState.CANCELLED] and case.called == ["pay"]
    case.answer("pay")
    assert case.status is CaseStatus.COMPLETED and case.case.data["agreed"] == ["secretary", "treasurer"]
