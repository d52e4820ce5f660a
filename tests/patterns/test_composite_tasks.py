"""Composite tasks: a child case for each run, what goes into it and comes out, and how the tree hangs together.

Recursion has a file of its own (WCP-22).
"""

from typing import Any

import msgspec
import pytest

from engine.case import CaseStatus
from engine.events import CaseCancelled, ChildEnded
from engine.items.work_item import ItemState
from engine.names import shard_of
from engine.spec.model import Specification
from engine.spec.read import read_specification
from tests.net_notation import net
from tests.patterns.played import Play, Played

MANY = 250
INTEGER: dict[str, Any] = {"schema": {"type": "integer"}}
ANYTHING: dict[str, Any] = {}
ASK: dict[str, Any] = {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}
BELOW: dict[str, Any] = {"kind": "composite", "net": "sub"}
NETS = {"sub": "i -> P! -> Q! -> o"}


def specification(nets: dict[str, Any], identifier: str = "above", version: str = "1", **more: Any) -> Specification:
    document = {"specification": identifier, "version": version, "nets": nets, **more}
    return read_specification(msgspec.json.encode(document).decode())


def pair(task: dict[str, Any], below: dict[str, Any], work: dict[str, Any] | None = None) -> Specification:
    """A net whose task `run` runs the net `sub`, and then `after`; `below` are the variables of `sub`."""
    above = {
        "variables": {"a": ANYTHING | {"default": 1}, "b": ANYTHING, "number": INTEGER | {"default": 7}},
        "start": "run",
        "tasks": {"run": {"kind": "composite", "net": "sub", "next": "after"} | task, "after": ASK},
    }
    return specification({"main": above, "sub": {"variables": below, "start": "ask", "tasks": {"ask": work or ASK}}})


def other(version: str, said: str) -> Specification:
    """A version of another specification, whose result is what `said` says."""
    variables = {"word": ANYTHING | {"default": said, "output": True}, "go": ANYTHING | {"input": True, "default": 0}}
    main = {"variables": variables, "start": "ask", "tasks": {"ask": ASK}}
    return specification({"main": main}, "other", version)


def running(reference: dict[str, Any], **keys: Any) -> Specification:
    """A net whose tasks `run` and then `again` run another specification."""
    run = {"kind": "composite", "specification": reference, "output": {"b": "$.word"}} | keys
    tasks = {"run": run | {"next": "again"}, "again": run | {"next": "after"}, "after": ASK}
    variables = {"a": ANYTHING | {"default": 1}, "b": ANYTHING}
    return specification({"main": {"variables": variables, "start": "run", "tasks": tasks}})


def failure_of(case: Played) -> tuple[str, str | None, str]:
    failure = case.case.failure
    assert failure is not None
    return failure.kind, failure.task, failure.message


# -- a case of its own -------------------------------------------------------------------------------------------------


def test_a_child_is_named_after_its_parent_and_its_number(play: Play) -> None:
    case = play(net("i -> A* -> B -> C! -> o", nets=NETS, B=BELOW))
    case.answer("A")
    [child] = case.children()
    assert (child.id, child.case.parent, child.case.depth) == ("c.2", "c", 1), "number 1 was the call of A"


def test_children_of_children_carry_the_whole_line_in_their_names(play: Play) -> None:
    nets = {"sub": "i -> D -> o", "deep": "i -> P! -> o"}
    case = play(net("i -> B -> C! -> o", nets=nets, B=BELOW, D={"kind": "composite", "net": "deep"}))
    [grandchild] = case.children()[0].children()
    assert grandchild.id == "c.1.1" and grandchild.items("P")[0].id == "c.1.1:1"
    assert {shard_of(each, 16) for each in ("c", "c.1", "c.1.1")} == {shard_of("c", 16)}


def test_it_begins_as_soon_as_its_task_is_enabled(play: Play) -> None:
    case = play(net("i -> A! -> B -> C! -> o", nets=NETS, B=BELOW))
    assert case.children() == []
    case.do("A")
    [child] = case.children()
    assert child.offered == ["P"] and case.offered == []


def test_the_task_goes_on_when_its_case_has_completed(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    [child] = case.children()
    child.do("P")
    assert case.offered == []
    child.do("Q")
    assert child.status is CaseStatus.COMPLETED and case.offered == ["C"]


def test_a_child_that_needs_nobody_is_done_at_once(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets={"sub": "i -> P -> Q -> o"}, B=BELOW))
    assert case.offered == ["C"] and case.children()[0].fired == ["P", "Q"]


def test_a_child_may_end_by_itself(play: Play) -> None:
    case = play(net("i -> B -> C!", implicit=True, nets={"sub": "i -> P -> and(Q!, R!)"}, B=BELOW))
    [child] = case.children()
    child.do("R")
    assert case.offered == []
    child.do("Q")
    assert case.offered == ["C"]


