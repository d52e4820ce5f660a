"""WCP-42, Thread Split: one thread becomes so many in the same branch."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

MANY = 250


def splitting(count: int, text: str = "i -> A! -> B! -> C!", **changes: Any) -> Specification:
    """A net in which A makes so many threads."""
    return net(text, implicit=True, **({"A": {"split": {"threads": count}}} | changes))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_so_many_tokens_are_put_into_one_place(play: Play, count: int) -> None:
    case = play(splitting(count))
    item = case.start("A")
    assert case.marking == {} and case.offered == []
    case.complete(item)
    assert case.marking == {"A>B": count} and case.offered == ["B"] * count


def test_each_thread_is_done_by_itself(play: Play) -> None:
    case = play(splitting(3))
    case.do("A")
    first, second = case.start("B", by="ann"), case.start("B", by="bob")
    assert first != second and case.states("B") == [ItemState.STARTED, ItemState.STARTED, ItemState.OFFERED]
    case.complete(second, by="bob")
    assert case.offered == ["B", "C"] and case.states("B")[0] is ItemState.STARTED


def test_each_thread_goes_its_way_to_the_end(play: Play) -> None:
    case = play(splitting(3))
    case.do("A")
    for task in ("B", "C", "B", "B", "C"):
        case.do(task)
    assert case.offered == ["C"]
    case.do("C")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("C") == 3


def test_threads_may_choose_different_ways(play: Play) -> None:
    case = play(splitting(2, "i -> A -> B! -> xor(C!, D!)"))
    case.do("B", go="C")
    case.do("B", go="D")
    assert case.offered == ["C", "D"]


def test_threads_may_be_split_again(play: Play) -> None:
    case = play(splitting(2, "i -> A -> B -> C!", B={"split": {"threads": 3}}))
    assert case.offered == ["C"] * 6 and case.fired == ["A", "B", "B"]


def test_threads_may_lead_to_a_named_condition(play: Play) -> None:
    case = play(splitting(2, "i -> A -> p -> choice(B!, C!)"))
    assert case.marking == {"p": 2} and case.offered == ["B", "B", "C", "C"]
    case.start("B")
    case.start("C")
    assert case.states("B")[1] is case.states("C")[1] is ItemState.WITHDRAWN


def test_an_and_join_takes_one_thread_at_a_time(play: Play) -> None:
    case = play(net("i -> A -> and(S, T); S -> B! -> and:E! -> F!; T -> E", implicit=True, S={"split": {"threads": 2}}))
    case.do("B")
    case.do("B")
    assert case.offered == ["E"] and case.marking == {"B>E": 2, "T>E": 1}


def test_an_xor_join_takes_them_one_by_one(play: Play) -> None:
    case = play(splitting(3, "i -> A -> B* -> C!"))
    assert case.called == ["B", "B", "B"]
    case.answer("B")
    assert case.called == ["B", "B"] and case.offered == ["C"]


def test_cancelling_one_thread_leaves_the_others(play: Play) -> None:
    case = play(splitting(3, "i -> A -> B! -> C!"))
    case.cancel_item(case.start("B"))
    assert case.offered == ["B", "B"] and case.marking == {"A>B": 2}


def test_the_first_thread_at_the_end_ends_all_of_them(play: Play) -> None:
    case = play(net("i -> A -> B! -> o", A={"split": {"threads": 3}}))
    case.do("B")
    assert case.status is CaseStatus.COMPLETED
    assert case.states("B") == [ItemState.COMPLETED, ItemState.CANCELLED, ItemState.CANCELLED]


def test_hundreds_of_threads_are_started_in_several_steps_and_merged(play: Play) -> None:
    merge: dict[str, Any] = {"C": {"join": {"threads": MANY}}}
    case = play(splitting(MANY, "i -> A -> B* -> C!", **merge))
    assert len(case.called) == MANY and len(case.journal) == 3
    case.answer_together(*case.calls("B"))
    assert case.offered == ["C"] and case.fired.count("B") == MANY


def test_a_sample_is_registered_when_three_tubes_are_frozen(play: Play) -> None:
    case = play(gallery("wcp42-thread-split"), donor="D-5")
    case.do("divide")
    assert case.called == ["label"] * 3
    case.answer("label")
    case.do("freeze")
    case.answer("label")
    case.answer("label")
    case.do("freeze")
    assert case.called == []
    case.do("freeze")
    case.answer("register")
    assert case.status is CaseStatus.COMPLETED
    assert (case.case.data["labels"], case.case.data["frozen"]) == (3, 3)
