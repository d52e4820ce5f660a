"""WCP-12, Multiple Instances without Synchronization: what follows does not wait for the instances."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def loose(**more: Any) -> dict[str, Any]:
    return {"instances": {"count": 3, "threshold": "none", **more}}


def test_what_follows_is_enabled_as_soon_as_the_instances_have_been_made(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose()))
    assert case.offered == ["A", "A", "A", "B"] and case.marking == {"A>B": 1}


def test_the_instances_may_end_before_and_after_what_follows(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose()))
    case.do("A")
    case.do("B")
    case.do("A")
    assert case.status is CaseStatus.RUNNING
    case.do("A")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["A", "B"])


def test_the_end_of_an_instance_gives_no_token(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose()))
    for _ in range(3):
        case.do("A")
    assert case.marking == {"A>B": 1} and case.offered == ["B"]


def test_calls_are_not_waited_for(play: Play) -> None:
    case = play(net("i -> A* -> B!", implicit=True, A=loose()))
    case.do("B")
    assert (case.status, case.called) == (CaseStatus.RUNNING, ["A", "A", "A"])
    case.answer_together(*case.calls("A"))
    assert case.status is CaseStatus.COMPLETED


def test_cases_below_are_not_waited_for(play: Play) -> None:
    below = {"kind": "composite", "net": "sub"}
    case = play(net("i -> A -> B!", implicit=True, A={**below, **loose()}, nets={"sub": "i -> X! -> o"}))
    case.do("B")
    children = case.children()
    assert (case.status, len(children)) == (CaseStatus.RUNNING, 3)
    for child in children:
        child.do("X")
    assert case.status is CaseStatus.COMPLETED


def test_an_instance_that_fails_harms_nobody(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose()))
    case.fail(case.start("A"))
    assert (case.status, case.states("A").count(ItemState.FAILED)) == (CaseStatus.RUNNING, 1)
    case.do("A")
    case.do("A")
    case.do("B")
    assert case.status is CaseStatus.COMPLETED


def test_the_end_of_the_case_cancels_the_instances_that_are_left(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o", A=loose()))
    case.do("A")
    running = case.start("A")
    case.do("B")
    assert case.status is CaseStatus.COMPLETED
    assert case.states("A") == [ItemState.COMPLETED, ItemState.CANCELLED, ItemState.CANCELLED]
    with pytest.raises(Conflict):
        case.complete(running)


def test_the_task_may_begin_again_while_its_instances_run(play: Play) -> None:
    case = play(net("i -> A! -> B! -> xor(A, C)", implicit=True, A=loose()))
    first = case.start("A")
    case.do("B", go="A")
    assert len(case.items("A")) == 6 and len({item.id for item in case.items("A")}) == 6
    case.complete(first)
    case.do("B", go="C")
    for _ in range(5):
        assert case.status is CaseStatus.RUNNING
        case.do("A")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["A", "B", "A", "B", "C"]


def test_without_instances_it_goes_on_all_the_same(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose(count=0)))
    assert case.items("A") == [] and case.offered == ["B"]


def test_no_instance_can_be_added_to_what_nobody_waits_for(play: Play) -> None:
    case = play(net("i -> A! -> B!", implicit=True, A=loose(creation="dynamic")))
    with pytest.raises(Conflict, match="still waited for"):
        case.add_instance(case.items("A")[0].id)


def test_the_bus_is_booked_before_the_slips_are_signed(play: Play) -> None:
    case = play(gallery("wcp12-instances-without-synchronization"), parents=["Ada", "Ben", "Cleo"])
    assert [item.input for item in case.items("sign_slip")] == [{"parent": name} for name in ("Ada", "Ben", "Cleo")]
    case.do("book_bus", bus="a blue one")
    assert (case.status, case.offered) == (CaseStatus.RUNNING, ["sign_slip"] * 3)
    for _ in range(3):
        case.do("sign_slip")
    assert case.status is CaseStatus.COMPLETED and case.case.data["bus"] == "a blue one"
