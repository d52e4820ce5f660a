"""WCP-27, Complete Multiple Instance Task: what is left is completed by force; the task goes on with what it has."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

TAKEN, FORCED = ItemState.COMPLETED, ItemState.FORCE_COMPLETED
SEEN = {"seen": {"schema": {"type": "array"}}}
NET = "i -> A -> and(B{} -> E!, X! -> Y!)"


def many(kind: str = "!", text: str = NET, **changes: Any) -> Specification:
    """A net in which X completes the instances of B; `changes` are of B."""
    instances = {"count": 3, "gather": {"variable": "seen", "from": "$.n"}} | changes.pop("instances", {})
    complete = {"completes": ["B"]}
    return net(text.format(kind), implicit=True, variables=SEEN, B={"instances": instances} | changes, X=complete)


def test_the_instances_that_are_left_are_completed_by_force(play: Play) -> None:
    case = play(many())
    case.do("B", n=1)
    case.start("B")
    case.do("X")
    assert case.states("B") == [TAKEN, FORCED, FORCED] and sorted(case.offered) == ["E", "Y"]


def test_the_task_goes_on_with_what_the_others_gave(play: Play) -> None:
    case = play(many())
    case.do("B", n=1)
    third = case.items("B")[2].id
    case.start_item(third)
    case.complete(third, n=3)
    case.do("X")
    assert case.case.data["seen"] == [1, 3]


def test_the_task_goes_on_although_nobody_has_completed_anything(play: Play) -> None:
    case = play(many())
    case.start("B")
    case.do("X")
    assert case.case.data["seen"] == [] and sorted(case.offered) == ["E", "Y"]


def test_the_task_goes_on_although_nobody_has_started_an_instance(play: Play) -> None:
    case = play(many())
    case.do("X")
    assert case.states("B") == [FORCED] * 3
    assert case.case.data["seen"] == [] and sorted(case.offered) == ["E", "Y"]


def test_a_task_whose_mutex_is_held_is_not_completed_by_force(play: Play) -> None:
    rule = {"instances": {"count": 2}, "mutex": "m"}
    text = "i -> A -> and(B! -> E!, X! -> Y!, M! -> Z!)"
    case = play(net(text, implicit=True, B=rule, X={"completes": ["B"]}, M={"mutex": "m"}))
    case.start("M")
    case.do("X")
    assert case.states("B") == [ItemState.OFFERED] * 2 and "E" not in case.offered


def test_without_anything_to_gather_it_goes_on_as_well(play: Play) -> None:
    case = play(net(NET.format("!"), implicit=True, B={"instances": {"count": 2}}, X={"completes": ["B"]}))
    case.start("B")
    case.do("X")
    assert case.states("B") == [FORCED, FORCED] and sorted(case.offered) == ["E", "Y"]


def test_the_threshold_is_passed_over(play: Play) -> None:
    case = play(many(instances={"threshold": 2}))
    case.do("B", n=1)
    case.do("X")
    assert case.case.data["seen"] == [1] and "E" in case.offered


def test_nothing_is_kept_going_although_the_others_may(play: Play) -> None:
    case = play(many(instances={"threshold": 2, "on_threshold": "keep"}))
    case.do("B", n=1)
    case.do("X")
    assert case.states("B") == [TAKEN, FORCED, FORCED]


def test_an_outcome_that_comes_after_it_counts_no_more(play: Play) -> None:
    case = play(many())
    first, second = case.start("B"), case.start("B")
    complete = case.start("X")
    case.complete_together(first, complete, second)
    assert [item.applied for item in case.items("B")] == [True, False, None]
    assert case.states("B") == [TAKEN, TAKEN, FORCED] and case.offered.count("E") == 1


def test_calls_are_dropped_and_late_answers_ignored(play: Play) -> None:
    case = play(many("*"))
    late = case.calls("B")[2]
    case.answer("B", n=1)
    case.do("X")
    assert case.called == [] and case.case.data["seen"] == [1]
    case.answer_call(late, n=3)
    assert case.noted[-1] == ("ignored", "") and case.case.data["seen"] == [1]


def test_child_cases_that_are_left_are_cancelled(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "instances": {"count": 3}}
    nets = {"sub": "i -> P! -> o"}
    case = play(net(NET.format(""), implicit=True, nets=nets, B=below, X={"completes": ["B"]}))
    first, second, third = case.children()
    second.do("P")
    case.do("X")
    cancelled = CaseStatus.CANCELLED
    assert (first.status, second.status, third.status) == (cancelled, CaseStatus.COMPLETED, cancelled)
    assert sorted(case.offered) == ["E", "Y"]


def test_every_run_of_the_task_is_completed(play: Play) -> None:
    case = play(many("*", "i -> A -> and(P, Q, X!); P -> B{} -> E!; Q -> B; X -> Y!"))
    assert len(case.called) == 6
    case.do("X")
    assert case.offered.count("E") == 2 and case.called == []


def test_a_task_that_does_not_run_is_not_touched(play: Play) -> None:
    case = play(many("!", "i -> A -> and(C! -> B{} -> E!, X! -> Y!)"))
    case.do("X")
    case.do("C")
    assert case.offered.count("B") == 3


def test_instances_that_still_run_behind_a_task_that_went_on_are_not_touched(play: Play) -> None:
    case = play(many(instances={"threshold": 1, "on_threshold": "keep"}))
    case.do("B", n=1)
    case.do("X")
    assert case.offered.count("B") == 2 and case.offered.count("E") == 1


def test_instances_may_no_longer_be_added(play: Play) -> None:
    case = play(many(instances={"creation": "dynamic"}))
    item = case.start("B")
    case.do("X")
    with pytest.raises(Conflict) as refused:
        case.add_instance(item)
    assert refused.value.code == "no_instances"


def test_a_round_of_a_loop_is_completed_and_the_next_one_begins(play: Play) -> None:
    case = play(many("*", loop={"until": "size(seen) > 1"}))
    case.answer("B", n=1)
    case.do("X")
    assert len(case.called) == 3 and "E" not in case.offered, "one answer is not enough"
    for number in range(3):
        case.answer("B", n=number)
    assert case.offered == ["Y", "E"]


def test_a_round_that_waits_for_a_person_is_completed_too(play: Play) -> None:
    case = play(many(loop={"until": "go == 'enough'"}))
    for _ in range(3):
        case.do("B")
    assert case.offered.count("B") == 3, "the second round waits"
    case.do("X", go="enough")
    assert sorted(case.offered) == ["E", "Y"]


def test_a_task_that_completes_by_force_may_cancel_what_follows(play: Play) -> None:
    changes: dict[str, Any] = {"B": {"instances": {"count": 2}}, "X": {"completes": ["B"], "cancels": ["B>E"]}}
    case = play(net(NET.format("*"), implicit=True, **changes))
    case.do("X")
    assert case.offered == ["Y"] and case.called == []


def test_the_mutex_of_the_task_is_free(play: Play) -> None:
    held = {"mutex": "m"}
    changes: dict[str, Any] = {"B": held | {"instances": {"count": 2}}, "C": held, "X": {"completes": ["B"]}}
    case = play(net("i -> A -> and(B*, C*, X!) -> xor:E!", implicit=True, **changes))
    assert case.called == ["B", "B"]
    case.do("X")
    assert case.called == ["C"]


def test_the_bids_that_have_come_are_compared_when_the_tender_is_closed(play: Play) -> None:
    case = play(gallery("wcp27-complete-instances"), builders=["Arch", "Beam", "Cord"])
    for child, price in zip(case.children()[:2], (900, 700), strict=True):
        child.answer("send_documents", to="the builder")
        child.do("enter_bid", price=price)
    case.do("close_tender")
    assert case.items("compare")[0].input == {"prices": [900, 700], "lowest": 700}
    case.do("compare", builder="Beam")
    assert case.status is CaseStatus.COMPLETED and case.children()[2].status is CaseStatus.CANCELLED


def test_the_tender_is_over_when_every_builder_has_answered(play: Play) -> None:
    case = play(gallery("wcp27-complete-instances"), builders=["Arch"])
    [child] = case.children()
    child.answer("send_documents", to="Arch")
    child.do("enter_bid", price=900)
    assert case.states("close_tender") == [ItemState.WITHDRAWN] and case.offered == ["compare"]
