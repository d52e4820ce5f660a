"""WCP-13, Multiple Instances with a priori Design-Time Knowledge: a fixed number of instances, joined."""

from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

GIVEN = {"given": {"schema": {"type": "array"}, "output": True}}
GATHER = {"variable": "given", "from": "$.value"}


def three(text: str = "i -> A! -> B! -> o", task: dict[str, Any] | None = None, **more: Any) -> Specification:
    """A net in which A has three instances, and what they give is gathered in `given`."""
    changes = {**(task or {}), "instances": {"count": 3, "gather": GATHER, **more}}
    return net(text, variables=GIVEN, A=changes, nets={"sub": "i -> X! -> o"})


def test_all_instances_are_offered_at_once(play: Play) -> None:
    case = play(three())
    assert case.offered == ["A", "A", "A"] and [item.instance for item in case.items("A")] == [0, 1, 2]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_follows_waits_for_the_last_instance_whichever_it_is(play: Play, order: tuple[int, ...]) -> None:
    case = play(three())
    items = [item.id for item in case.items("A")]
    for index in order:
        assert case.items("B") == []
        case.start_item(items[index])
        case.complete(items[index], value=index)
    assert case.offered == ["B"] and case.marking == {"A>B": 1}
    assert case.case.data["given"] == [0, 1, 2], "in the order of the instances"


def test_the_first_instance_that_is_started_takes_the_token_and_the_others_take_none(play: Play) -> None:
    case = play(three())
    assert case.marking == {"start": 1}
    for _ in range(3):
        case.start("A")
        assert case.marking == {}
    assert case.fired == ["A"] and case.states("A") == [ItemState.STARTED] * 3


def test_the_instances_may_run_at_the_same_time_in_different_hands(play: Play) -> None:
    case = play(three())
    first, second = case.start("A", by="ann"), case.start("A", by="bob")
    case.complete(second, by="bob", value=1)
    case.complete(first, by="ann", value=0)
    case.do("A", value=2)
    assert case.case.data["given"] == [0, 1, 2]


def test_what_the_instances_gave_is_seen_only_when_they_are_joined(play: Play) -> None:
    case = play(three())
    case.do("A", value=0)
    case.do("A", value=1)
    assert "given" not in case.case.data
    case.do("A", value=2)
    assert case.case.data["given"] == [0, 1, 2]


def test_an_instance_that_gives_nothing_leaves_no_gap(play: Play) -> None:
    case = play(three())
    case.do("A", value=0)
    case.do("A")
    case.do("A", value=2)
    assert case.case.data["given"] == [0, 2]


def test_calls_that_are_answered_together_are_joined_once(play: Play) -> None:
    case = play(three("i -> A* -> B! -> o"))
    calls = case.calls("A")
    assert len(calls) == 3
    case.answer_together(*reversed(calls))
    assert case.offered == ["B"] and len(case.items("B")) == 1


def test_cases_below_are_joined(play: Play) -> None:
    case = play(three("i -> A -> B! -> o", {"kind": "composite", "net": "sub"}))
    children = case.children()
    assert len(children) == 3
    for child in reversed(children):
        assert case.items("B") == []
        child.do("X")
    assert case.offered == ["B"]


def test_each_instance_knows_its_own_index(play: Play) -> None:
    case = play(three(task={"input": {"mine": {"expr": "turn * 10"}, "index": "$.turn_index"}}, **{"as": "turn"}))
    assert [item.input for item in case.items("A")] == [{"mine": i * 10, "index": i} for i in range(3)]


def test_the_failure_of_one_instance_is_the_failure_of_the_task(play: Play) -> None:
    case = play(three())
    case.do("A", value=0)
    case.fail(case.start("A"), "the law does not allow it")
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert (failure.kind, failure.task) == ("item_failed", "A")
    assert case.states("A") == [ItemState.COMPLETED, ItemState.FAILED, ItemState.CANCELLED]


def test_a_failed_instance_may_end_without_result(play: Play) -> None:
    case = play(three(on_failure="continue"))
    case.do("A", value=0)
    case.fail(case.start("A"))
    assert case.status is CaseStatus.RUNNING and case.items("B") == []
    case.do("A", value=2)
    assert case.offered == ["B"] and case.case.data["given"] == [0, 2]


def test_a_cancelled_instance_is_not_waited_for(play: Play) -> None:
    case = play(three())
    case.do("A", value=0)
    case.cancel_item(case.waiting("A"))
    assert case.items("B") == []
    case.do("A", value=2)
    assert case.offered == ["B"] and case.case.data["given"] == [0, 2]


def test_when_every_instance_is_cancelled_the_task_goes_on_without_results(play: Play) -> None:
    case = play(three())
    for _ in range(3):
        case.cancel_item(case.waiting("A"))
    assert case.offered == ["B"] and case.case.data["given"] == []


def test_a_skipped_instance_counts_as_completed(play: Play) -> None:
    case = play(three())
    case.skip("A")
    case.do("A", value=1)
    case.do("A", value=2)
    assert case.offered == ["B"] and case.case.data["given"] == [1, 2]


def test_in_a_loop_the_instances_are_made_anew(play: Play) -> None:
    case = play(three("i -> A! -> B! -> xor(A, o)"))
    for _ in range(3):
        case.do("A", value=1)
    case.do("B", go="A")
    assert case.offered == ["A", "A", "A"]
    for _ in range(3):
        case.do("A", value=2)
    assert case.case.data["given"] == [2, 2, 2]


def test_three_judges_hear_an_appeal(play: Play) -> None:
    case = play(gallery("wcp13-instances-known-at-design-time"), appeal="A-7")
    first, second, third = (item.id for item in case.items("vote"))
    assert case.items("vote")[2].input == {"appeal": "A-7", "judge": 3}
    for item, allow in ((third, False), (first, True), (second, True)):
        case.start_item(item)
        case.complete(item, allow=allow)
    assert case.items("write_judgment")[0].input == {"votes": [True, True, False]}
    case.do("write_judgment")
    assert case.status is CaseStatus.COMPLETED and case.case.data["allowed"] is True
