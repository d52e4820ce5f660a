"""Multiple instances: what they are given, how they end, what is gathered of them, and how many there may be.

The patterns themselves have files of their own (WCP-12 to 15, 26, 27, 34 to 36).
"""

from collections import Counter
from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict, Forbidden, InvalidInput, NotFound
from engine.events import CallAnswered, CallFailed, CaseCancelled, Continued, Distributed
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.played import Play, Played

MANY = 250
VARIABLES: dict[str, Any] = {
    "found": {"default": "nothing yet"},
    "more": {},
    "names": {"schema": {"type": "array"}, "default": ["a", "b", "c"]},
    "n": {"schema": {"type": "integer"}, "default": 3},
}
BELOW: dict[str, Any] = {"kind": "composite", "net": "sub"}


def several(text: str = "i -> B! -> C! -> o", task: dict[str, Any] | None = None, **instances: Any) -> Specification:
    """A net in which B has three instances, or what `instances` say; `task` are further keys of B."""
    rule = {"count": "n"} | instances
    if "each" in rule:
        del rule["count"]
    nets = {"sub": "i -> P! -> o"}
    return net(text, variables=VARIABLES, nets=nets, B={"instances": rule} | (task or {}))


def gathering(how: str, source: Any = "$.v", text: str = "i -> B! -> C! -> o") -> Specification:
    """A net in which what the instances of B gave is gathered in `found`."""
    return several(text, gather={"variable": "found", "from": source, "with": how})


def failure_of(case: Played) -> tuple[CaseStatus, str, str]:
    failure = case.case.failure
    assert failure is not None
    return case.status, failure.kind, failure.message


# -- gathers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "values", "found"),
    [
        ("list", [3, "x", None], [3, "x", None]),
        ("sum", [3, 4, 5], 12),
        ("sum", [0.1, 0.2, 0.3], 0.6),
        ("sum", [1, 0.5, 2], 3.5),
        ("count", [None, False, ""], 3),
        ("min", [3, 1.5, 2], 1.5),
        ("max", ["b", "a", "c"], "c"),
        ("avg", [1, 2, 6], 3.0),
        ("merge", [{"a": 1, "b": 1}, {"b": 2}, {"c": 3}], {"a": 1, "b": 2, "c": 3}),
    ],
)
def test_what_the_instances_gave_is_joined(play: Play, how: str, values: list[Any], found: Any) -> None:
    case = play(gathering(how))
    for value in values:
        case.do("B", v=value)
    assert case.case.data["found"] == found and case.offered == ["C"]


