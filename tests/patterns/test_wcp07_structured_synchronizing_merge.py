"""WCP-7, Structured Synchronizing Merge: an or-join waits for exactly the branches that the or-split before it took."""

from itertools import permutations

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# What `go` contains is taken; E is the default.
MERGE = "i -> A -> or(B!, C!, D!, E!) -> F! -> o"


@pytest.mark.parametrize("go", ["B", "C", "D", "BC", "BD", "CD", "BCD", "E"])
def test_the_merge_waits_for_the_branches_taken_and_for_no_other(play: Play, go: str) -> None:
    case = play(net(MERGE), go=go)
    for task in go:
        assert "F" not in case.offered
        case.do(task)
    assert case.offered == ["F"]
    case.do("F")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("F") == 1


@pytest.mark.parametrize("order", list(permutations("BCD")), ids="".join)
def test_the_merge_happens_once_whichever_branch_is_last(play: Play, order: tuple[str, ...]) -> None:
    case = play(net("i -> A -> or(B!, C!, D!, E!) -> F -> o"), go="BCD")
    for task in order:
        assert case.status is CaseStatus.RUNNING
        case.do(task)
    assert case.status is CaseStatus.COMPLETED and case.fired.count("F") == 1


def test_the_merge_waits_for_a_branch_that_is_under_way(play: Play) -> None:
    case = play(net(MERGE), go="BC")
    running = case.start("B")
    case.do("C")
    assert case.offered == []
    case.complete(running)
    assert case.offered == ["F"]


def test_the_merge_waits_for_a_call_and_for_a_case_below(play: Play) -> None:
    below = {"kind": "composite", "net": "sub"}
    case = play(net("i -> A -> or(B*, C, D!) -> F! -> o", C=below, nets={"sub": "i -> X! -> o"}), go="BC")
    case.answer("B")
    assert case.offered == []
    case.children()[0].do("X")
    assert case.offered == ["F"]


def test_the_merge_waits_for_a_branch_however_long_it_is(play: Play) -> None:
    case = play(net("i -> A -> or(B! -> G! -> H!, C!, D!) -> F! -> o"), go="BC")
    case.do("C")
    for task in ("B", "G", "H"):
        assert case.offered == [task]
        case.do(task)
    assert case.offered == ["F"]


def test_the_merge_goes_on_when_the_branch_it_waited_for_is_cancelled(play: Play) -> None:
    # An engine that counts the branches it has started waits for B for ever.
    case = play(net(MERGE), go="BC")
    case.do("C")
    case.cancel_item(case.start("B"))
    assert case.offered == ["F"]


def test_a_branch_that_loops_has_not_arrived_until_it_is_left(play: Play) -> None:
    case = play(net("i -> A -> or(B! -> G -> xor(B, H), C!, D!); H -> or:F! -> o; C -> F; D -> F"), go="BC")
    case.do("C", go="B")
    case.do("B", go="B")
    case.do("B", go="B")
    assert case.offered == ["B"]
    case.do("B", go="out")
    assert case.offered == ["F"]


def test_merges_may_stand_within_branches(play: Play) -> None:
    case = play(net("i -> A -> or(B -> or(C!, D!, G!) -> H, E!, J!) -> F! -> o"), go="BCDE")
    case.do("E")
    case.do("D")
    assert case.offered == ["C"]
    case.do("C")
    assert case.fired[-1] == "H" and case.offered == ["F"]


def test_the_merge_is_ready_for_the_next_round_of_a_loop(play: Play) -> None:
    case = play(net("i -> A! -> or(B!, C!, D!) -> F! -> xor(A, o)"))
    for chosen in ("BC", "C", "B"):
        case.do("A", go=chosen)
        for task in chosen:
            assert "F" not in case.offered
            case.do(task)
        case.do("F", go="A")
    assert case.offered == ["A"] and case.marking == {"F>A": 1}


def test_an_or_join_behind_an_and_split_waits_for_all_branches(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!); B -> or:F! -> o; C -> F"))
    case.do("B")
    assert case.offered == ["C"]
    case.do("C")
    assert case.offered == ["F"]


def test_a_patient_is_diagnosed_when_all_that_was_ordered_is_there(play: Play) -> None:
    case = play(gallery("wcp07-structured-synchronizing-merge"), patient="Dana")
    case.do("examine", orders=["ecg", "blood"])
    case.do("record_ecg", result="normal")
    assert case.offered == ["test_blood"]
    case.do("test_blood", result="low iron")
    [item] = case.items("diagnose")
    assert item.input == {"patient": "Dana", "blood": "low iron", "picture": None, "ecg": "normal"}
    case.do("diagnose", diagnosis="anaemia")
    assert case.status is CaseStatus.COMPLETED


def test_a_patient_for_whom_nothing_was_ordered_is_diagnosed_at_once(play: Play) -> None:
    case = play(gallery("wcp07-structured-synchronizing-merge"), patient="Dana")
    case.do("examine", orders=[])
    assert case.offered == ["diagnose"]
