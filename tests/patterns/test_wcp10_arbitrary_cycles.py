"""WCP-10, Arbitrary Cycles: loops by flow, with more than one way in or out."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play


def test_a_loop_is_left_when_its_predicate_says_so(play: Play) -> None:
    case = play(net("i -> A! -> B -> xor(A, o)"), go="A")
    case.do("A", go="A")
    case.do("A", go="A")
    assert case.offered == ["A"] and case.status is CaseStatus.RUNNING
    case.do("A", go="out")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["A", "B"] * 3)


def test_a_cycle_may_have_two_ways_in_and_two_ways_out(play: Play) -> None:
    # The cycle B, C is entered at B or at C, and left from either.
    two_ways = "i -> A -> xor(B!, C!); B -> xor(o, C); C -> xor(o, B)"
    case = play(net(two_ways), go="C")
    case.do("C", go="B")
    case.do("B", go="C")
    assert case.offered == ["C"]
    case.do("C", go="end")
    assert case.status is CaseStatus.COMPLETED


def test_a_net_that_never_rests_is_caught(play: Play) -> None:
    case = play(net("i -> A -> B -> xor(A, o)"), go="A")
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert failure.kind == "constraint_violation"
    assert failure.message == "the net fired 10000 times without waiting for anybody"