@pytest.mark.parametrize(
    ("how", "found"),
    [("list", []), ("sum", 0), ("count", 0), ("min", None), ("max", None), ("avg", None), ("merge", {})],
)
def test_of_nothing_there_is_a_value_too(play: Play, how: str, found: Any) -> None:
    case = play(gathering(how))
    for _ in range(3):
        case.do("B", other=1)
    assert case.case.data["found"] == found and case.offered == ["C"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_values_come_in_the_order_of_the_instances_whoever_is_first(play: Play, order: tuple[int, ...]) -> None:
    case = play(gathering("list"))
    for index in order:
        item = case.items("B")[index].id
        case.start_item(item)
        case.complete(item, v=index)
    assert case.case.data["found"] == [0, 1, 2]


def test_a_later_instance_wins_a_merge_whoever_is_first(play: Play) -> None:
    case = play(gathering("merge", text="i -> B* -> C! -> o"))
    for index, call in reversed(list(enumerate(case.calls("B")))):
        case.answer_call(call, v={"by": index})
    assert case.case.data["found"] == {"by": 2}


def test_without_a_path_the_whole_output_is_gathered(play: Play) -> None:
    case = play(several(gather={"variable": "found"}))
    for value in (1, 2, 3):
        case.do("B", v=value)
    assert case.case.data["found"] == [{"v": 1}, {"v": 2}, {"v": 3}]


def test_several_variables_are_gathered_of_one_output(play: Play) -> None:
    gathers = [{"variable": "found", "from": "$.v", "with": "sum"}, {"variable": "more", "from": "$.w", "with": "list"}]
    case = play(several(gather=gathers))
    case.do("B", v=1, w="x")
    case.do("B", w="y")
    case.do("B", v=3)
    assert (case.case.data["found"], case.case.data["more"]) == (4, ["x", "y"])


def test_an_expression_sees_the_output_and_the_variables_as_they_are_when_the_instance_ends(play: Play) -> None:
    case = play(gathering("list", {"expr": "output.v * n"}))
    for value in (1, 2, 3):
        case.do("B", v=value)
    assert case.case.data["found"] == [3, 6, 9]


def test_a_default_stands_for_what_an_instance_did_not_give(play: Play) -> None:
    case = play(gathering("list", {"path": "$.v", "default": 0}))
    case.do("B", v=1)
    case.do("B")
    case.do("B", v=3)
    assert case.case.data["found"] == [1, 0, 3]


def test_nothing_is_seen_of_it_before_all_have_ended(play: Play) -> None:
    case = play(gathering("list"))
    case.do("B", v=1)
    case.do("B", v=2)
    assert case.case.data["found"] == "nothing yet"


@pytest.mark.parametrize(
    ("how", "value", "said"),
    [
        ("sum", "x", "gather.found: 'x' is not a number"),
        ("avg", None, "gather.found: None is not a number"),
        ("max", True, "gather.found: True is not a number"),
        ("min", [1], "gather.found: [1] is not a number"),
        ("merge", 1, "gather.found: 1 is no object that could be merged"),
    ],
)
def test_what_cannot_be_joined_so_raises(play: Play, how: str, value: Any, said: str) -> None:
    case = play(gathering(how))
    for _ in range(3):
        case.do("B", v=value)
    assert failure_of(case) == (CaseStatus.FAILED, "validation_error", said)


def test_what_does_not_fit_its_variable_raises(play: Play) -> None:
    case = play(several(gather={"variable": "n", "from": "$.v", "with": "avg"}))
    for value in (1, 2, 2):
        case.do("B", v=value)
    status, kind, message = failure_of(case)
    assert (status, kind) == (CaseStatus.FAILED, "validation_error") and message.startswith("gather.n: ")
    assert case.case.data["n"] == 3


def test_a_person_is_told_at_once_that_an_output_cannot_be_gathered(play: Play) -> None:
    case = play(gathering("list", {"expr": "output.v * 2"}))
    item = case.start("B")
    with pytest.raises(InvalidInput) as refused:
        case.complete(item, v="two")
    assert refused.value.code == "invalid_output" and case.states("B")[0] is ItemState.STARTED
    case.complete(item, v=2)
    assert case.states("B")[0] is ItemState.COMPLETED


def test_an_answer_that_cannot_be_gathered_raises(play: Play) -> None:
    case = play(gathering("list", {"path": "$.v", "required": True}, "i -> B* -> C! -> o"))
    case.answer("B", other=1)
    assert failure_of(case)[:2] == (CaseStatus.FAILED, "validation_error")


# -- how an instance ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["!", "*", ""])
def test_the_failure_of_one_instance_fails_the_task(play: Play, kind: str) -> None:
    case = play(several(f"i -> B{kind} -> C! -> o", BELOW if not kind else None))
    fail_one(case, kind)
    expected = {"!": "item_failed", "*": "connector_failed", "": "child_failed"}[kind]
    assert failure_of(case)[:2] == (CaseStatus.FAILED, expected)
    assert case.offered == case.called == []


@pytest.mark.parametrize("kind", ["!", "*", ""])
def test_a_failed_instance_may_have_merely_ended(play: Play, kind: str) -> None:
    case = play(several(f"i -> B{kind} -> C! -> o", BELOW if not kind else None, on_failure="continue", threshold=2))
    fail_one(case, kind)
    end_one(case, kind)
    assert "C" not in case.offered
    end_one(case, kind)
    assert case.offered == ["C"] and ("failed", "B") in case.noted


@pytest.mark.parametrize("kind", ["!", "*", ""])
def test_a_failed_instance_may_count_as_completed(play: Play, kind: str) -> None:
    case = play(several(f"i -> B{kind} -> C! -> o", BELOW if not kind else None, on_failure="count", threshold=2))
    fail_one(case, kind)
    assert "C" not in case.offered
    end_one(case, kind)
    assert case.offered == ["C"]


@pytest.mark.parametrize("on_failure", ["continue", "count"])
def test_a_failed_instance_gives_nothing_to_gather(play: Play, on_failure: str) -> None:
    case = play(several(on_failure=on_failure, gather={"variable": "found", "from": "$.v"}))
    case.do("B", v=1)
    case.fail(case.start("B"))
    case.do("B", v=3)
    assert case.case.data["found"] == [1, 3]


def test_when_all_have_failed_the_task_goes_on_with_nothing(play: Play) -> None:
    case = play(several(on_failure="continue", gather={"variable": "found", "with": "avg"}))
    for _ in range(3):
        case.fail(case.start("B"))
    assert case.offered == ["C"] and case.case.data["found"] is None


def test_a_call_is_repeated_before_its_instance_has_failed(play: Play) -> None:
    again = {"retry": {"attempts": 2, "on": ["any"]}}
    case = play(several("i -> B* -> C! -> o", again, on_failure="continue"))
    call = case.call("B")
    case.happens(CallFailed(call, 1, "timeout", "too slow", True))
    assert len(case.called) == 3 and case.noted[-1] == ("retry", "B")
    case.happens(CallFailed(call, 2, "timeout", "too slow", True))
    assert len(case.called) == 2 and ("failed", "B") in case.noted


@pytest.mark.parametrize("on_failure", ["continue", "count"])
def test_a_specification_that_is_missing_fails_its_instance_only(play: Play, on_failure: str) -> None:
    nowhere = {"kind": "composite", "specification": {"id": "nowhere"}}
    case = play(several("i -> B -> C! -> o", nowhere, on_failure=on_failure))
    assert case.offered == ["C"] and case.noted.count(("failed", "B")) == 3


def test_skipping_one_instance_does_not_skip_the_others(play: Play) -> None:
    case = play(several(gather={"variable": "found", "from": "$.v"}))
    case.skip("B")
    assert case.states("B") == [ItemState.SKIPPED, ItemState.OFFERED, ItemState.OFFERED]
    case.do("B", v=2)
    case.do("B", v=3)
    assert case.case.data["found"] == [2, 3]


def test_a_skipped_instance_takes_the_tokens_of_the_task(play: Play) -> None:
    case = play(several("i -> A -> p -> choice(B!, C!) -> D! -> o"))
    case.skip("B")
    assert case.marking == {} and case.states("C") == [ItemState.WITHDRAWN]


def test_cancelling_one_instance_leaves_the_others(play: Play) -> None:
    # YAWL 5 purges the whole task here.
    case = play(several())
    case.cancel_item(case.start("B"))
    assert case.states("B") == [ItemState.CANCELLED, ItemState.OFFERED, ItemState.OFFERED]
    case.do("B")
    case.do("B")
    assert case.offered == ["C"]


def test_cancelling_every_instance_lets_the_task_go_on(play: Play) -> None:
    case = play(several())
    for item in case.items("B"):
        case.cancel_item(item.id)
    assert case.offered == ["C"]


def test_an_instance_that_has_ended_cannot_end_again(play: Play) -> None:
    case = play(several())
    item = case.start("B")
    case.complete(item)
    for again in (case.cancel_item, case.fail, case.complete, case.start_item):
        with pytest.raises(Conflict) as refused:
            again(item)
        assert refused.value.code == "item_state_conflict"
    assert "C" not in case.offered


# -- outcomes that come twice ------------------------------------------------------------------------------------------


def test_an_answer_that_is_reported_twice_counts_once(play: Play) -> None:
    case = play(several("i -> B* -> C! -> o"))
    first, *_ = case.take_calls("one")
    answered = CallAnswered(first.call.item, first.attempt, {})
    case.report("one", answered, answered, answered)
    assert "C" not in case.offered and case.noted.count(("completed", "B")) == 1
    assert case.noted.count(("ignored", "B")) == 2


def test_two_attempts_that_are_both_answered_count_once(play: Play) -> None:
    # The first worker was thought dead, and a second one made the call again.
    case = play(several("i -> B* -> C! -> o", gather={"variable": "found", "from": "$.v"}))
    taken = case.take_calls("one")
    case.hand_back("one", *taken)
    again = case.take_calls("two")
    for old, new in zip(taken, again, strict=True):
        case.report("two", CallAnswered(new.call.item, new.attempt, {"v": new.call.instance}))
        case.report("one", CallAnswered(old.call.item, old.attempt, {"v": "late"}))
    assert case.offered == ["C"] and case.case.data["found"] == [0, 1, 2]


def test_an_answer_and_a_failure_of_one_call_count_once(play: Play) -> None:
    case = play(several("i -> B* -> C! -> o", on_failure="continue"))
    first, *_ = case.take_calls("one")
    answered = CallAnswered(first.call.item, first.attempt, {})
    case.report("one", answered, CallFailed(first.call.item, first.attempt, "timeout", "too slow", False))
    [group] = [run.instances for run in case.case.runs.values() if run.instances is not None]
    assert (group.completed, group.failed, group.active) == (1, 0, 2)


def test_answers_that_come_together_lead_on_once(play: Play) -> None:
    case = play(several("i -> B* -> C! -> o", gather={"variable": "found", "with": "count"}))
    case.answer_together(*case.calls("B"))
    assert case.case.data["found"] == 3 and case.offered == ["C"] and case.fired.count("B") == 1


# -- how many ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "allowed"), [(1, False), (2, True), (4, True), (5, False)])
def test_there_may_be_as_many_as_the_bounds_say(play: Play, count: int, allowed: bool) -> None:
    case = play(several(count=count, min=2, max=4))
    if allowed:
        assert case.offered == ["B"] * count
    else:
        assert failure_of(case)[1:] == ("constraint_violation", f"{count} instances, and there may be 2 to 4")
        assert case.marking == {"start": 1}, "no token was taken"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"count": "n / 0"}, "n / 0"),
        ({"count": "'three'"}, "a number of instances is an integer, not 'three'"),
        ({"count": "2.5"}, "a number of instances is an integer, not 2.5"),
        ({"count": "n > 2"}, "a number of instances is an integer, not True"),
        ({"count": "n - 4"}, "-1 instances, and there may be 0 to 1000000"),
        ({"each": "$.n"}, "instances.each must give a list, and gives 3"),
        ({"each": "$.more"}, "instances.each must give a list"),
        ({"each": "$.more.list"}, "instances.each must give a list, and gives nothing"),
        ({"each": {"expr": "names[7]"}}, "names[7]"),
        ({"each": {"expr": "{'a': 1}"}}, "instances.each must give a list, and gives a mapping"),
    ],
)
@pytest.mark.parametrize("kind", ["!", "*"])
def test_a_number_that_cannot_be_told_raises(play: Play, rule: dict[str, Any], said: str, kind: str) -> None:
    case = play(several(f"i -> B{kind} -> C! -> o", **rule))
    status, raised, message = failure_of(case)
    assert (status, raised) == (CaseStatus.FAILED, "constraint_violation") and said in message
    assert case.marking == {"start": 1} and case.offered == case.called == []