def test_children_of_parallel_branches_run_side_by_side(play: Play) -> None:
    case = play(net("i -> A -> and(B, D) -> C! -> o", nets=NETS, B=BELOW, D=BELOW))
    first, second = case.children()
    for task in ("P", "Q"):
        second.do(task)
        first.do(task)
    assert case.offered == ["C"]


def test_each_token_has_a_child_of_its_own(play: Play) -> None:
    case = play(net("i -> A -> and(X, Y) -> xor:B -> C!", implicit=True, nets=NETS, B=BELOW))
    assert [child.offered for child in case.children()] == [["P"], ["P"]]


def test_each_round_of_a_loop_has_a_child_of_its_own(play: Play) -> None:
    again = BELOW | {"loop": {"until": "go == 'enough'"}, "output": {"go": "$.word"}}
    word = {"word": {"schema": {"type": ["string", "null"]}, "output": True}}
    changes: dict[str, Any] = {"B": again, "Q": {"output": {"word": "$.word"}}}
    case = play(net("i -> B -> C! -> o", nets=NETS, variables=word, **changes))
    for said in ("more", "more", "enough"):
        child = case.children()[-1]
        child.do("P")
        child.do("Q", word=said)
    assert len(case.children()) == 3 and case.offered == ["C"]


def test_a_child_whose_parent_waits_for_nothing_else_is_no_deadlock(play: Play) -> None:
    case = play(net("i -> B -> o", nets=NETS, B=BELOW))
    assert case.status is CaseStatus.RUNNING and case.marking == {}


def test_a_child_that_is_stuck_leaves_its_parent_waiting(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets={"sub": "i -> P! -> xor(Q, R) -> and:S -> o"}, B=BELOW))
    [child] = case.children()
    child.do("P")
    assert child.status is CaseStatus.DEADLOCKED and case.status is CaseStatus.RUNNING


# -- what goes in and what comes out -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("$.a", 1),
        ({"expr": "number * 2"}, 14),
        ({"value": "$.a"}, "$.a"),
        ({"path": "$.b.c", "default": [1]}, [1]),
        ([1, {"x": None}], [1, {"x": None}]),
    ],
)
def test_an_input_variable_is_given_by_the_task(play: Play, source: Any, given: Any) -> None:
    case = play(pair({"input": {"x": source}}, {"x": ANYTHING | {"input": True}}))
    assert case.children()[0].case.data == {"x": given}


def test_an_input_that_is_not_given_takes_its_default(play: Play) -> None:
    below = {"x": ANYTHING | {"input": True, "default": "none"}}
    case = play(pair({"input": {"x": "$.b.missing"}}, below))
    assert case.children()[0].case.data == {"x": "none"}


def test_data_are_not_shared(play: Play) -> None:
    work = ASK | {"output": {"a": "$.a"}}
    case = play(pair({"input": {"a": "$.a"}}, {"a": ANYTHING | {"input": True, "output": True}}, work))
    [child] = case.children()
    child.do("ask", a=2)
    assert (child.case.data["a"], case.case.data["a"]) == (2, 1), "without an output nothing comes back"


def test_output_variables_come_back_through_the_output(play: Play) -> None:
    below = {"x": ANYTHING | {"output": True}, "y": ANYTHING | {"output": True}, "secret": ANYTHING}
    output = {"a": "$.x", "b": {"expr": "output.y + output.x"}}
    case = play(pair({"output": output}, below, ASK | {"output": {"x": "$.x", "y": "$.y", "secret": "$.x"}}))
    case.children()[0].do("ask", x=3, y=4)
    assert (case.case.data["a"], case.case.data["b"]) == (3, 7)


def test_only_output_variables_come_back(play: Play) -> None:
    output = {"b": {"path": "$.secret", "default": "unknown"}}
    case = play(pair({"output": output}, {"secret": ANYTHING | {"default": 42}}))
    case.children()[0].do("ask")
    assert case.case.data["b"] == "unknown"


def test_an_output_variable_that_was_never_set_is_null(play: Play) -> None:
    case = play(pair({"output": {"a": "$.x"}}, {"x": ANYTHING | {"output": True}}))
    case.children()[0].do("ask")
    assert case.case.data["a"] is None


def test_a_result_that_does_not_fit_is_a_validation_error_of_the_task(play: Play) -> None:
    below = {"x": ANYTHING | {"output": True}}
    case = play(pair({"output": {"number": "$.x"}}, below, ASK | {"output": {"x": "$.x"}}))
    case.children()[0].do("ask", x="seven")
    kind, task, message = failure_of(case)
    assert (kind, task) == ("validation_error", "run") and "number" in message
    assert case.case.data["number"] == 7


