"""WCP-9, Structured Discriminator: the first of m branches goes on, the others are ignored; then it is ready again."""

from itertools import permutations

import pytest

from engine.case import CaseStatus
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

FIRST = {"join": {"partial": 1}}


def race(text: str = "i -> A -> and(B!, C!, E!) -> D!") -> Specification:
    """A net in which D is the discriminator."""
    return net(text, implicit=True, D=FIRST)


@pytest.mark.parametrize("order", list(permutations("BCE")), ids="".join)
def test_the_first_branch_goes_on_and_the_others_are_ignored(play: Play, order: tuple[str, ...]) -> None:
    case = play(race())
    case.do(order[0])
    assert case.offered.count("D") == 1
    case.do("D")
    for task in order[1:]:
        case.do(task)
        assert case.items("D") == case.items("D")[:1]
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 1


def test_branches_that_arrive_before_anybody_has_started_are_ignored_too(play: Play) -> None:
    case = play(race())
    for task in "BCE":
        case.do(task)
    assert case.offered == ["D"]
    case.do("D")
    assert case.status is CaseStatus.COMPLETED


def test_branches_that_arrive_together_fire_it_once(play: Play) -> None:
    case = play(race("i -> A -> and(B, C, E) -> D!"))
    assert case.offered == ["D"] and len(case.items("D")) == 1


def test_a_discriminator_that_needs_nobody_fires_once(play: Play) -> None:
    case = play(race("i -> A -> and(B!, C!, E!) -> D -> F!"))
    case.complete_together(case.start("B"), case.start("C"), case.start("E"))
    assert case.fired.count("D") == 1 and case.offered == ["F"]


def test_the_others_are_not_cancelled(play: Play) -> None:
    case = play(race())
    running = case.start("C")
    case.do("B")
    case.do("D")
    assert case.offered == ["E"] and case.status is CaseStatus.RUNNING
    case.complete(running)
    assert case.items("C")[0].applied


def test_what_is_still_to_be_ignored_stands_in_the_case(play: Play) -> None:
    case = play(race())
    case.do("B")
    case.start("D")
    assert case.case.due == {"D": 2}
    case.do("C")
    assert case.case.due == {"D": 1} and "C>D" not in case.marking
    case.do("E")
    assert case.case.due == {}


def test_it_is_ready_again_when_every_branch_has_arrived(play: Play) -> None:
    case = play(race("i -> A -> and(B!, C!) -> D! -> F! -> xor(A, o)"))
    for first, second in ("BC", "CB", "BC"):
        case.do(first)
        case.do("D")
        case.do(second)
        assert case.offered == ["F"]
        case.do("F", go="A")
    assert case.offered == ["B", "C"] and case.fired.count("D") == 3


def test_it_is_not_ready_again_before(play: Play) -> None:
    # The next round begins early. The first branch of it is taken for the last one of the round before.
    case = play(race("i -> A -> and(B!, C!) -> D! -> xor(A, o)"))
    case.do("B")
    case.do("D", go="A")
    assert case.offered == ["C", "B", "C"]
    case.do("B")
    assert "D" not in case.offered and case.case.due == {}
    case.do("C")
    assert case.offered == ["C", "D"]


def test_two_branches_by_one_place_are_two_of_its_m(play: Play) -> None:
    # D has two places before it, and the second arrival by `p` is ignored like one by the other place.
    case = play(race("i -> A -> and(X!, Y!, Z!); X -> p; Y -> p; p -> D! -> o; Z -> D"))
    case.do("X")
    case.do("D")
    case.do("Y")
    assert case.offered == ["Z"] and case.case.due == {}


def test_a_patient_is_treated_once_after_the_first_report(play: Play) -> None:
    case = play(gallery("wcp09-structured-discriminator"), picture="skull")
    case.do("read_second", report="a fracture")
    case.do("treat", treatment="a bandage")
    assert case.offered == ["read_first"]
    case.do("read_first", report="a fracture, old")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("treat") == 1
