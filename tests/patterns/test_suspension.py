"""Suspending a case: it and all below it stand still; what arrives meanwhile is applied, in order, when it goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.events import CallAnswered, CaseCancelled, CaseResumed, CaseSuspended, TriggerPosted
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.played import Play, Played

MANY = 250
BELOW: dict[str, Any] = {"kind": "composite", "net": "sub"}
NETS = {"sub": "i -> P! -> o"}
TWO_LEVELS: dict[str, Any] = {
    "nets": {"sub": "i -> D -> o", "deep": "i -> P! -> o"},
    "B": BELOW,
    "D": {"kind": "composite", "net": "deep"},
}


# -- people ------------------------------------------------------------------------------------------------------------

MOVES: dict[str, Callable[[Played, str], object]] = {
    "claim": lambda case, item: case.claim(item),
    "start": lambda case, item: case.start_item(item),
    "reject-offer": lambda case, item: case.reject_offer(item),
    "offer": lambda case, item: case.offer(item, "bob"),
    "allocate": lambda case, item: case.allocate(item, "bob"),
    "skip": lambda case, item: case.skip("A"),
    "cancel": lambda case, item: case.cancel_item(item),
    "add-instance": lambda case, item: case.add_instance(item),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_move_of_an_item_that_waits_is_refused(play: Play, move: str) -> None:
    case = play(net("i -> A! -> B! -> o", A={"instances": {"count": 2, "creation": "dynamic"}}))
    case.suspend()
    before = case.items("A")
    with pytest.raises(Conflict) as refused:
        MOVES[move](case, before[0].id)
    assert refused.value.code == "case_suspended" and case.items("A") == before


@pytest.mark.parametrize("move", ["complete", "fail", "cancel"])
def test_a_move_of_a_started_item_is_refused(play: Play, move: str) -> None:
    case = play(net("i -> A! -> B! -> o"))
    item = case.start("A")
    case.suspend()
    moves: dict[str, Callable[[str], None]] = {"complete": case.complete, "fail": case.fail, "cancel": case.cancel_item}
    with pytest.raises(Conflict) as refused:
        moves[move](item)
    assert refused.value.code == "case_suspended" and case.states("A") == [ItemState.STARTED]


def test_everything_is_possible_again_when_it_goes_on(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    item = case.start("A")
    case.suspend()
    case.resume()
    case.complete(item)
    assert case.offered == ["B"]


def test_a_refused_move_is_not_made_up_for_later(play: Play) -> None:
    case = play(net("i -> A! -> B! -> o"))
    case.suspend()
    with pytest.raises(Conflict):
        case.start("A")
    case.resume()
    assert case.states("A") == [ItemState.OFFERED]


# -- what arrives meanwhile --------------------------------------------------------------------------------------------


def test_an_answer_is_kept_until_the_case_goes_on(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o"))
    case.suspend()
    case.answer("A", go="answered")
    assert case.offered == [] and case.case.data["go"] is None
    assert [type(event) for event in case.case.kept] == [CallAnswered]
    case.resume()
    assert case.offered == ["B"] and case.case.data["go"] == "answered" and not case.case.kept


def test_a_failure_is_kept_until_the_case_goes_on(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o"))
    case.suspend()
    case.fail_call(case.call("A"))
    assert case.case.failure is None
    case.resume()
    assert case.status is CaseStatus.FAILED


def test_a_call_that_is_to_be_repeated_is_repeated_when_the_case_goes_on(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o", A={"retry": {"attempts": 2, "on": ["any"]}}))
    case.suspend()
    case.fail_call(case.call("A"), retryable=True)
    assert ("retry", "A") not in case.noted
    case.resume()
    assert ("retry", "A") in case.noted and case.called == ["A"]


def test_what_was_completed_before_the_suspension_was_handled_stands(play: Play) -> None:
    # The answer to the person was given already; her output is taken when the case goes on.
    case = play(net("i -> A! -> B! -> o"))
    item = case.start("A")
    case.happen_together(CaseSuspended("ann"), item)
    assert case.states("A") == [ItemState.COMPLETED] and case.items("A")[0].applied is None
    assert case.offered == []
    case.resume()
    assert case.items("A")[0].applied is True and case.offered == ["B"]


def test_outcomes_are_applied_in_the_order_in_which_they_came(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B*, C*) -> D! -> o"))
    calls = {task: case.call(task) for task in "ABC"}
    case.suspend()
    for task in "CAB":
        case.answer_call(calls[task], go=f"{task} was last")
    case.resume()
    done = [task for what, task in case.noted if what == "completed" and task in "ABC"]
    assert done == ["C", "A", "B"] and case.case.data["go"] == "B was last"


def test_what_was_kept_comes_before_anything_newer(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B*) -> D! -> o"))
    first, second = case.call("A"), case.call("B")
    case.happen_together(
        CaseSuspended("ann"),
        CallAnswered(first, 1, {"go": "older"}),
        CaseResumed("ann"),
        CallAnswered(second, 1, {"go": "newer"}),
    )
    assert case.case.data["go"] == "newer" and case.offered == ["D"]


def test_events_from_outside_are_kept_in_their_order(play: Play) -> None:
    mail = {"trigger": {"name": "mail", "kind": "persistent"}, "output": {"go": "$.trigger"}}
    case = play(net("i -> A -> B -> C! -> xor(A, o)", B=mail))
    case.suspend()
    case.trigger("mail", "first")
    case.trigger("mail", "second")
    assert case.marking == {"A>B": 1}
    case.resume()
    assert case.case.data["go"] == "first" and case.case.triggers == (("mail", "second"),)


def test_a_passing_event_starts_what_waits_when_the_case_goes_on(play: Play) -> None:
    bell = {"trigger": {"name": "bell", "kind": "transient"}}
    case = play(net("i -> B -> C! -> o", B=bell))
    case.suspend()
    case.trigger("bell")
    assert case.fired == [] and case.noted[-1] == ("kept", "")
    case.resume()
    assert case.offered == ["C"]


def test_nothing_is_enabled_while_the_case_stands_still(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B*) -> C -> D! -> o"))
    case.answer("A")
    case.suspend()
    case.answer("B")
    assert "C" not in case.fired and case.items("D") == []
    case.resume()
    assert case.offered == ["D"]


def test_instances_that_were_still_to_be_created_are_created_later(play: Play) -> None:
    case = play(net("i -> A! -> B! -> C! -> o", B={"instances": {"count": MANY}}))
    case.happen_together(case.start("A"), CaseSuspended("ann"))
    assert 0 < len(case.items("B")) < MANY
    case.resume()
    assert case.offered == ["B"] * MANY


def test_outcomes_of_many_instances_are_counted_when_the_case_goes_on(play: Play) -> None:
    found: dict[str, Any] = {"found": {}}
    gather = {"variable": "found", "from": "$.n"}
    case = play(net("i -> B* -> C! -> o", variables=found, B={"instances": {"count": 3, "gather": gather}}))
    calls = case.calls("B")
    case.suspend()
    for index in (2, 0, 1):
        case.answer_call(calls[index], n=index)
    assert case.offered == []
    case.resume()
    assert case.offered == ["C"] and case.case.data["found"] == [0, 1, 2]


def test_only_as_many_outcomes_count_as_are_needed(play: Play) -> None:
    found: dict[str, Any] = {"found": {}}
    rule = {"count": 3, "threshold": 1, "gather": {"variable": "found", "with": "count"}}
    case = play(net("i -> B! -> C! -> o", variables=found, B={"instances": rule}))
    items = [case.start("B") for _ in range(3)]
    case.happen_together(CaseSuspended("ann"), *items)
    case.resume()
    assert [item.applied for item in case.items("B")] == [True, False, False]
    assert case.case.data["found"] == 1 and case.offered == ["C"]


def test_hundreds_of_outcomes_are_taken_in_several_steps(play: Play) -> None:
    case = play(net("i -> A -> B* -> C* -> D!", implicit=True, A={"split": {"threads": MANY}}))
    calls = case.calls("B")
    case.suspend()
    case.answer_together(*calls)
    assert len(case.case.kept) == MANY
    case.resume()
    assert case.called == ["C"] * MANY and not case.case.kept


def test_a_case_may_be_suspended_again_while_it_takes_what_it_kept(play: Play) -> None:
    case = play(net("i -> A -> B* -> C* -> D!", implicit=True, A={"split": {"threads": MANY}}))
    calls = case.calls("B")
    case.suspend()
    case.answer_together(*calls)
    case.happen_together(CaseResumed("ann"), CaseSuspended("ann"))
    assert case.status is CaseStatus.SUSPENDED and 0 < len(case.case.kept) < MANY
    case.resume()
    assert case.called == ["C"] * MANY and not case.case.kept


# -- the tree ----------------------------------------------------------------------------------------------------------


def tree(play: Play) -> tuple[Played, Played, Played]:
    """A case, its child, and the child of that one, in which a person is asked."""
    case = play(net("i -> A -> and(B, X!) -> C! -> o", **TWO_LEVELS))
    [child] = case.children()
    [grandchild] = child.children()
    return case, child, grandchild


def test_all_cases_below_stand_still_and_go_on(play: Play) -> None:
    line = tree(play)
    line[0].suspend()
    assert [case.status for case in line] == [CaseStatus.SUSPENDED] * 3
    with pytest.raises(Conflict) as refused:
        line[2].start("P")
    assert refused.value.code == "case_suspended"
    line[0].resume()
    assert [case.status for case in line] == [CaseStatus.RUNNING] * 3
    line[2].do("P")
    assert line[1].status is CaseStatus.COMPLETED and line[0].offered == ["X"]


def test_a_case_below_may_stand_still_alone(play: Play) -> None:
    case, child, grandchild = tree(play)
    child.suspend()
    assert [each.status for each in (case, child, grandchild)] == [
        CaseStatus.RUNNING,
        CaseStatus.SUSPENDED,
        CaseStatus.SUSPENDED,
    ]
    case.do("X")
    child.resume()
    grandchild.do("P")
    assert case.offered == ["C"]


def test_a_case_below_may_go_on_alone_and_its_end_is_kept(play: Play) -> None:
    case, child, grandchild = tree(play)
    case.suspend()
    child.resume()
    grandchild.do("P")
    assert child.status is CaseStatus.COMPLETED and len(case.case.kept) == 1
    case.resume()
    case.do("X")
    assert case.offered == ["C"]


def test_the_end_of_a_case_below_is_kept_when_it_came_a_moment_later(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    [child] = case.children()
    item = child.start("P")
    case.happen_together(CaseSuspended("ann"), item)
    assert case.offered == [] and child.states("P") == [ItemState.COMPLETED]
    case.resume()
    assert case.offered == ["C"]


def test_hundreds_of_children_stand_still_and_go_on(play: Play) -> None:
    changes: dict[str, Any] = {"S": {"split": {"threads": MANY}}, "B": BELOW}
    case = play(net("i -> S -> B -> C!", implicit=True, nets=NETS, **changes))
    case.suspend()
    assert [child.status for child in case.children()] == [CaseStatus.SUSPENDED] * MANY
    case.resume()
    assert [child.status for child in case.children()] == [CaseStatus.RUNNING] * MANY


def test_children_that_were_started_a_moment_before_stand_still_too(play: Play) -> None:
    case = play(net("i -> A! -> B -> C! -> o", nets=NETS, B=BELOW | {"instances": {"count": 3}}))
    case.happen_together(case.start("A"), CaseSuspended("ann"))
    assert [child.status for child in case.children()] == [CaseStatus.SUSPENDED] * 3
    case.resume()
    assert [child.offered for child in case.children()] == [["P"]] * 3


def test_children_that_were_still_to_be_started_are_started_later(play: Play) -> None:
    case = play(net("i -> A! -> B -> C! -> o", nets=NETS, B=BELOW | {"instances": {"count": MANY}}))
    case.happen_together(case.start("A"), CaseSuspended("ann"))
    assert len(case.children()) < MANY
    case.resume()
    assert [child.status for child in case.children()] == [CaseStatus.RUNNING] * MANY


def test_a_case_that_goes_on_while_its_children_are_told_to_stop_leaves_none_behind(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW | {"instances": {"count": MANY}}))
    case.happen_together(CaseSuspended("ann"), CaseResumed("ann"))
    assert {child.status for child in case.children()} == {CaseStatus.RUNNING}


# -- cancelling, and what makes no sense -------------------------------------------------------------------------------


def test_a_suspended_case_can_be_cancelled_with_all_below_it(play: Play) -> None:
    line = tree(play)
    line[0].suspend()
    line[0].cancel()
    assert [case.status for case in line] == [CaseStatus.CANCELLED] * 3
    assert line[2].states("P") == [ItemState.CANCELLED]


def test_what_was_kept_is_gone_when_the_case_is_cancelled(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B!) -> C! -> o"))
    case.suspend()
    case.answer("A")
    case.cancel()
    assert case.case.kept == () and case.case.runs == {} and case.called == []
    case.resume()
    assert case.status is CaseStatus.CANCELLED and "C" not in case.fired


def test_a_completed_item_of_a_case_that_was_cancelled_meanwhile_is_not_applied(play: Play) -> None:
    case = play(net("i -> S -> and(A!, B!) -> C! -> o"))
    case.happen_together(CaseSuspended("ann"), case.start("A"))
    case.cancel()
    assert case.states("A") == [ItemState.COMPLETED] and case.items("A")[0].applied is False


def test_hundreds_of_items_are_cancelled_although_some_were_still_to_be_created(play: Play) -> None:
    # The step that was to go on with creating them must not be lost for clearing them away.
    many = {"instances": {"count": 150}}
    case = play(net("i -> S -> and(A!, X! -> B!) -> C! -> o", A=many, B=many))
    case.happen_together(case.start("X"), CaseSuspended("ann"))
    case.happens(CaseCancelled("ann"))
    assert case.offered == [] and case.case.runs == {} and case.status is CaseStatus.CANCELLED


@pytest.mark.parametrize("event", [CaseSuspended("ann"), CaseResumed("ann")], ids=["suspend", "resume"])
def test_a_case_that_has_ended_stays_as_it_is(play: Play, event: CaseSuspended | CaseResumed) -> None:
    case = play(net("i -> A -> o"))
    case.happens(event)
    assert case.status is CaseStatus.COMPLETED and case.noted[-1] == ("ignored", "")


def test_a_second_suspension_changes_nothing(play: Play) -> None:
    case = play(net("i -> A* -> B! -> o"))
    case.suspend()
    case.answer("A")
    case.suspend()
    assert case.noted[-1] == ("ignored", "") and len(case.case.kept) == 1
    case.resume()
    assert case.offered == ["B"]


def test_a_case_that_runs_cannot_be_resumed(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.resume()
    assert case.noted[-1] == ("ignored", "") and case.offered == ["A"]


def test_a_deadlocked_case_cannot_be_suspended(play: Play) -> None:
    case = play(net("i -> A -> xor(B, C) -> and:D -> o"))
    case.suspend()
    assert case.status is CaseStatus.DEADLOCKED


def test_a_case_may_be_suspended_before_it_has_begun_anything(play: Play) -> None:
    bell = {"trigger": {"name": "bell", "kind": "persistent"}}
    case = play(net("i -> B -> C! -> o", B=bell))
    case.happen_together(CaseSuspended("ann"), TriggerPosted("bell", None, "ann"), CaseResumed("ann"))
    assert case.offered == ["C"]


def test_suspending_again_and_again_loses_nothing(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B*, C*) -> D! -> o"))
    for task in "BCA":
        case.suspend()
        case.answer(task)
        case.resume()
    assert case.offered == ["D"] and case.marking == {"A>D": 1, "B>D": 1, "C>D": 1}