def test_an_input_that_cannot_be_worked_out_starts_no_child(play: Play) -> None:
    case = play(pair({"input": {"x": {"expr": "number / 0"}}}, {"x": ANYTHING | {"input": True}}))
    assert failure_of(case)[:2] == ("constraint_violation", "run") and case.children() == []
    assert case.marking == {"start": 1}


# -- failures ----------------------------------------------------------------------------------------------------------


def test_a_child_that_fails_fails_the_task_and_says_why(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    [child] = case.children()
    child.fail(child.start("P"), "lost")
    assert failure_of(case) == ("child_failed", "B", "case c.1 failed: item_failed: lost")
    assert child.status is case.status is CaseStatus.FAILED


def test_a_failure_goes_up_the_whole_line(play: Play) -> None:
    nets = {"sub": "i -> D -> o", "deep": "i -> P! -> o"}
    case = play(net("i -> B -> C! -> o", nets=nets, B=BELOW, D={"kind": "composite", "net": "deep"}))
    [grandchild] = case.children()[0].children()
    grandchild.fail(grandchild.start("P"), "lost")
    said = "case c.1 failed: child_failed: case c.1.1 failed: item_failed: lost"
    assert failure_of(case) == ("child_failed", "B", said)


def test_a_failure_cancels_what_runs_beside_it(play: Play) -> None:
    case = play(net("i -> A -> and(B, D, E!) -> C! -> o", nets=NETS, B=BELOW, D=BELOW))
    first, second = case.children()
    first.fail(first.start("P"))
    assert second.status is CaseStatus.CANCELLED and case.states("E") == [ItemState.CANCELLED]


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ({"x": INTEGER | {"input": True}, "y": INTEGER | {"input": True, "default": 1}}, "$.x"),
        ({"x": {"schema": {"type": "string", "minLength": 3}, "input": True}}, "$.x"),
    ],
)
def test_an_input_that_does_not_fit_fails_the_child(play: Play, below: dict[str, Any], said: str) -> None:
    case = play(pair({"input": {"x": {"value": "no"}}}, below))
    kind, task, message = failure_of(case)
    assert (kind, task) == ("child_failed", "run")
    assert message.startswith("case c.1 failed: validation_error: ") and said in message
    assert case.children()[0].status is CaseStatus.FAILED


def test_an_input_that_is_missing_fails_the_child(play: Play) -> None:
    case = play(pair({"input": {"x": "$.b.missing"}}, {"x": ANYTHING | {"input": True}}))
    assert failure_of(case) == ("child_failed", "run", "case c.1 failed: validation_error: $.x: is required")


# -- another specification ---------------------------------------------------------------------------------------------


def test_a_version_that_is_named_is_run(play: Play) -> None:
    case = play(running({"id": "other", "version": "1"}), other("1", "old"), other("2", "new"))
    [child] = case.children()
    assert (child.case.specification, child.case.specification_version) == ("other", "1")
    child.do("ask")
    assert case.case.data["b"] == "old"


def test_without_a_version_it_is_the_latest_when_the_task_starts(play: Play) -> None:
    case = play(running({"id": "other"}), other("1", "old"))
    case.deploy(other("2", "new"))
    [first] = case.children()
    first.do("ask")
    assert case.case.data["b"] == "old", "it began before the new version was deployed"
    second = case.children()[-1]
    assert second.case.specification_version == "2"
    second.do("ask")
    assert case.case.data["b"] == "new"


@pytest.mark.parametrize(
    ("reference", "said"),
    [({"id": "nowhere"}, "nowhere"), ({"id": "other", "version": "3"}, "other")],
)
def test_a_specification_that_is_missing_fails_the_task(play: Play, reference: dict[str, Any], said: str) -> None:
    case = play(running(reference), other("1", "old"))
    kind, task, message = failure_of(case)
    assert (kind, task) == ("child_failed", "run") and f"there is no specification {said}" in message
    assert case.children() == []


def test_an_input_that_the_other_specification_does_not_take_fails_the_child(play: Play) -> None:
    case = play(running({"id": "other"}, input={"colour": "red"}), other("1", "old"))
    message = failure_of(case)[2]
    assert message == "case c.1 failed: validation_error: $.colour: is not a variable of net main"


def test_the_root_of_the_other_specification_is_run(play: Play) -> None:
    first = {"start": "ask", "tasks": {"ask": ASK}}
    second = {"start": "look", "tasks": {"look": ASK}}
    below = specification({"main": first, "side": second}, "other", root="side")
    case = play(running({"id": "other"}, output={}), below)
    assert case.children()[0].offered == ["look"]