@pytest.mark.parametrize(
    ("each", "elements"),
    [
        ("$.names", ["a", "b", "c"]),
        ("$.names[*]", ["a", "b", "c"]),
        ({"path": "$.more.list", "default": ["x"]}, ["x"]),
        ({"expr": "names.map(name, name + name)"}, ["aa", "bb", "cc"]),
        ([1, {"two": 2}], [1, {"two": 2}]),
    ],
)
def test_a_list_may_be_written_found_or_worked_out(play: Play, each: Any, elements: list[Any]) -> None:
    case = play(several(task={"input": {"it": "$.one"}}, each=each, **{"as": "one"}))
    assert [item.input["it"] for item in case.items("B")] == elements


# -- what an instance is given -----------------------------------------------------------------------------------------


def test_element_and_index_are_seen_by_input_offer_and_priority(play: Play) -> None:
    task = {"input": {"it": "$.line", "number": "$.position"}, "priority": "position * 10"}
    case = play(several(task=task, each="$.names", **{"as": "line", "index": "position"}))
    seen = [(item.input, item.priority, item.instance) for item in case.items("B")]
    assert seen == [({"it": name, "number": index}, index * 10, index) for index, name in enumerate("abc")]


def test_without_names_they_are_called_instance_and_instance_index(play: Play) -> None:
    case = play(several(task={"input": {"it": "$.instance", "number": "$.instance_index"}}, each="$.names"))
    assert case.items("B")[1].input == {"it": "b", "number": 1}


