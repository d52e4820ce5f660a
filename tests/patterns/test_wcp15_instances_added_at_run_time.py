"""WCP-15, Multiple Instances without a priori Run-Time Knowledge: instances are added while the task runs."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

GIVEN = {"given": {"schema": {"type": "array"}, "output": True}}


def open_ended(text: str = "i -> A! -> B! -> o", task: dict[str, Any] | None = None, **instances: Any) -> Specification:
    """A net in which A begins with two instances, and more may be added."""
    body = {"count": 2, "creation": "dynamic", "gather": {"variable": "given", "from": "$.value"}, **instances}
    changes = {"input": {"element": "$.instance"}, **(task or {}), "instances": body}
    return net(text, variables=GIVEN, A=changes, nets={"sub": "i -> X! -> o"})


def test_an_instance_that_is_added_is_waited_for_like_the_others(play: Play) -> None:
    case = play(open_ended())
    running = case.start("A")
    case.add_instance(running, "a third")
    case.complete(running, value=0)
    case.do("A", value=1)
    assert case.items("B") == [] and case.offered == ["A"]
    case.do("A", value=2)
    assert case.offered == ["B"] and case.case.data["given"] == [0, 1, 2]


def test_an_instance_that_is_added_gets_what_it_was_given(play: Play) -> None:
    case = play(open_ended())
    case.add_instance(case.start("A"), {"name": "Cleo"})
    assert [item.input["element"] for item in case.items("A")] == [0, 1, {"name": "Cleo"}]
    assert [item.instance for item in case.items("A")] == [0, 1, 2]


def test_an_instance_may_be_added_when_the_last_one_is_under_way(play: Play) -> None:
    case = play(open_ended())
    case.do("A")
    last = case.start("A")
    case.add_instance(last)
    case.complete(last)
    assert case.offered == ["A"] and case.items("B") == []


def test_an_instance_may_be_added_before_any_has_begun(play: Play) -> None:
    case = play(open_ended())
    case.add_instance(case.waiting("A"))
    assert case.offered == ["A", "A", "A"] and case.marking == {"start": 1}


def test_an_instance_that_was_added_may_add_another(play: Play) -> None:
    case = play(open_ended(count=1))
    for _ in range(40):
        running = case.start("A")
        case.add_instance(running)
        case.complete(running, value=1)
    case.do("A", value=1)
    assert case.offered == ["B"] and case.case.data["given"] == [1] * 41


def test_many_that_are_added_at_once_have_numbers_of_their_own(play: Play) -> None:
    # Another task takes numbers in between.
    text = "i -> S -> and(A!, C!); A -> and:B! -> o; C -> xor(C, B)"
    case = play(open_ended(text, count=1))
    running = case.start("A")
    for number in range(1, 50):
        case.add_instance(running, number)
        if number % 10 == 0:
            case.do("C", go="C")
    assert [item.input["element"] for item in case.items("A")] == list(range(50))
    numbers = [item.id for task in "AC" for item in case.items(task)]
    assert len(set(numbers)) == len(numbers) == 55


def test_calls_can_be_added(play: Play) -> None:
    case = play(open_ended("i -> A* -> B! -> o"))
    case.add_instance(case.call("A"), "more")
    assert len(case.called) == 3
    for value, call in enumerate(case.calls("A")):
        case.answer_call(call, value=value)
    assert case.case.data["given"] == [0, 1, 2]


def test_cases_below_can_be_added(play: Play) -> None:
    case = play(open_ended("i -> A -> B! -> o", {"kind": "composite", "net": "sub", "input": {}}))
    first, second = case.children()
    first.do("X")
    case.add_instance(second.id.replace(".", ":"))
    assert len(case.children()) == 3
    second.do("X")
    assert case.items("B") == []
    case.children()[2].do("X")
    assert case.offered == ["B"]


def test_nothing_can_be_added_to_static_instances(play: Play) -> None:
    case = play(open_ended(creation="static"))
    with pytest.raises(Conflict, match="creation: static") as refused:
        case.add_instance(case.start("A"))
    assert refused.value.code == "instances_static" and len(case.items("A")) == 2


def test_there_cannot_be_more_than_max_also_when_some_have_completed(play: Play) -> None:
    case = play(open_ended(max=3))
    case.do("A")
    running = case.start("A")
    case.add_instance(running)
    with pytest.raises(Conflict) as refused:
        case.add_instance(running)
    assert refused.value.code == "instances_full" and len(case.items("A")) == 3


def test_nothing_can_be_added_when_the_task_is_done(play: Play) -> None:
    case = play(open_ended())
    case.do("A")
    last = case.start("A")
    case.complete(last)
    with pytest.raises(Conflict):
        case.add_instance(last)
    assert case.offered == ["B"]


def test_nothing_can_be_added_to_a_task_of_one_instance(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    with pytest.raises(Conflict):
        case.add_instance(case.start("A"))


def test_nothing_can_be_added_while_the_case_is_suspended(play: Play) -> None:
    case = play(open_ended())
    running = case.start("A")
    case.suspend()
    with pytest.raises(Conflict, match="suspended"):
        case.add_instance(running)


def test_an_instance_that_was_added_is_withdrawn_with_the_others(play: Play) -> None:
    case = play(open_ended("i -> choice(A!, C!) -> B! -> o"))
    case.add_instance(case.waiting("A"))
    case.start("C")
    assert case.states("A") == [ItemState.WITHDRAWN] * 3


def test_an_instance_that_cannot_be_made_fails_the_task(play: Play) -> None:
    task = {"input": {"doubled": {"expr": "instance * 2"}}}
    case = play(open_ended(task=task))
    case.add_instance(case.start("A"), "no number")
    failure = case.case.failure
    assert failure is not None and (failure.kind, failure.task) == ("constraint_violation", "A")


def test_every_witness_of_an_accident_is_heard(play: Play) -> None:
    case = play(gallery("wcp15-instances-added-at-run-time"), witnesses=["Ada"])
    hearing = case.start("hear")
    case.add_instance(hearing, "Ben")
    case.complete(hearing, statement="Ben saw it")
    assert case.items("hear")[1].input == {"witness": "Ben"}
    case.do("hear", statement="it was red")
    case.do("write_report", report="red")
    assert case.status is CaseStatus.COMPLETED
    assert case.case.data["statements"] == ["Ben saw it", "it was red"]
