"""WCP-34, Static Partial Join for Multiple Instances: n of m let the task go on; the others go on, and are ignored."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

SEEN = {"seen": {"schema": {"type": "array"}}}


def keeping(text: str = "i -> B! -> C!", *, implicit: bool = True, **changes: Any) -> Specification:
    """A net in which B goes on after two of four instances, and keeps the others; `changes` are of B."""
    rule = {"count": 4, "threshold": 2, "on_threshold": "keep", "gather": {"variable": "seen", "from": "$.n"}}
    instances = rule | changes.pop("instances", {})
    return net(text, implicit=implicit, variables=SEEN, B={"instances": instances} | changes)


def test_the_task_goes_on_when_enough_have_completed(play: Play) -> None:
    case = play(keeping())
    case.do("B", n=1)
    assert case.offered == ["B", "B", "B"]
    case.do("B", n=2)
    assert case.offered == ["B", "B", "C"] and case.case.data["seen"] == [1, 2]


def test_the_others_go_on_and_are_ignored(play: Play) -> None:
    case = play(keeping())
    for number in range(4):
        case.do("B", n=number)
    assert case.case.data["seen"] == [0, 1] and case.offered == ["C"]
    assert [item.applied for item in case.items("B")] == [True, True, False, False]


def test_the_task_goes_on_once_whoever_completes_later(play: Play) -> None:
    # An engine that forgets that it went on counts to its threshold a second time.
    case = play(keeping())
    for number in range(4):
        case.do("B", n=number)
    assert len(case.items("C")) == 1 and case.marking == {"B>C": 1}


def test_one_that_was_started_before_is_not_disturbed(play: Play) -> None:
    case = play(keeping())
    item = case.start("B")
    case.do("B", n=2)
    case.do("B", n=3)
    assert case.states("B")[0] is ItemState.STARTED and "C" in case.offered
    case.complete(item, n=1)
    assert case.states("B")[0] is ItemState.COMPLETED and case.case.data["seen"] == [2, 3]


def test_outcomes_that_come_together_count_up_to_the_threshold(play: Play) -> None:
    case = play(keeping())
    items = [case.start("B") for _ in range(4)]
    case.complete_together(*items)
    assert [item.applied for item in case.items("B")] == [True, True, False, False]
    assert case.offered == ["C"]


def test_calls_that_are_left_are_still_made(play: Play) -> None:
    case = play(keeping("i -> B* -> C!"))
    case.answer("B", n=1)
    case.answer("B", n=2)
    assert case.called == ["B", "B"] and case.offered == ["C"]
    case.answer("B", n=3)
    case.answer("B", n=4)
    assert case.called == [] and case.case.data["seen"] == [1, 2] and case.offered == ["C"]


def test_child_cases_that_are_left_go_on(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "instances": {"count": 3, "threshold": 1, "on_threshold": "keep"}}
    case = play(net("i -> B -> C!", implicit=True, nets={"sub": "i -> P! -> o"}, B=below))
    first, second, third = case.children()
    second.do("P")
    case.do("C")
    assert [each.status for each in (case, first, third)] == [CaseStatus.RUNNING] * 3
    first.do("P")
    third.do("P")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("C") == 1


def test_a_case_that_ends_by_itself_waits_for_the_others(play: Play) -> None:
    case = play(keeping())
    for _ in range(2):
        case.do("B")
    case.do("C")
    assert (case.status, case.offered) == (CaseStatus.RUNNING, ["B", "B"])
    case.do("B")
    case.do("B")
    assert case.status is CaseStatus.COMPLETED


def test_a_case_whose_end_is_reached_cancels_the_others(play: Play) -> None:
    case = play(keeping("i -> B! -> C! -> o", implicit=False))
    for _ in range(2):
        case.do("B")
    case.do("C")
    assert case.status is CaseStatus.COMPLETED
    assert case.states("B")[2:] == [ItemState.CANCELLED, ItemState.CANCELLED]


@pytest.mark.parametrize("on_failure", ["fail", "continue", "count"])
def test_a_failure_of_one_that_is_ignored_fails_nothing(play: Play, on_failure: str) -> None:
    case = play(keeping(instances={"on_failure": on_failure}))
    late = case.start("B")
    case.do("B")
    case.do("B")
    case.fail(late)
    assert case.status is CaseStatus.RUNNING and case.case.failure is None


def test_a_connector_may_fail_where_nobody_waits_for_it(play: Play) -> None:
    case = play(keeping("i -> B* -> C!"))
    late = case.calls("B")[3]
    case.answer("B")
    case.answer("B")
    case.fail_call(late)
    assert case.status is CaseStatus.RUNNING and case.called == ["B"]


def test_others_can_be_skipped_and_cancelled(play: Play) -> None:
    case = play(keeping())
    case.do("B")
    case.do("B")
    case.skip("B")
    case.cancel_item(case.waiting("B"))
    assert case.states("B")[2:] == [ItemState.SKIPPED, ItemState.CANCELLED]
    case.do("C")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("C") == 1


def test_what_one_gives_too_late_need_not_fit(play: Play) -> None:
    case = play(keeping("i -> B* -> C!", instances={"gather": {"variable": "seen", "from": {"expr": "output.n"}}}))
    case.answer("B", n=1)
    case.answer("B", n=2)
    case.answer("B")
    assert case.status is CaseStatus.RUNNING


def test_instances_may_no_longer_be_added(play: Play) -> None:
    case = play(keeping(instances={"creation": "dynamic"}))
    case.do("B")
    case.do("B")
    with pytest.raises(Conflict) as refused:
        case.add_instance(case.waiting("B"))
    assert refused.value.code == "no_instances"


def test_the_mutex_is_free_when_the_task_goes_on(play: Play) -> None:
    instances = {"count": 4, "threshold": 2, "on_threshold": "keep"}
    changes: dict[str, Any] = {"B": {"instances": instances, "mutex": "m"}, "D": {"mutex": "m"}}
    case = play(net("i -> A -> and(B*, D*) -> xor:C!", implicit=True, **changes))
    assert case.called == ["B"] * 4
    case.answer("B")
    case.answer("B")
    assert case.called == ["B", "B", "D"]


def test_in_a_loop_the_others_of_a_round_go_on_beside_the_next(play: Play) -> None:
    again = {"until": "size(seen) > 0 && seen[0] > 10"}
    case = play(keeping("i -> B! -> C! -> o", implicit=False, instances={"count": 2, "threshold": 1}, loop=again))
    case.do("B", n=1)
    assert case.offered == ["B", "B", "B"], "one of the first round, two of the second"
    case.do("B", n=50)
    assert case.case.data["seen"] == [1], "what is left of the first round is ignored"
    case.do("B", n=51)
    assert case.offered == ["B", "C"] and case.case.data["seen"] == [51]


def test_a_next_round_begins_beside_the_instances_of_the_last_one(play: Play) -> None:
    case = play(keeping("i -> B! -> C! -> xor(B, o)", implicit=False))
    case.do("B", n=1)
    case.do("B", n=2)
    case.do("C", go="B")
    assert case.offered == ["B"] * 6 and case.case.data["seen"] == [1, 2]
    for number in (3, 4):
        case.do("B", n=number)
    assert case.offered == ["B"] * 4, "the two of the first round were older"
    for number in (5, 6):
        case.do("B", n=number)
    assert case.case.data["seen"] == [5, 6] and "C" in case.offered


def test_an_editor_decides_after_three_reviews(play: Play) -> None:
    reviewers = ["Ada", "Bo", "Cy", "Di", "Ed"]
    case = play(gallery("wcp34-static-partial-join-of-instances"), manuscript="M", reviewers=reviewers)
    late = case.start("review")
    for grade in (1, 2, 3):
        case.do("review", grade=grade)
    assert case.items("decide")[0].input == {"grades": [1, 2, 3]}
    case.do("decide", accepted=True)
    assert case.offered == ["review"]
    case.complete(late, grade=5)
    case.do("review", grade=5)
    assert case.status is CaseStatus.COMPLETED and case.case.data["grades"] == [1, 2, 3]