def test_of_a_number_the_element_is_the_index(play: Play) -> None:
    case = play(several(task={"input": {"it": "$.k", "number": "$.k_index"}}, **{"as": "k"}))
    assert [item.input for item in case.items("B")] == [{"it": k, "number": k} for k in range(3)]


def test_element_and_index_are_seen_by_the_configuration_of_a_connector(play: Play) -> None:
    config = {"config": {"delay_s": "{{ size(name) + name_index }}"}}
    named: dict[str, Any] = {"each": "$.names", "as": "name"}
    case = play(several("i -> B* -> C! -> o", config, **named))
    assert [taken.call.config for taken in case.take_calls("one")] == [{"delay_s": 1}, {"delay_s": 2}, {"delay_s": 3}]


def test_element_and_index_are_seen_by_the_case_below(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "input": {"go": "$.name"}}
    case = play(several("i -> B -> C! -> o", below, each="$.names", **{"as": "name"}))
    assert [child.case.data["go"] for child in case.children()] == ["a", "b", "c"]


def test_an_instance_keeps_its_element_when_the_list_changes(play: Play) -> None:
    change = {"output": {"names": "$.names"}}
    each = {"input": {"it": "$.one"}, "instances": {"each": "$.names", "as": "one"}}
    case = play(net("i -> A -> and(B!, X!) -> C! -> o", variables=VARIABLES, B=each, X=change))
    case.do("X", names=["z"])
    case.start("B")
    assert [item.input["it"] for item in case.items("B")] == ["a", "b", "c"]


