"""WCP-35, Cancelling Partial Join for Multiple Instances: n of m let the task go on, and the others are cancelled."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

TAKEN, GONE = ItemState.COMPLETED, ItemState.CANCELLED
SEEN = {"seen": {"schema": {"type": "array"}}, "n": {"schema": {"type": "integer"}, "default": 4}}


def cancelling(text: str = "i -> B! -> C! -> o", **instances: Any) -> Specification:
    """A net in which B goes on after two of four instances, and cancels the others."""
    rule = {"count": "n", "threshold": 2, "gather": {"variable": "seen", "from": "$.n"}} | instances
    return net(text, variables=SEEN, B={"instances": rule})


def test_the_others_are_cancelled_when_enough_have_completed(play: Play) -> None:
    case = play(cancelling())
    case.start("B")
    case.do("B", n=1)
    assert case.states("B") == [ItemState.STARTED, TAKEN, ItemState.OFFERED, ItemState.OFFERED]
    case.do("B", n=2)
    assert case.states("B") == [GONE, TAKEN, TAKEN, GONE]
    assert case.offered == ["C"] and case.case.data["seen"] == [1, 2]


def test_an_outcome_that_comes_after_the_last_one_counts_no_more(play: Play) -> None:
    case = play(cancelling())
    first, second, third = (case.start("B") for _ in range(3))
    case.complete_together(third, first, second)
    assert [item.applied for item in case.items("B")] == [True, False, True, None]
    assert case.states("B") == [TAKEN, TAKEN, TAKEN, GONE] and case.offered == ["C"]


def test_calls_are_dropped_and_late_answers_ignored(play: Play) -> None:
    case = play(cancelling("i -> B* -> C! -> o"))
    late = case.calls("B")[2]
    case.answer("B", n=1)
    case.answer("B", n=2)
    assert case.called == [] and case.offered == ["C"]
    case.answer_call(late, n=3)
    assert case.noted[-1] == ("ignored", "") and case.case.data["seen"] == [1, 2]


def test_child_cases_are_cancelled_with_all_below_them(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "instances": {"count": 3, "threshold": 1}}
    nets = {"sub": "i -> L -> o", "deep": "i -> P! -> o"}
    case = play(net("i -> B -> C! -> o", nets=nets, B=below, L={"kind": "composite", "net": "deep"}))
    first, second, third = case.children()
    second.children()[0].do("P")
    cancelled = CaseStatus.CANCELLED
    assert (first.status, second.status, third.status) == (cancelled, CaseStatus.COMPLETED, cancelled)
    assert first.children()[0].status is cancelled and case.offered == ["C"]


@pytest.mark.parametrize("threshold", [3, 4, 1000])
def test_a_threshold_that_cannot_be_reached_waits_for_all(play: Play, threshold: int) -> None:
    case = play(cancelling(count=3, threshold=threshold))
    case.do("B")
    case.do("B")
    assert case.offered == ["B"]
    case.do("B")
    assert case.offered == ["C"]


def test_the_threshold_may_be_worked_out_from_the_data(play: Play) -> None:
    case = play(cancelling(threshold="n / 2 + 1"))
    case.do("B")
    case.do("B")
    assert case.offered == ["B", "B"]
    case.do("B")
    assert case.offered == ["C"]


@pytest.mark.parametrize(("on_failure", "goes_on"), [("continue", False), ("count", True)])
def test_a_failed_instance_counts_where_it_is_said_to(play: Play, on_failure: str, goes_on: bool) -> None:
    case = play(cancelling(on_failure=on_failure))
    case.do("B", n=1)
    case.fail(case.start("B"))
    assert ("C" in case.offered) is goes_on
    assert case.status is CaseStatus.RUNNING


def test_too_many_failures_leave_what_was_reached(play: Play) -> None:
    case = play(cancelling(on_failure="continue"))
    case.do("B", n=1)
    for _ in range(3):
        case.fail(case.start("B"))
    assert case.offered == ["C"] and case.case.data["seen"] == [1]


def test_a_skipped_instance_counts_and_a_cancelled_one_does_not(play: Play) -> None:
    case = play(cancelling())
    case.cancel_item(case.waiting("B"))
    case.do("B", n=1)
    assert "C" not in case.offered
    case.skip("B")
    assert case.offered == ["C"] and case.states("B") == [GONE, TAKEN, ItemState.SKIPPED, GONE]


def test_what_was_cancelled_leaves_nothing_in_the_case(play: Play) -> None:
    case = play(cancelling())
    case.do("B")
    case.do("B")
    assert len(case.case.runs) == 1 and case.marking == {"B>C": 1}


def test_in_a_loop_what_is_left_of_a_round_is_cancelled_before_the_next(play: Play) -> None:
    again = {"until": "size(seen) > 0 && seen[0] > 10"}
    rule = {"count": 3, "threshold": 1, "gather": {"variable": "seen", "from": "$.n"}}
    case = play(net("i -> B* -> C! -> o", variables=SEEN, B={"instances": rule, "loop": again}))
    first = case.calls("B")
    case.answer("B", n=1)
    assert case.called == ["B", "B", "B"] and not set(first) & set(case.calls("B"))
    case.answer("B", n=11)
    assert case.called == [] and case.offered == ["C"]


def test_in_a_loop_items_of_a_round_do_not_stay_behind(play: Play) -> None:
    rule = {"count": 3, "threshold": 1, "gather": {"variable": "seen", "from": "$.n"}}
    again = {"until": "size(seen) > 0 && seen[0] > 10"}
    case = play(net("i -> B! -> C! -> o", variables=SEEN, B={"instances": rule, "loop": again}))
    case.do("B", n=1)
    assert case.states("B") == [TAKEN, GONE, GONE] + [ItemState.OFFERED] * 3
    case.do("B", n=11)
    assert case.offered == ["C"]


def test_nobody_is_called_when_two_donors_are_coming(play: Play) -> None:
    donors = ["Ada", "Bo", "Cy", "Di"]
    case = play(gallery("wcp35-cancelling-partial-join-of-instances"), patient="P-1", donors=donors)
    case.fail(case.start("call_donor"), "no answer")
    case.do("call_donor", name="Bo")
    case.do("call_donor", name="Cy")
    assert case.states("call_donor") == [ItemState.FAILED, TAKEN, TAKEN, GONE]
    assert case.items("prepare")[0].input == {"patient": "P-1", "donors": ["Bo", "Cy"]}
    case.do("prepare")
    assert case.status is CaseStatus.COMPLETED
