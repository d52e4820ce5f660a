"""WCP-21, Structured Loop: a task is done again while a condition holds, or until it does."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

VARIABLES = {
    "rounds": {"schema": {"type": "integer"}, "input": True, "output": True, "default": 0},
    "wanted": {"schema": {"type": "integer"}, "input": True, "default": 3},
}
COUNTS = {"output": {"rounds": {"expr": "rounds + 1"}}}
WHILE: dict[str, Any] = {"loop": {"while": "rounds < wanted"}}
UNTIL: dict[str, Any] = {"loop": {"until": "rounds >= wanted"}}


def looped(text: str = "i -> A! -> B! -> o", **task: Any) -> Specification:
    """A net in which A counts its rounds."""
    return net(text, variables=VARIABLES, A={**COUNTS, **task}, nets={"sub": "i -> X! -> o"})


@pytest.mark.parametrize("loop", [WHILE, UNTIL], ids=["while", "until"])
@pytest.mark.parametrize("wanted", [1, 2, 5])
def test_the_task_is_done_as_often_as_the_condition_says(play: Play, loop: dict[str, Any], wanted: int) -> None:
    case = play(looped(**loop), wanted=wanted)
    for _ in range(wanted):
        assert case.offered == ["A"]
        case.do("A")
    assert case.offered == ["B"] and case.case.data["rounds"] == wanted


def test_a_loop_that_looks_before_may_do_nothing(play: Play) -> None:
    case = play(looped(**WHILE), wanted=0)
    assert case.offered == ["B"] and case.items("A") == [] and case.marking == {"A>B": 1}


def test_a_loop_that_looks_after_is_done_at_least_once(play: Play) -> None:
    case = play(looped(**UNTIL), wanted=0)
    assert case.offered == ["A"]
    case.do("A")
    assert case.offered == ["B"] and case.case.data["rounds"] == 1


@pytest.mark.parametrize("loop", [WHILE, UNTIL], ids=["while", "until"])
def test_the_tokens_are_taken_once_and_given_once(play: Play, loop: dict[str, Any]) -> None:
    case = play(looped("i -> S -> and(p, q); p -> and:A! -> and(B!, C!) -> D -> o; q -> A", **loop))
    assert case.marking == {"p": 1, "q": 1}
    for _ in range(3):
        case.do("A")
        assert case.marking in ({}, {"A>B": 1, "A>C": 1})
    assert case.marking == {"A>B": 1, "A>C": 1} and case.fired == ["S", "A"]


def test_each_round_has_an_item_of_its_own_that_anybody_may_do(play: Play) -> None:
    case = play(looped(**UNTIL))
    case.complete(case.start("A", by="ann"), by="ann")
    case.complete(case.start("A", by="bob"), by="bob")
    case.do("A")
    assert [item.owner for item in case.items("A")] == ["ann", "bob", "ann"]
    assert len({item.id for item in case.items("A")}) == 3


def test_each_round_sees_what_the_one_before_it_gave(play: Play) -> None:
    case = play(looped(input={"turn": {"expr": "rounds + 1"}}, **UNTIL))
    for _ in range(3):
        case.do("A")
    assert [item.input["turn"] for item in case.items("A")] == [1, 2, 3]


def test_a_call_is_made_again_and_again(play: Play) -> None:
    case = play(looped("i -> A* -> B! -> o", input={"turn": "$.rounds"}, **UNTIL))
    calls = []
    for _ in range(3):
        assert case.called == ["A"]
        calls.append(case.call("A"))
        case.answer("A")
    assert case.offered == ["B"] and len(set(calls)) == 3


def test_the_answer_of_an_earlier_round_does_not_end_a_later_one(play: Play) -> None:
    case = play(looped("i -> A* -> B! -> o", **UNTIL))
    first = case.call("A")
    case.answer("A")
    case.answer_call(first)
    assert case.called == ["A"] and case.case.data["rounds"] == 1


def test_a_case_of_its_own_is_run_for_each_round(play: Play) -> None:
    case = play(looped("i -> A -> B! -> o", kind="composite", net="sub", **UNTIL))
    for turn in range(3):
        child = case.children()[turn]
        assert child.status is CaseStatus.RUNNING and len(case.children()) == turn + 1
        child.do("X")
    assert case.offered == ["B"]


def test_several_instances_are_made_anew_in_each_round(play: Play) -> None:
    found = {"found": {"schema": {"type": "array"}}}
    instances = {"count": 2, "gather": {"variable": "found", "from": "$.value"}}
    task = {"instances": instances, "loop": {"until": "size(found.filter(value, value > 5)) == 2"}}
    case = play(net("i -> A! -> B! -> o", variables=found, A=task))
    for values in ((1, 9), (7, 2), (8, 6)):
        assert case.offered == ["A", "A"]
        for value in values:
            case.do("A", value=value)
    assert case.offered == ["B"] and case.case.data["found"] == [8, 6]


def test_nobody_can_take_the_tokens_between_two_rounds(play: Play) -> None:
    case = play(looped("i -> choice(A!, C!) -> B! -> o", **UNTIL))
    case.do("A")
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == ["A"]


def test_a_rival_wins_only_before_the_first_round(play: Play) -> None:
    case = play(looped("i -> choice(A!, C!) -> B! -> o", **UNTIL))
    case.start("C")
    assert case.states("A") == [ItemState.WITHDRAWN]


def test_the_mutex_is_kept_through_all_rounds(play: Play) -> None:
    a = {**COUNTS, **UNTIL, "mutex": "m"}
    case = play(net("i -> S -> and(A!, C!) -> B -> o", variables=VARIABLES, A=a, C={"mutex": "m"}))
    case.do("A")
    with pytest.raises(Conflict, match="mutex"):
        case.start("C")
    case.do("A")
    case.do("A")
    case.start("C")


def test_an_or_join_waits_for_a_loop(play: Play) -> None:
    a = {**COUNTS, **UNTIL}
    case = play(net("i -> S -> or(A!, C!, D!); A -> or:B! -> o; C -> B; D -> B", variables=VARIABLES, A=a), go="AC")
    case.do("C")
    for _ in range(3):
        assert case.items("B") == []
        case.do("A")
    assert case.offered == ["B"]


def test_a_loop_ends_when_its_item_is_cancelled(play: Play) -> None:
    case = play(net("i -> S -> and(A!, C!); A -> B!", variables=VARIABLES, implicit=True, A={**COUNTS, **UNTIL}))
    case.do("A")
    case.cancel_item(case.waiting("A"))
    assert case.offered == ["C"] and case.case.data["rounds"] == 1
    case.do("C")
    assert case.status is CaseStatus.COMPLETED


def test_a_loop_that_waits_for_its_next_round_can_be_cancelled_by_another_task(play: Play) -> None:
    a, c = {**COUNTS, **UNTIL}, {"cancels": ["A"]}
    case = play(net("i -> S -> and(A!, C!); A -> B!", variables=VARIABLES, implicit=True, A=a, C=c))
    case.do("A")
    case.do("C")
    assert case.states("A") == [ItemState.COMPLETED, ItemState.CANCELLED] and case.status is CaseStatus.COMPLETED


@pytest.mark.parametrize("loop", [{"while": "rounds / 0 < 1"}, {"until": "rounds / 0 < 1"}, {"until": "rounds"}])
def test_a_condition_that_fails_is_neither_true_nor_false(play: Play, loop: dict[str, str]) -> None:
    case = play(looped(loop=loop))
    if "until" in loop:
        case.do("A")
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert (failure.kind, failure.task, case.items("B")) == ("constraint_violation", "A", [])


def test_a_loop_may_be_skipped_round_by_round(play: Play) -> None:
    # A skipped round gives nothing, so the condition stays as it was.
    case = play(looped(loop={"until": "rounds >= 1"}))
    case.skip("A")
    assert case.states("A") == [ItemState.SKIPPED, ItemState.OFFERED] and case.case.data["rounds"] == 0


def test_a_loop_within_a_loop_is_a_case_below(play: Play) -> None:
    x = {**COUNTS, "loop": {"until": "rounds >= 2"}}
    a = {"kind": "composite", "net": "sub", **COUNTS, "loop": {"until": "rounds >= 2"}}
    case = play(net("i -> A -> B! -> o", variables=VARIABLES, A=a, X=x, nets={"sub": "i -> X! -> o"}))
    for turn in range(2):
        child = case.children()[turn]
        child.do("X")
        child.do("X")
        assert child.status is CaseStatus.COMPLETED
    assert case.offered == ["B"]


def test_a_book_is_translated(play: Play) -> None:
    case = play(gallery("wcp21-structured-loop"), chapters=2)
    case.do("translate")
    case.do("translate")
    assert [item.input for item in case.items("translate")] == [{"chapter": 1}, {"chapter": 2}]
    for mistakes in (14, 3, 0):
        case.do("proofread", mistakes=mistakes)
    case.answer("print")
    assert case.status is CaseStatus.COMPLETED and case.case.data["readings"] == 3


def test_a_book_without_chapters_is_only_read(play: Play) -> None:
    case = play(gallery("wcp21-structured-loop"), chapters=0)
    assert case.items("translate") == [] and case.offered == ["proofread"]
    case.do("proofread", mistakes=0)
    case.answer("print")
    assert case.status is CaseStatus.COMPLETED