def test_an_instance_that_cannot_be_given_its_input_fails_the_task(play: Play) -> None:
    task = {"input": {"length": {"expr": "size(one)"}}}
    case = play(several("i -> B* -> C! -> o", task, each=["a", 2], **{"as": "one"}))
    status, kind, message = failure_of(case)
    assert (status, kind) == (CaseStatus.FAILED, "constraint_violation") and "size(one)" in message
    assert case.called == []


def test_the_names_of_an_instance_are_not_seen_elsewhere(play: Play) -> None:
    named: dict[str, Any] = {"each": "$.names", "as": "one"}
    case = play(several(**named))
    for _ in range(3):
        case.do("B")
    assert not {"one", "one_index"} & set(case.case.data)


# -- beside other constructs -------------------------------------------------------------------------------------------


def test_in_a_deferred_choice_the_first_instance_that_starts_decides(play: Play) -> None:
    case = play(several("i -> A -> p -> choice(B!, C!) -> D! -> o"))
    assert case.offered == ["B", "B", "B", "C"]
    case.start("B")
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == ["B", "B"]


def test_in_a_deferred_choice_all_instances_lose_together(play: Play) -> None:
    case = play(several("i -> A -> p -> choice(B!, C!) -> D! -> o"))
    case.claim(case.items("B")[1].id)
    case.start("C", by="bob")
    assert case.states("B") == [ItemState.WITHDRAWN] * 3


