"""WCP-29, Cancelling Discriminator: the first of m branches goes on, and the others are cancelled at that moment."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

REGION = ["B", "C", "A>B", "A>C"]
FIRST = {"join": {"partial": 1, "resets": REGION}}


def race(text: str = "i -> A -> and(B!, C!) -> D -> F! -> o") -> Specification:
    """A net in which D takes the first of B and C and cancels the other."""
    return net(text, D=FIRST)


@pytest.mark.parametrize(("first", "other"), ["BC", "CB"])
def test_the_first_branch_goes_on_and_the_other_is_withdrawn(play: Play, first: str, other: str) -> None:
    case = play(race())
    case.do(first)
    assert case.offered == ["F"] and case.states(other) == [ItemState.WITHDRAWN]
    case.do("F")
    assert case.status is CaseStatus.COMPLETED


def test_a_branch_that_is_under_way_is_stopped(play: Play) -> None:
    case = play(race())
    case.start("C")
    case.do("B")
    assert case.states("C") == [ItemState.CANCELLED] and case.offered == ["F"]


def test_a_branch_that_completes_a_moment_later_counts_no_more(play: Play) -> None:
    case = play(race())
    first, second = case.start("B"), case.start("C")
    case.complete_together(second, first)
    assert [case.items("B")[0].applied, case.items("C")[0].applied] == [False, True]
    assert case.offered == ["F"] and case.marking == {"D>F": 1}


def test_a_call_of_another_branch_is_dropped(play: Play) -> None:
    case = play(race("i -> A -> and(B*, C*) -> D -> F! -> o"))
    late = case.call("C")
    case.answer("B")
    assert case.called == []
    case.answer_call(late)
    assert case.offered == ["F"] and case.fired.count("D") == 1


def test_a_case_below_another_branch_is_cancelled(play: Play) -> None:
    changes: dict[str, Any] = {"D": FIRST, "C": {"kind": "composite", "net": "sub"}}
    case = play(net("i -> A -> and(B!, C) -> D -> F! -> o", nets={"sub": "i -> P! -> o"}, **changes))
    case.do("B")
    [child] = case.children()
    assert child.status is CaseStatus.CANCELLED and case.offered == ["F"]


def test_a_person_cancels_the_others_by_starting_and_not_before(play: Play) -> None:
    case = play(race("i -> A -> and(B!, C!) -> D! -> o"))
    case.do("B")
    assert case.offered == ["C", "D"], "nothing is decided yet"
    case.start("D")
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == []


def test_a_branch_that_arrives_before_the_start_is_removed_with_it(play: Play) -> None:
    case = play(race("i -> A -> and(B!, C!) -> D! -> o"))
    case.do("B")
    case.do("C")
    assert case.offered == ["D"] and case.marking == {"B>D": 1, "C>D": 1}
    case.start("D")
    assert case.marking == {} and case.case.due == {}


def test_nothing_is_left_to_be_ignored(play: Play) -> None:
    case = play(race("i -> A -> and(B!, C!) -> D -> F! -> xor(A, o)"))
    for first in "BCB":
        case.do(first)
        assert case.case.due == {}
        case.do("F", go="A")
    assert case.offered == ["B", "C"] and case.fired.count("D") == 3


def test_only_what_is_listed_is_cancelled(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, E! -> G!) -> D -> F! -> o", D=FIRST))
    case.do("B")
    assert sorted(case.offered) == ["E", "F"]
    case.do("E")
    case.do("G")
    assert case.offered == ["F", "F"], "the branch that was not listed begins a round of its own"


def test_tokens_before_the_join_are_removed_although_they_are_not_listed(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> D! -> F! -> o", D={"join": {"partial": 1, "resets": ["B"]}}))
    assert case.marking == {"B>D": 1, "C>D": 1}
    case.start("D")
    assert case.marking == {}


def test_the_region_may_lie_anywhere(play: Play) -> None:
    join = {"join": {"partial": 1, "resets": ["B", "C", "A>B", "A>C", "X", "A>X"]}}
    case = play(net("i -> A -> and(B!, C!, X! -> Y!); B -> D -> F! -> o; C -> D; Y -> o", D=join))
    case.start("X")
    case.do("B")
    assert case.states("X") == [ItemState.CANCELLED] and case.offered == ["F"]


def test_an_organ_flies_with_the_first_carrier_that_says_yes(play: Play) -> None:
    case = play(gallery("wcp29-cancelling-discriminator"), organ="kidney")
    case.start("ask_airline")
    case.do("ask_charter", flight="LX 9")
    assert case.states("ask_airline") == [ItemState.CANCELLED]
    assert case.states("ask_air_rescue") == [ItemState.WITHDRAWN]
    case.answer("book", flight="LX 9")
    assert case.status is CaseStatus.COMPLETED and case.case.data["booked"] == "LX 9"
