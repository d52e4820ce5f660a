"""WCP-28, Blocking Discriminator: the first of m branches goes on; the next round waits until all m have arrived."""

from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

BLOCKING = {"join": {"partial": 1, "blocks": True}}
# A gives each of B and C two tokens, one for each of two rounds.
ROUNDS = "i -> S -> A -> and(B!, C!) -> D!"


def rounds(text: str = ROUNDS, times: int = 2) -> Specification:
    """A net in which D is the discriminator, and `times` rounds of its branches are on their way."""
    return net(text, implicit=True, S={"split": {"threads": times}}, D=BLOCKING)


@pytest.mark.parametrize("order", list(permutations("BCE")), ids="".join)
def test_the_first_branch_goes_on_and_the_others_of_its_round_are_ignored(play: Play, order: tuple[str, ...]) -> None:
    case = play(net("i -> A -> and(B!, C!, E!) -> D!", implicit=True, D=BLOCKING))
    case.do(order[0])
    case.do("D")
    for task in order[1:]:
        case.do(task)
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 1


def test_a_second_token_of_the_same_branch_waits_for_the_next_round(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    case.do("D")
    case.do("B")
    assert case.offered == ["C", "C"] and case.marking["B>D"] == 1, "a structured one would have ignored it"
    assert case.case.due == {"D": ["C>D"]}


def test_the_next_round_begins_when_the_last_branch_of_this_one_arrives(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    case.do("D")
    case.do("B")
    case.do("C")
    assert case.offered == ["C", "D"] and case.case.due == {}
    case.do("D")
    case.do("C")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 2


def test_tokens_that_waited_for_several_rounds_are_taken_one_by_one(play: Play) -> None:
    case = play(rounds(times=3))
    for _ in range(3):
        case.do("B")
    case.do("D")
    assert case.marking["B>D"] == 2 and "D" not in case.offered
    case.do("C")
    assert case.offered.count("D") == 1
    case.do("D")
    case.do("C")
    case.do("D")
    case.do("C")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 3


def test_a_whole_round_that_has_arrived_before_anybody_starts_is_one_round(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    case.do("C")
    assert case.offered == ["B", "C", "D"]
    case.do("D")
    assert case.case.due == {} and case.marking == {"A>B": 1, "A>C": 1}


def test_as_many_items_wait_as_rounds_have_arrived(play: Play) -> None:
    case = play(rounds())
    for task in "BBCC":
        case.do(task)
    assert case.offered == ["D", "D"]
    case.do("D")
    case.do("D")
    assert case.status is CaseStatus.COMPLETED


def test_an_early_token_of_the_next_round_adds_no_item(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    case.do("B")
    assert case.offered.count("D") == 1


def test_the_second_round_is_blocked_also_while_the_first_one_runs(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    item = case.start("D")
    case.do("B")
    assert "D" not in case.offered
    case.do("C")
    assert case.offered.count("D") == 1, "the next round may begin although the first one is not done"
    case.complete(item)
    assert case.offered.count("D") == 1


def test_a_discriminator_that_needs_nobody_keeps_its_rounds_apart(play: Play) -> None:
    case = play(rounds("i -> S -> A -> and(B!, C!) -> D -> F!"))
    case.do("B")
    case.do("B")
    assert case.offered.count("F") == 1
    case.do("C")
    assert case.offered.count("F") == 2
    case.do("C")
    assert "D" not in case.offered and case.case.due == {}


def test_branches_that_arrive_in_one_step_make_whole_rounds(play: Play) -> None:
    case = play(rounds("i -> S -> A -> and(B, C) -> D -> F!", times=3))
    assert case.offered == ["F", "F", "F"] and case.marking == {"D>F": 3} and case.case.due == {}


def test_a_branch_that_is_cancelled_blocks_the_next_round_for_ever(play: Play) -> None:
    case = play(rounds())
    case.do("B")
    case.do("D")
    for item in case.items("C"):
        case.cancel_item(item.id)
    case.do("B")
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"B>D": 1}


def test_a_region_with_the_join_ends_its_round(play: Play) -> None:
    changes: dict[str, Any] = {"S": {"split": {"threads": 2}}, "D": BLOCKING, "X": {"cancels": ["D", "C", "A>C"]}}
    case = play(net("i -> Z -> and(S -> A -> and(B!, C!) -> D!, X!)", implicit=True, **changes))
    case.do("B")
    case.do("D")
    case.do("B")
    assert "D" not in case.offered
    case.do("X")
    assert case.offered == ["D"]


def test_the_samples_of_a_well_are_not_mixed_up(play: Play) -> None:
    case = play(gallery("wcp28-blocking-discriminator"), well="W-3")
    case.do("take_sample")
    case.do("take_sample")
    case.do("examine_north", germs=4)
    case.do("report")
    case.do("examine_north", germs=90)
    assert "report" not in case.offered, "the southern laboratory still owes its result of the first sample"
    case.do("examine_south", germs=5)
    assert case.items("report")[1].input == {"north": 90, "south": 5}
    case.do("report")
    case.do("examine_south", germs=88)
    assert case.status is CaseStatus.COMPLETED and case.case.data["reports"] == 2