def test_several_tokens_make_several_groups(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q) -> xor:B! -> C!", implicit=True, B={"instances": {"count": 2}}))
    assert case.offered == ["B"] * 4 and len(case.case.runs) == 2
    for _ in range(2):
        case.do("B")
    assert case.offered == ["B", "B", "C"]


def test_an_instance_of_one_group_takes_one_token(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q) -> xor:B! -> C!", implicit=True, B={"instances": {"count": 2}}))
    case.start("B")
    assert sum(case.marking.values()) == 1
    case.start_item(case.items("B")[1].id)
    assert sum(case.marking.values()) == 1
    case.start("B")
    assert case.marking == {}


def test_another_task_waits_until_the_last_instance_has_freed_the_mutex(play: Play) -> None:
    changes: dict[str, Any] = {"B": {"mutex": "m", "instances": {"count": 2}}, "D": {"mutex": "m"}}
    case = play(net("i -> A -> and(B*, D*) -> C! -> o", **changes))
    assert case.called == ["B", "B"]
    case.answer("B")
    assert case.called == ["B"]
    case.answer("B")
    assert case.called == ["D"]


def test_a_group_that_waits_does_not_take_the_mutex(play: Play) -> None:
    changes: dict[str, Any] = {"B": {"mutex": "m", "instances": {"count": 2}}, "D": {"mutex": "m"}}
    case = play(net("i -> A -> and(B!, D!) -> C! -> o", **changes))
    item = case.start("D")
    with pytest.raises(Conflict) as refused:
        case.start("B")
    assert refused.value.code == "mutex_held"
    case.complete(item)
    case.start("B")
    assert case.case.held.keys() == {"m"}


def test_without_instances_the_mutex_is_asked_for_too(play: Play) -> None:
    changes: dict[str, Any] = {"B": {"mutex": "m", "instances": {"count": 0}}, "D": {"mutex": "m"}}
    case = play(net("i -> A -> and(X! -> B!, D*) -> C! -> o", **changes))
    case.do("X")
    assert case.marking == {"X>B": 1}, "it waits until D has given the mutex back"
    case.answer("D")
    assert case.offered == ["C"]


def test_a_loop_begins_a_new_group_in_each_round(play: Play) -> None:
    again = {"loop": {"until": "n == 0"}}
    case = play(several("i -> B! -> C! -> o", again, gather={"variable": "n", "from": "$.left", "with": "min"}))
    for left in (2, 1, 0):
        for _ in range(left + 1):
            assert "C" not in case.offered
            case.do("B", left=left)
    assert case.offered == ["C"] and len(case.items("B")) == 6


def test_a_loop_whose_next_round_has_no_instance_raises(play: Play) -> None:
    again = {"loop": {"while": "true"}}
    case = play(several("i -> B! -> C! -> o", again, gather={"variable": "n", "from": "$.left", "with": "min"}))
    for _ in range(3):
        case.do("B", left=0)
    assert failure_of(case)[1] == "constraint_violation"


def test_a_loop_whose_condition_fails_after_a_round_raises(play: Play) -> None:
    again = {"loop": {"until": "names[n] == 'a'"}}
    case = play(several("i -> B! -> C! -> o", again, gather={"variable": "n", "from": "$.left", "with": "max"}))
    for _ in range(3):
        case.do("B", left=7)
    assert failure_of(case)[1] == "constraint_violation" and case.offered == []


def test_cases_below_are_gathered_in_the_order_of_the_instances(play: Play) -> None:
    result = {"result": {"schema": {"type": ["string", "null"]}, "output": True}}
    rule = {"count": 3, "gather": {"variable": "found", "from": "$.result"}}
    changes: dict[str, Any] = {"B": {"kind": "composite", "net": "sub", "instances": rule}}
    changes["P"] = {"output": {"result": "$.say"}}
    case = play(
        net("i -> B -> C! -> o", variables=VARIABLES | result, nets={"sub": "i -> P! -> o"}, **changes),
    )
    for index, child in reversed(list(enumerate(case.children()))):
        child.do("P", say=f"child {index}")
    assert case.case.data["found"] == ["child 0", "child 1", "child 2"]


