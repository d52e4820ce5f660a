"""WCP-10, Arbitrary Cycles: loops by flow, with more than one way in or out."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
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


def test_cycles_may_cross_each_other(play: Play) -> None:
    # A, B and B, C are cycles that share B; neither stands within the other.
    case = play(net("i -> A! -> B!; B -> xor(A, C); C! -> xor(B, o)"))
    ways = [
        ("A", "x"),
        ("B", "A"),
        ("A", "x"),
        ("B", "C"),
        ("C", "B"),
        ("B", "A"),
        ("A", "x"),
        ("B", "C"),
        ("C", "end"),
    ]
    for task, go in ways:
        assert case.offered == [task]
        case.do(task, go=go)
    assert case.status is CaseStatus.COMPLETED


def test_a_task_may_lead_back_to_itself(play: Play) -> None:
    case = play(net("i -> A! -> xor(A, o)"))
    case.do("A", go="A")
    assert case.offered == ["A"] and case.marking == {"A>A": 1}
    case.do("A", go="out")
    assert case.status is CaseStatus.COMPLETED


def test_each_round_has_an_item_of_its_own(play: Play) -> None:
    case = play(net("i -> A! -> xor(A, o)"))
    for _ in range(3):
        case.do("A", go="A")
    assert len({item.id for item in case.items("A")}) == 4


def test_a_cycle_may_run_beside_another_branch(play: Play) -> None:
    case = play(net("i -> S -> and(A! -> xor(A, B), D!); B -> and:E -> o; D -> E"))
    case.do("A", go="A")
    case.do("D")
    case.do("A", go="A")
    assert (case.status, case.offered) == (CaseStatus.RUNNING, ["A"])
    case.do("A", go="B")
    assert case.status is CaseStatus.COMPLETED


def test_an_offered_manuscript_begins_with_the_editor_and_is_printed(play: Play) -> None:
    case = play(gallery("wcp10-arbitrary-cycles"), commissioned=False)
    case.do("edit", accepted=False)
    case.do("write")
    case.do("edit", accepted=True)
    case.do("print")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["receive", "edit", "write", "edit", "print"])


def test_a_commissioned_manuscript_begins_with_its_author_and_is_withdrawn(play: Play) -> None:
    case = play(gallery("wcp10-arbitrary-cycles"), commissioned=True)
    case.do("write")
    case.do("edit", accepted=False)
    case.do("write", withdrawn=True)
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["receive", "write", "edit", "write"])
