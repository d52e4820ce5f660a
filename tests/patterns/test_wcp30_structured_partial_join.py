"""WCP-30, Structured Partial Join: n of m branches go on, the others are ignored, and then it is ready again."""

from itertools import combinations, permutations

import pytest

from engine.case import CaseStatus
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def some(needed: int, text: str = "i -> A -> and(B!, C!, E!) -> D!") -> Specification:
    """A net in which D waits for so many of its branches."""
    return net(text, implicit=True, D={"join": {"partial": needed}})


@pytest.mark.parametrize("order", list(permutations("BCE")), ids="".join)
def test_two_of_three_go_on_and_the_third_is_ignored(play: Play, order: tuple[str, ...]) -> None:
    case = play(some(2))
    case.do(order[0])
    assert "D" not in case.offered
    case.do(order[1])
    assert "D" in case.offered
    case.do("D")
    case.do(order[2])
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 1


@pytest.mark.parametrize("needed", [1, 2, 3, 4])
def test_any_number_of_branches_may_be_needed(play: Play, needed: int) -> None:
    case = play(some(needed, "i -> A -> and(B!, C!, E!, F!) -> D!"))
    for arrived, task in enumerate("FECB", 1):
        case.do(task)
        assert ("D" in case.offered) is (arrived >= needed)
    case.do("D")
    assert case.status is CaseStatus.COMPLETED


def test_all_of_all_is_an_and_join(play: Play) -> None:
    case = play(some(3))
    case.do("B")
    case.do("C")
    case.do("E")
    case.start("D")
    assert case.marking == {} and case.case.due == {}


@pytest.mark.parametrize("first", list(combinations("BCE", 2)), ids="".join)
def test_as_many_are_still_ignored_as_were_left(play: Play, first: tuple[str, str]) -> None:
    case = play(some(2, "i -> A -> and(B!, C!, E!) -> D -> F!"))
    for task in first:
        case.do(task)
    assert case.case.due == {"D": 1} and case.offered.count("F") == 1


def test_two_tokens_of_one_branch_are_not_two_branches(play: Play) -> None:
    case = play(some(2, "i -> A -> and(X -> p, Y -> p, C!); p -> D!; C -> D"))
    assert case.marking == {"p": 2, "A>C": 1} and case.offered == ["C"]
    case.do("C")
    assert case.offered == ["D"]


def test_branches_that_arrive_in_one_step_start_it_once(play: Play) -> None:
    case = play(some(2, "i -> A -> and(B, C, E) -> D -> F!"))
    assert case.offered == ["F"] and case.marking == {"D>F": 1} and case.case.due == {}


def test_it_is_ready_again_when_every_branch_has_arrived(play: Play) -> None:
    case = play(some(2, "i -> A -> and(B!, C!, E!) -> D! -> F! -> xor(A, o)"))
    for order in ("BCE", "ECB", "CEB"):
        case.do(order[0])
        case.do(order[1])
        case.do("D")
        case.do(order[2])
        case.do("F", go="A")
    assert sorted(case.offered) == ["B", "C", "E"] and case.fired.count("D") == 3


def test_what_was_ignored_does_not_enable_it_again(play: Play) -> None:
    case = play(some(2, "i -> A -> and(B!, C!, E!, F!) -> D -> G!"))
    for task in "BCEF":
        case.do(task)
    assert case.offered == ["G"] and case.case.due == {}


def test_the_branches_that_are_ignored_are_done_all_the_same(play: Play) -> None:
    case = play(some(1, "i -> A -> and(B!, C*, E!) -> D!"))
    case.do("B")
    case.do("D")
    assert case.called == ["C"] and case.offered == ["E"]
    case.answer("C")
    case.do("E")
    assert case.status is CaseStatus.COMPLETED


def test_the_case_is_not_held_up_by_what_is_still_to_be_ignored(play: Play) -> None:
    case = play(some(2))
    case.do("B")
    case.do("C")
    case.do("D")
    case.cancel_item(case.items("E")[0].id)
    assert case.status is CaseStatus.COMPLETED


def test_a_cancelled_join_has_taken_its_branches(play: Play) -> None:
    case = play(some(2))
    case.do("B")
    case.do("C")
    case.cancel_item(case.items("D")[0].id)
    assert case.case.due == {"D": 1} and case.offered == ["E"]
    case.do("E")
    assert case.status is CaseStatus.COMPLETED


def test_a_candidate_is_invited_after_two_references(play: Play) -> None:
    case = play(gallery("wcp30-structured-partial-join"), candidate="Dana")
    case.do("ask_factory", reference="punctual")
    case.do("ask_school", reference="bright")
    [item] = case.items("invite")
    assert item.input == {"candidate": "Dana", "school": "bright", "office": None, "factory": "punctual"}
    case.do("invite", day="2024-05-02")
    case.do("ask_office", reference="too late")
    assert case.status is CaseStatus.COMPLETED and len(case.items("invite")) == 1