def test_instances_of_instances_are_cases_below(play: Play) -> None:
    changes: dict[str, Any] = {
        "B": {"kind": "composite", "net": "sub", "instances": {"count": 2}},
        "P": {"instances": {"count": 2}},
    }
    case = play(net("i -> B -> C! -> o", nets={"sub": "i -> P! -> o"}, **changes))
    for child in case.children():
        assert child.offered == ["P", "P"]
        child.do("P")
        child.do("P")
    assert case.offered == ["C"]


# -- instances that are added ------------------------------------------------------------------------------------------


def dynamic(kind: str = "!", **instances: Any) -> Specification:
    task = {"input": {"it": "$.instance"}} if kind else BELOW
    return several(f"i -> B{kind} -> C! -> o", task, count=1, creation="dynamic", **instances)


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        (several(), "instances_static"),
        (dynamic(max=1), "instances_full"),
        (net("i -> B! -> C! -> o"), "no_instances"),
    ],
    ids=["static", "full", "single"],
)
def test_an_instance_that_may_not_be_added_is_refused(play: Play, specification: Specification, code: str) -> None:
    case = play(specification)
    before = case.case
    with pytest.raises(Conflict) as refused:
        case.add_instance(case.waiting("B"))
    assert refused.value.code == code and case.case == before


def test_its_owner_may_add_an_instance_and_nobody_else(play: Play) -> None:
    case = play(dynamic())
    item = case.start("B", by="ann")
    with pytest.raises(Forbidden) as refused:
        case.add_instance(item, by="bob")
    assert refused.value.code == "not_your_item"
    case.add_instance(item, by="ann")
    assert case.offered == ["B"]


def test_no_instance_can_be_added_to_what_is_not_there(play: Play) -> None:
    case = play(dynamic())
    with pytest.raises(NotFound) as refused:
        case.add_instance("c:99")
    assert refused.value.code == "item_not_found"


def test_no_instance_can_be_added_to_a_case_that_has_ended(play: Play) -> None:
    case = play(dynamic())
    item = case.start("B")
    case.cancel()
    with pytest.raises(Conflict):
        case.add_instance(item)
    assert case.states("B") == [ItemState.CANCELLED]


def test_an_instance_whose_input_cannot_be_mapped_fails_the_task(play: Play) -> None:
    task = {"input": {"length": {"expr": "size(one)"}}}
    case = play(several("i -> B! -> C! -> o", task, each=["a"], creation="dynamic", **{"as": "one"}))
    case.add_instance(case.waiting("B"), 7)
    assert failure_of(case)[1] == "constraint_violation" and case.offered == []


def test_calls_and_cases_below_can_be_added(play: Play) -> None:
    case = play(dynamic("*"))
    case.add_instance(case.call("B"), "more")
    assert [taken.call.input for taken in case.take_calls("one")] == [{"it": 0}, {"it": "more"}]
    case = play(dynamic(""))
    case.add_instance(case.children()[0].id.replace(".", ":"))
    assert [child.offered for child in case.children()] == [["P"], ["P"]]


# -- hundreds ----------------------------------------------------------------------------------------------------------


def test_hundreds_of_items_are_created_in_several_steps(play: Play) -> None:
    case = play(several(count=MANY))
    assert case.offered == ["B"] * MANY and len({item.id for item in case.items("B")}) == MANY
    assert sum(isinstance(entry.event, Continued) for entry in case.journal) == 2


def test_hundreds_of_elements_keep_their_order(play: Play) -> None:
    names = [f"name {number}" for number in range(MANY)]
    rule = {"each": "$.names", "as": "one", "gather": {"variable": "found", "from": "$.it"}}
    case = play(net("i -> B* -> C! -> o", variables=VARIABLES | {"names": {"default": names}}, B=echoed(rule)))
    for taken in reversed(case.take_calls("one")):
        case.report("one", CallAnswered(taken.call.item, 1, taken.call.input))
    assert case.case.data["found"] == names


