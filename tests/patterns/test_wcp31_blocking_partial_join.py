"""WCP-31, Blocking Partial Join: n of m branches go on; the next round waits until all m have arrived."""

from itertools import permutations

import pytest

from engine.case import CaseStatus
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def rounds(needed: int = 2, times: int = 2, text: str = "i -> S -> A -> and(B!, C!, E!) -> D!") -> Specification:
    """A net in which D waits for so many of its branches, and `times` rounds of them are on their way."""
    join = {"join": {"partial": needed, "blocks": True}}
    return net(text, implicit=True, S={"split": {"threads": times}}, D=join)


@pytest.mark.parametrize("order", list(permutations("BCE")), ids="".join)
def test_two_of_three_go_on_and_the_third_is_ignored(play: Play, order: tuple[str, ...]) -> None:
    case = play(rounds(times=1))
    case.do(order[0])
    assert "D" not in case.offered
    case.do(order[1])
    case.do("D")
    assert case.case.due == {"D": [f"{order[2]}>D"]}
    case.do(order[2])
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 1


def test_two_branches_of_the_next_round_wait_for_the_last_one_of_this(play: Play) -> None:
    case = play(rounds())
    for task in ("B", "C", "D", "B", "C"):
        case.do(task)
    assert case.marking == {"A>E": 2, "B>D": 1, "C>D": 1} and "D" not in case.offered
    case.do("E")
    assert case.offered == ["E", "D"]


def test_branches_of_two_rounds_are_never_taken_together(play: Play) -> None:
    # A join that counts tokens would take B of both rounds for two branches.
    case = play(rounds())
    case.do("B")
    case.do("B")
    assert "D" not in case.offered and case.marking["B>D"] == 2
    case.do("E")
    case.do("D")
    assert case.case.due == {"D": ["C>D"]} and case.marking["B>D"] == 1


def test_the_branch_that_is_late_need_not_be_the_same_in_each_round(play: Play) -> None:
    case = play(rounds(times=3))
    for order in ("BCDE", "ECDB", "BEDC"):
        for task in order:
            case.do(task)
        assert case.case.due == {}
    assert case.status is CaseStatus.COMPLETED and case.fired.count("D") == 3


def test_rounds_that_have_all_arrived_are_taken_one_after_the_other(play: Play) -> None:
    case = play(rounds(times=3, text="i -> S -> A -> and(B, C, E) -> D!"))
    assert case.offered == ["D", "D", "D"]
    for _ in range(3):
        case.do("D")
    assert case.status is CaseStatus.COMPLETED and case.case.due == {}


def test_a_fast_branch_may_be_many_rounds_ahead(play: Play) -> None:
    case = play(rounds(times=4))
    for _ in range(4):
        case.do("B")
    case.do("C")
    case.do("D")
    assert case.marking["B>D"] == 3
    case.do("E")
    assert "D" not in case.offered, "only one branch of the second round is there"
    case.do("E")
    assert case.offered.count("D") == 1


def test_all_of_all_blocks_nothing(play: Play) -> None:
    case = play(rounds(needed=3))
    for task in ("B", "B", "C", "C", "E"):
        case.do(task)
    assert case.offered == ["E", "D"]
    case.do("D")
    assert case.case.due == {}


def test_the_gate_of_a_reservoir_is_set_once_for_each_round(play: Play) -> None:
    case = play(gallery("wcp31-blocking-partial-join"))
    case.do("begin_round")
    case.do("begin_round")
    case.do("read_left", cm=410)
    case.do("read_right", cm=412)
    case.answer("set_gate", settings=1)
    case.do("read_left", cm=350)
    case.do("read_right", cm=352)
    assert case.called == [], "the gauge at the dam was not read in the morning yet"
    case.do("read_middle", cm=411)
    assert case.called == ["set_gate"]
    case.answer("set_gate", settings=2)
    case.do("read_middle", cm=351)
    assert case.status is CaseStatus.COMPLETED and case.case.data["settings"] == 2