def test_specifications_may_run_each_other_down_to_the_bound(play: Play) -> None:
    def one(identifier: str, following: str) -> Specification:
        run = {"kind": "composite", "specification": {"id": following}, "next": "end"}
        return specification({"main": {"start": "run", "tasks": {"run": run}}}, identifier, max_depth=3)

    case = play(one("ping", "pong"), one("pong", "ping"))
    kind, _, message = failure_of(case)
    assert kind == "child_failed" and message.count("failed: child_failed") == 2
    assert message.endswith("constraint_violation: composite tasks nest deeper than max_depth 3")


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_cancelling_a_case_cancels_all_below_it(play: Play) -> None:
    nets = {"sub": "i -> K -> and(P!, D) -> L -> o", "deep": "i -> R! -> o"}
    case = play(net("i -> B -> C! -> o", nets=nets, B=BELOW, D={"kind": "composite", "net": "deep"}))
    [child] = case.children()
    [grandchild] = child.children()
    grandchild.start("R")
    case.cancel()
    assert child.status is grandchild.status is CaseStatus.CANCELLED
    assert child.states("P") == grandchild.states("R") == [ItemState.CANCELLED]


def test_a_child_of_a_cancelled_case_tells_it_nothing(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    case.cancel()
    assert not [entry for entry in case.journal if isinstance(entry.event, ChildEnded)]


def test_a_child_that_is_cancelled_by_itself_ends_the_path(play: Play) -> None:
    case = play(net("i -> A -> and(B, D!) -> xor:C! -> o", nets=NETS, B=BELOW))
    [child] = case.children()
    child.cancel()
    assert (case.offered, case.marking) == (["D"], {"A>D": 1}) and case.case.failure is None
    case.do("D")
    assert case.offered == ["C"]


def test_a_case_whose_only_child_is_cancelled_can_no_longer_move(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    case.children()[0].cancel()
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {}


def test_a_child_that_is_cancelled_is_one_instance_that_has_ended(play: Play) -> None:
    rule = {"count": 3, "threshold": "instances.cancelled == 1 && instances.completed == 1"}
    case = play(net("i -> B -> C! -> o", nets={"sub": "i -> P! -> o"}, B=BELOW | {"instances": rule}))
    first, second, third = case.children()
    second.cancel()
    assert case.offered == []
    first.do("P")
    assert case.offered == ["C"] and third.status is CaseStatus.CANCELLED


def test_a_stuck_child_can_be_cancelled(play: Play) -> None:
    nets = {"sub": "i -> P! -> xor(Q, R) -> and:S -> o"}
    case = play(net("i -> A -> and(B, D!) -> xor:C! -> o", nets=nets, B=BELOW))
    [child] = case.children()
    child.do("P")
    child.cancel()
    case.do("D")
    assert case.offered == ["C"]


def test_a_child_that_completes_after_its_parent_was_cancelled_stays_cancelled(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets={"sub": "i -> P! -> o"}, B=BELOW))
    [child] = case.children()
    item = child.start("P")
    case.happen_together(CaseCancelled("ann"))
    assert child.status is CaseStatus.CANCELLED and child.items("P")[0].id == item
    assert case.status is CaseStatus.CANCELLED


def test_an_outcome_of_a_child_that_comes_after_the_end_is_ignored(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW))
    case.cancel()
    case.happens(ChildEnded(1, CaseStatus.FAILED, {}, "too late"))
    assert case.status is CaseStatus.CANCELLED and case.noted[-1] == ("ignored", "")


def test_hundreds_of_children_are_cancelled_in_several_steps(play: Play) -> None:
    case = play(net("i -> B -> C! -> o", nets=NETS, B=BELOW | {"instances": {"count": MANY}}))
    assert len(case.children()) == MANY
    case.cancel()
    assert {child.status for child in case.children()} == {CaseStatus.CANCELLED}
    assert case.case.runs == {}


def test_an_outcome_does_not_change_an_end_that_is_still_being_cleared_up(play: Play) -> None:
    # More runs are left than one step clears away, and one of them has an outcome behind the end.
    changes: dict[str, Any] = {"S": {"split": {"threads": MANY}}, "B": BELOW}
    case = play(net("i -> A -> and(S, X!); S -> B -> C! -> o; X -> o", nets=NETS, **changes))
    last = max(int(child.id.partition(".")[2]) for child in case.children())
    case.happen_together(case.start("X"), ChildEnded(last, CaseStatus.FAILED, {}, "too late"))
    assert case.status is CaseStatus.COMPLETED and case.case.failure is None
    assert {child.status for child in case.children()} == {CaseStatus.CANCELLED}
    assert (case.case.runs, case.marking) == ({}, {})
