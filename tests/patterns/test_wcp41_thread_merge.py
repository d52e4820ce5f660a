"""WCP-41, Thread Merge: so many threads of one branch become one."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

TWO = {"join": {"threads": 2}}


def merging(made: int, needed: int, text: str = "i -> A -> B! -> M -> C!", **changes: Any) -> Specification:
    """A net in which A makes threads, and M merges some of them."""
    threads = {"A": {"split": {"threads": made}}, "M": {"join": {"threads": needed}}}
    return net(text, implicit=True, **(threads | changes))


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_it_goes_on_once_when_so_many_have_arrived(play: Play, needed: int) -> None:
    case = play(merging(3, needed))
    for arrived in range(1, needed + 1):
        assert case.offered.count("C") == 0
        case.do("B")
        assert case.marking.get("B>M", 0) == arrived % needed
    assert case.offered.count("C") == 1 and case.fired.count("M") == 1


def test_it_goes_on_again_with_the_next_so_many(play: Play) -> None:
    case = play(merging(6, 3))
    for arrived in range(1, 7):
        case.do("B")
        assert case.offered.count("C") == arrived // 3
    assert case.fired.count("M") == 2


def test_threads_that_are_too_few_wait(play: Play) -> None:
    case = play(merging(5, 3))
    for _ in range(5):
        case.do("B")
    case.do("C")
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"B>M": 2}


def test_threads_that_arrive_in_one_step_are_merged_as_often_as_they_suffice(play: Play) -> None:
    case = play(merging(7, 3, "i -> A -> B -> M -> C!"))
    assert case.offered == ["C", "C"] and case.marking == {"B>M": 1, "M>C": 2}


def test_as_many_items_wait_as_merges_are_possible(play: Play) -> None:
    case = play(merging(7, 2, "i -> A -> B -> M! -> C!"))
    assert case.offered == ["M", "M", "M"]
    case.start("M")
    assert case.marking == {"B>M": 5} and case.offered == ["M", "M"]


def test_an_item_is_withdrawn_when_its_threads_go_elsewhere(play: Play) -> None:
    rivals = "i -> A -> p; p -> M! -> C!; p -> D! -> C"
    case = play(merging(4, 2, rivals))
    assert case.offered.count("M") == 2 and case.offered.count("D") == 4
    case.start("D")
    assert case.states("M") == [ItemState.OFFERED, ItemState.WITHDRAWN]


def test_it_counts_threads_and_not_the_branches_they_come_by(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D!) -> M! -> E!", implicit=True, M={"join": {"threads": 2}}))
    case.do("D")
    assert "M" not in case.offered
    case.do("B")
    assert "M" in case.offered
    case.start("M")
    assert case.marking == {"A>C": 1}


def test_two_threads_of_one_branch_are_two(play: Play) -> None:
    # For an and-join, and for a partial one, they would be one.
    case = play(net("i -> A -> and(P, Q, C!); P -> p; Q -> p; p -> M! -> E!; C -> M", implicit=True, M=TWO))
    assert case.marking["p"] == 2 and case.offered == ["C", "M"]


def test_a_run_of_the_merge_does_not_hold_up_the_next(play: Play) -> None:
    case = play(merging(4, 2, "i -> A -> B -> M* -> C!"))
    assert case.called == ["M", "M"]
    case.answer("M")
    assert case.called == ["M"] and case.offered == ["C"]


def test_a_thread_that_is_cancelled_is_missing(play: Play) -> None:
    case = play(merging(2, 2))
    case.cancel_item(case.items("B")[0].id)
    case.do("B")
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"B>M": 1}


def test_a_lorry_leaves_with_two_pallets_of_four_cartons(play: Play) -> None:
    case = play(gallery("wcp41-thread-merge"), customer="Dana")
    for packed in range(1, 9):
        case.do("pack")
        assert case.offered.count("load_pallet") == packed // 4
    case.do("load_pallet")
    assert "leave" not in case.offered
    case.do("load_pallet")
    case.do("leave")
    assert case.status is CaseStatus.COMPLETED
    assert (case.case.data["cartons"], case.case.data["pallets"]) == (8, 2)
