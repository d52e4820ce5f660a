"""WCP-14, Multiple Instances with a priori Run-Time Knowledge: their number is computed before the first one begins."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

VARIABLES = {
    "wanted": {"schema": {"type": "integer"}, "input": True, "default": 0},
    "lines": {"input": True, "default": []},
    "given": {"schema": {"type": "array"}, "output": True},
}


def several(text: str = "i -> A! -> B! -> o", task: dict[str, Any] | None = None, **instances: Any) -> Specification:
    """A net in which A has `instances`, and what they give is gathered in `given`."""
    gather = {"variable": "given", "from": "$.value"}
    return net(text, variables=VARIABLES, A={**(task or {}), "instances": {"gather": gather, **instances}})


@pytest.mark.parametrize("wanted", [1, 2, 5])
def test_there_are_as_many_instances_as_an_expression_says(play: Play, wanted: int) -> None:
    case = play(several(count="wanted"), wanted=wanted)
    for index in range(wanted):
        assert case.items("B") == []
        case.do("A", value=index)
    assert case.offered == ["B"] and case.case.data["given"] == list(range(wanted))


def test_there_is_one_instance_for_each_element_of_a_list(play: Play) -> None:
    task = {"input": {"line": "$.line", "index": "$.place"}}
    case = play(several(task=task, each="$.lines", **{"as": "line", "index": "place"}), lines=["a", {"b": 1}, None])
    assert [item.input["line"] for item in case.items("A")] == ["a", {"b": 1}, None]
    assert [item.input["index"] for item in case.items("A")] == [0, 1, 2]


def test_the_list_may_be_made_by_an_expression(play: Play) -> None:
    task = {"input": {"line": "$.instance"}}
    case = play(several(task=task, each={"expr": "lines.filter(line, line > 2)"}), lines=[1, 5, 2, 3])
    assert [item.input["line"] for item in case.items("A")] == [5, 3]


def test_their_number_stays_when_the_data_change_before_the_first_is_started(play: Play) -> None:
    changing = {"output": {"wanted": "$.wanted"}}
    text = "i -> S -> and(A!, C!); A -> and:B! -> o; C -> B"
    specification = net(text, variables=VARIABLES, A={"instances": {"count": "wanted"}}, C=changing)
    case = play(specification, wanted=2)
    case.do("C", wanted=7)
    case.do("A")
    assert case.offered == ["A"]
    case.do("A")
    assert case.offered == ["B"]


def test_an_instance_keeps_the_element_it_was_made_for(play: Play) -> None:
    text = "i -> S -> and(A!, C!); A -> and:B! -> o; C -> B"
    instances = {"each": "$.lines", "as": "line"}
    a = {"input": {"line": "$.line"}, "instances": instances}
    case = play(net(text, variables=VARIABLES, A=a, C={"output": {"lines": "$.lines"}}), lines=["x", "y"])
    case.do("C", lines=["z"])
    case.start("A")
    assert [item.input for item in case.items("A")] == [{"line": "x"}, {"line": "y"}]


@pytest.mark.parametrize("text", ["i -> A! -> B! -> o", "i -> A* -> B! -> o"])
@pytest.mark.parametrize("instances", [{"count": "wanted"}, {"each": "$.lines"}])
def test_without_any_instance_the_task_is_done_at_once(play: Play, text: str, instances: dict[str, Any]) -> None:
    case = play(several(text, **instances))
    assert case.offered == ["B"] and case.called == [] and case.case.data["given"] == []


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ({"count": "wanted", "max": 3}, "4 instances, and there may be 0 to 3"),
        ({"count": "wanted", "min": 5}, "4 instances, and there may be 5 to 1000000"),
        ({"count": "wanted - 5"}, "-1 instances, and there may be 0 to 1000000"),
        ({"each": "$.lines"}, "instances.each must give a list, and gives 4"),
        ({"each": "$.lines.none"}, "instances.each must give a list, and gives nothing"),
        ({"count": "lines + 0.5"}, None),
        ({"count": "1 / 0"}, None),
    ],
)
def test_a_number_that_cannot_be_raises_and_takes_no_token(
    play: Play, instances: dict[str, Any], message: str | None
) -> None:
    case = play(several(**instances), wanted=4, lines=4)
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None and failure.kind == "constraint_violation"
    assert (case.marking, case.items("A"), failure.task) == ({"start": 1}, [], "A")
    assert message is None or failure.message == message


def test_three_hundred_instances_are_made_in_several_steps_and_joined_in_their_order(play: Play) -> None:
    case = play(several("i -> A* -> B! -> o", count="wanted"), wanted=300)
    calls = case.calls("A")
    assert len(set(calls)) == 300
    for index in reversed(range(300)):
        case.answer_call(calls[index], value=index)
    assert case.offered == ["B"] and case.case.data["given"] == list(range(300))


def test_an_instance_may_end_before_the_last_one_is_made(play: Play) -> None:
    # A hundred are made in a step. What those give that end meanwhile must count.
    case = play(several("i -> A! -> B! -> o", count="wanted"), wanted=250)
    assert case.offered.count("A") == 250
    case.complete_together(*[case.start("A") for _ in range(3)])
    group = case.case.runs[1].instances
    assert group is not None and (group.completed, group.active) == (3, 247)


def test_a_group_travels_abroad(play: Play) -> None:
    travellers = [{"name": "Ada", "fare": 90}, {"name": "Ben", "fare": 60}]
    case = play(gallery("wcp14-instances-known-at-run-time"), travellers=travellers)
    assert [item.input["name"] for item in case.items("check_visa")] == ["Ada", "Ben"]
    case.do("check_visa", valid=True)
    case.do("check_visa", valid=True)
    first, second = case.calls("reserve_seat")
    case.answer_call(second, seat="seat 2")
    case.answer_call(first, seat="seat 1")
    case.answer("add_up", total=150)
    assert case.items("send_tickets")[0].input == {"seats": ["seat 1", "seat 2"], "total": 150}
    case.do("send_tickets")
    assert case.status is CaseStatus.COMPLETED