def echoed(rule: dict[str, Any]) -> dict[str, Any]:
    return {"input": {"it": "$.one"}, "instances": rule}


def test_hundreds_of_items_are_cancelled_in_several_steps(play: Play) -> None:
    stop = {"cancels": ["B", "A>B"]}
    case = play(net("i -> A -> and(B!, X!) -> xor:C! -> D! -> o", B={"instances": {"count": MANY}}, X=stop))
    case.start("B")
    case.do("X")
    assert set(case.states("B")) == {ItemState.CANCELLED} and case.offered == ["C"]
    assert len(case.case.runs) == 1


def test_hundreds_of_items_are_withdrawn_with_the_choice_they_lost(play: Play) -> None:
    case = play(several("i -> A -> p -> choice(B!, C!) -> D! -> o", count=MANY))
    case.start("C")
    assert set(case.states("B")) == {ItemState.WITHDRAWN} and len(case.case.runs) == 1


def test_two_groups_that_are_cancelled_together_do_not_come_back(play: Play) -> None:
    # What is cleared away in several steps must not be taken for what is still to be created.
    many = {"instances": {"count": MANY}}
    stop = {"cancels": ["B", "E"]}
    case = play(net("i -> A -> and(B!, E!, X!) -> xor:C! -> D! -> o", B=many, E=many, X=stop))
    case.start("B")
    case.start("E")
    case.do("X")
    offered = Counter(entry.event.item for entry in case.journal if isinstance(entry.event, Distributed))
    assert case.offered == ["C"] and set(offered.values()) == {1} and len(offered) == 2 * MANY + 2


def test_a_group_can_be_cancelled_before_all_of_it_is_there(play: Play) -> None:
    many = {"instances": {"count": MANY}}
    case = play(net("i -> A -> and(Y! -> B*, X!) -> xor:C! -> D! -> o", B=many, X={"cancels": ["B"]}))
    begin, end = case.start("Y"), case.start("X")
    case.complete_together(begin, end)
    assert case.called == [] and case.offered == ["C"] and len(case.case.runs) == 1


def test_a_case_can_be_cancelled_before_all_instances_are_there(play: Play) -> None:
    case = play(several("i -> Y! -> B! -> C! -> o", count=MANY))
    case.happen_together(case.start("Y"), CaseCancelled("ann"))
    assert case.status is CaseStatus.CANCELLED and case.offered == [] and case.case.runs == {}


def test_a_threshold_cancels_hundreds(play: Play) -> None:
    case = play(several("i -> B* -> C! -> o", count=2 * MANY, threshold=2))
    case.answer("B")
    case.answer("B")
    assert case.called == [] and case.offered == ["C"] and len(case.case.runs) == 1


def test_an_instance_may_be_added_while_the_first_ones_are_created(play: Play) -> None:
    case = play(
        several("i -> Y! -> B! -> C! -> o", count=MANY, creation="dynamic", task={"input": {"it": "$.instance"}})
    )
    begin = case.start("Y")
    case.complete(begin)
    case.add_instance(case.waiting("B"), "one more")
    assert len(case.items("B")) == MANY + 1 and case.items("B")[-1].input == {"it": "one more"}


def test_the_case_stays_small_whatever_the_number(play: Play) -> None:
    case = play(several(count=MANY))
    [run] = case.case.runs.values()
    assert run.instances is not None and run.instances.elements is None and len(run.instances.spans) == 1


# ----------------------------------------------------------------------------------------------------------------------


def fail_one(case: Played, kind: str) -> None:
    """The first instance of B that is left fails."""
    if kind == "!":
        case.fail(case.start("B"))
    elif kind == "*":
        case.fail_call(case.call("B"))
    else:
        child = next(child for child in case.children() if child.status is CaseStatus.RUNNING)
        child.fail(child.start("P"))


def end_one(case: Played, kind: str) -> None:
    """The first instance of B that is left completes."""
    if kind == "!":
        case.do("B")
    elif kind == "*":
        case.answer("B")
    else:
        next(child for child in case.children() if child.status is CaseStatus.RUNNING).do("P")
