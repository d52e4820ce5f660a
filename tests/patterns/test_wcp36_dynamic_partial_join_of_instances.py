"""WCP-36, Dynamic Partial Join for Multiple Instances: how many there are, and how many are enough, is open."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

MOST = "instances.completed * 2 > instances.total"
VARIABLES = {
    "seen": {"schema": {"type": "array"}},
    "quorum": {"schema": {"type": "integer"}, "default": 2},
    "names": {"schema": {"type": "array"}, "default": ["a", "b", "c"]},
}


def dynamic(text: str = "i -> B! -> C! -> o", threshold: Any = MOST, **instances: Any) -> Specification:
    """A net in which B has an instance for each name, and may get more; it goes on when most have completed."""
    rule = {
        "each": "$.names",
        "as": "name",
        "max": 6,
        "creation": "dynamic",
        "threshold": threshold,
        "gather": {"variable": "seen", "from": "$.n"},
    }
    return net(text, variables=VARIABLES, B={"input": {"name": "$.name"}, "instances": rule | instances})


def test_the_condition_is_looked_at_after_each_completion(play: Play) -> None:
    case = play(dynamic())
    case.do("B", n=1)
    assert "C" not in case.offered
    case.do("B", n=2)
    assert case.offered == ["C"] and case.case.data["seen"] == [1, 2]


def test_an_instance_that_is_added_makes_more_necessary(play: Play) -> None:
    case = play(dynamic())
    item = case.start("B")
    case.add_instance(item, "d")
    case.complete(item, n=1)
    case.do("B", n=2)
    assert "C" not in case.offered, "two of four are not most of them"
    case.do("B", n=3)
    assert case.offered == ["C"]


def test_an_instance_that_is_added_has_its_own_data(play: Play) -> None:
    case = play(dynamic())
    case.add_instance(case.items("B")[0].id, "d")
    assert [item.input["name"] for item in case.items("B")] == ["a", "b", "c", "d"]
    assert [item.instance for item in case.items("B")] == [0, 1, 2, 3]


def test_adding_alone_decides_nothing(play: Play) -> None:
    case = play(dynamic(threshold="instances.total > 3 && instances.completed > 0"))
    case.do("B", n=1)
    assert "C" not in case.offered
    case.add_instance(case.waiting("B"), "d")
    assert "C" not in case.offered, "the condition holds now, and is looked at when an instance ends"
    case.do("B", n=2)
    assert case.offered == ["C"]


def test_the_others_are_cancelled_and_added_ones_with_them(play: Play) -> None:
    case = play(dynamic(threshold=1))
    item = case.start("B")
    case.add_instance(item, "d")
    case.complete(item)
    assert case.states("B") == [ItemState.COMPLETED] + [ItemState.CANCELLED] * 3


def test_the_condition_sees_the_data_as_they_are_by_then(play: Play) -> None:
    change = {"output": {"quorum": "$.quorum"}}
    rule = {"count": 4, "threshold": "instances.completed >= quorum"}
    case = play(net("i -> A -> and(B! -> C!, X!)", implicit=True, variables=VARIABLES, B={"instances": rule}, X=change))
    case.do("B")
    case.do("X", quorum=3)
    case.do("B")
    assert "C" not in case.offered
    case.do("B")
    assert case.offered == ["C"]


def test_a_number_is_a_condition_too(play: Play) -> None:
    case = play(dynamic(threshold="instances.total - 1"))
    case.do("B")
    assert "C" not in case.offered
    case.do("B")
    assert case.offered == ["C"]


def test_the_condition_may_count_what_failed_and_was_cancelled(play: Play) -> None:
    case = play(dynamic(threshold="instances.failed + instances.cancelled >= 2", on_failure="continue"))
    case.fail(case.start("B"))
    assert "C" not in case.offered
    case.cancel_item(case.waiting("B"))
    assert case.offered == ["C"] and case.case.data["seen"] == []


def test_the_condition_may_count_what_is_left(play: Play) -> None:
    case = play(dynamic(threshold="instances.active < 2"))
    case.do("B")
    assert "C" not in case.offered
    case.do("B")
    assert case.offered == ["C"]


def test_the_task_goes_on_when_nothing_is_left_whatever_the_condition_says(play: Play) -> None:
    case = play(dynamic(threshold="false"))
    for _ in range(3):
        case.do("B")
    assert case.offered == ["C"]


@pytest.mark.parametrize("threshold", ["size(names)", "quorum * 2"])
def test_other_numbers_of_the_data_may_be_the_threshold(play: Play, threshold: str) -> None:
    case = play(dynamic(threshold=threshold, each=["a", "b", "c", "d", "e"]))
    for _ in range({"size(names)": 3, "quorum * 2": 4}[threshold]):
        assert "C" not in case.offered
        case.do("B")
    assert case.offered == ["C"]


@pytest.mark.parametrize("threshold", ["'two'", "1.5", "names", "1 / 0", "names[9] == 'a'"])
def test_a_condition_that_fails_is_neither_true_nor_false(play: Play, threshold: str) -> None:
    case = play(dynamic(threshold=threshold))
    case.do("B")
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert (failure.kind, failure.task) == ("constraint_violation", "B")


def test_no_more_can_be_added_than_there_may_be(play: Play) -> None:
    case = play(dynamic())
    item = case.start("B")
    for name in "def":
        case.add_instance(item, name)
    with pytest.raises(Conflict) as refused:
        case.add_instance(item, "g")
    assert refused.value.code == "instances_full" and case.states("B").count(ItemState.OFFERED) == 5


def test_completed_ones_count_among_those_there_may_be(play: Play) -> None:
    case = play(dynamic(threshold="all", max=4))
    case.do("B")
    case.do("B")
    case.add_instance(case.waiting("B"), "d")
    with pytest.raises(Conflict) as refused:
        case.add_instance(case.waiting("B"), "e")
    assert refused.value.code == "instances_full"


def test_the_results_come_in_the_order_in_which_the_instances_were_created(play: Play) -> None:
    case = play(dynamic(threshold="all"))
    case.add_instance(case.items("B")[0].id, "d")
    for item in reversed(case.items("B")):
        case.start_item(item.id)
        case.complete(item.id, n=item.input["name"])
    assert case.case.data["seen"] == ["a", "b", "c", "d"]


def test_an_expert_who_is_named_late_is_asked_too(play: Play) -> None:
    experts = ["Ada", "Bo", "Cy"]
    case = play(gallery("wcp36-dynamic-partial-join-of-instances"), vaccine="V-1", experts=experts)
    first = case.start("ask_expert")
    case.add_instance(first, "Di")
    case.complete(first, opinion="safe")
    case.do("ask_expert", opinion="ask Di")
    assert "vote" not in case.offered, "two of four are less than two thirds"
    case.do("ask_expert", opinion="safe, I think")
    assert case.states("ask_expert")[3] is ItemState.CANCELLED
    assert case.items("vote")[0].input["opinions"] == ["safe", "ask Di", "safe, I think"]
    case.do("vote", approved=True)
    assert case.status is CaseStatus.COMPLETED
