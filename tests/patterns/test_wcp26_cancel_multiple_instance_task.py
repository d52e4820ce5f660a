"""WCP-26, Cancel Multiple Instance Task: all instances that have not ended are stopped; nothing goes on from them."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

TAKEN, GONE = ItemState.COMPLETED, ItemState.CANCELLED
SEEN = {"seen": {"schema": {"type": ["array", "null"]}}}
STOP = {"cancels": ["B", "A>B"]}


def many(kind: str = "!", text: str = "i -> A -> and(B{} -> E!, X! -> Y!)", **instances: Any) -> Specification:
    """A net in which X cancels the instances of B."""
    gathered = {"count": 3, "gather": {"variable": "seen", "from": "$.n"}} | instances
    return net(text.format(kind), implicit=True, variables=SEEN, B={"instances": gathered}, X=STOP)


def test_instances_that_wait_and_that_are_under_way_are_stopped(play: Play) -> None:
    case = play(many())
    case.do("B", n=1)
    case.start("B")
    case.do("X")
    assert case.states("B") == [TAKEN, GONE, GONE] and case.offered == ["Y"]


def test_nothing_goes_on_from_the_instances_that_had_completed(play: Play) -> None:
    case = play(many())
    case.do("B", n=1)
    case.do("B", n=2)
    case.do("X")
    assert case.offered == ["Y"] and case.case.data.get("seen") is None


def test_instances_of_which_none_was_started_are_withdrawn(play: Play) -> None:
    case = play(many())
    case.do("X")
    assert case.states("B") == [ItemState.WITHDRAWN] * 3 and case.offered == ["Y"]


def test_an_instance_that_completes_too_late_counts_no_more(play: Play) -> None:
    case = play(many())
    first, second, third = (case.start("B") for _ in range(3))
    stop = case.start("X")
    case.complete_together(first, second, stop, third)
    assert [item.applied for item in case.items("B")] == [True, True, False]
    assert case.offered == ["Y"] and "E" not in case.fired


def test_the_last_instance_that_is_in_time_lets_the_task_go_on(play: Play) -> None:
    case = play(many())
    first, second, third = (case.start("B") for _ in range(3))
    stop = case.start("X")
    case.complete_together(first, second, third, stop)
    assert sorted(case.offered) == ["E", "Y"]


def test_calls_are_dropped_and_late_answers_ignored(play: Play) -> None:
    case = play(many("*"))
    late = case.calls("B")[1]
    case.answer("B", n=1)
    case.do("X")
    assert case.called == []
    case.answer_call(late)
    assert case.noted[-1] == ("ignored", "") and case.offered == ["Y"]


def test_child_cases_are_cancelled(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "instances": {"count": 3}}
    nets = {"sub": "i -> P! -> o"}
    case = play(net("i -> A -> and(B -> E!, X! -> Y!)", implicit=True, nets=nets, B=below, X=STOP))
    first, second, third = case.children()
    second.do("P")
    case.do("X")
    assert first.status is third.status is CaseStatus.CANCELLED and second.status is CaseStatus.COMPLETED
    assert case.offered == ["Y"]


def test_instances_that_nobody_waits_for_any_more_are_stopped_too(play: Play) -> None:
    case = play(many(threshold=1, on_threshold="keep"))
    case.do("B", n=1)
    assert case.offered == ["B", "B", "X", "E"]
    case.do("X")
    assert case.states("B") == [TAKEN, GONE, GONE] and sorted(case.offered) == ["E", "Y"]


def test_instances_may_no_longer_be_added(play: Play) -> None:
    case = play(many(creation="dynamic"))
    item = case.start("B")
    case.do("X")
    with pytest.raises(Conflict) as refused:
        case.add_instance(item)
    assert refused.value.code == "no_instances" and case.offered == ["Y"]


def test_a_flat_that_is_sold_is_shown_to_nobody_any_more(play: Play) -> None:
    case = play(gallery("wcp26-cancel-instances"), flat="Mill Lane 4", applicants=["Ada", "Bo", "Cy"])
    case.do("show", impression="quiet")
    case.start("show")
    case.do("take_off_market")
    assert case.states("show") == [TAKEN, GONE, GONE] and case.items("choose") == []
    assert case.status is CaseStatus.COMPLETED and case.case.data["outcome"] == "sold"


def test_a_flat_that_was_shown_to_everybody_is_let(play: Play) -> None:
    case = play(gallery("wcp26-cancel-instances"), flat="Mill Lane 4", applicants=["Ada", "Bo"])
    case.do("show", impression="quiet")
    case.do("show", impression="a dog")
    assert case.states("take_off_market") == [ItemState.WITHDRAWN]
    assert case.items("choose")[0].input["impressions"] == ["quiet", "a dog"]
    case.do("choose", tenant="Ada")
    assert case.status is CaseStatus.COMPLETED and case.case.data["outcome"] == "let"
