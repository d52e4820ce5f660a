"""A running case goes on with another version of its specification, or stays as it is and is told every reason."""

from typing import Any

import msgspec
import pytest

from engine.case import CaseStatus
from engine.errors import Conflict, NotFound
from engine.spec.model import Specification
from engine.spec.read import read_specification
from tests.patterns.played import Play, Played

HUMAN = {"kind": "human", "offer": {"roles": ["clerk"]}}


def version(number: str, tasks: dict[str, Any], **net: Any) -> Specification:
    """A version whose net begins with the first task."""
    main = {"start": next(iter(tasks)), "tasks": tasks, **net}
    document = {"specification": "moving", "version": number, "nets": {"main": main}}
    return read_specification(msgspec.json.encode(document).decode())


FIRST = {"a": {**HUMAN, "next": "b"}, "b": {**HUMAN, "next": "end"}}


def refused(case: Played, to: str) -> dict[str, str]:
    before = case.case
    with pytest.raises(Conflict) as raised:
        case.migrate(to)
    assert raised.value.code == "cannot_migrate" and case.case == before
    return {problem.path: problem.message for problem in raised.value.problems}


def test_a_case_goes_on_with_the_tasks_of_the_other_version(play: Play) -> None:
    second = version("2", {"a": {**HUMAN, "next": "check"}, "check": {**HUMAN, "next": "end"}})
    case = play(version("1", FIRST), second)
    item = case.start("a")
    case.migrate("2")
    case.complete(item)
    assert case.offered == ["check"]
    assert case.items("a")[0].specification_version == "2"


def test_new_variables_get_their_defaults(play: Play) -> None:
    second = version("2", FIRST, variables={"speed": {"default": "slow"}})
    case = play(version("1", FIRST), second)
    case.migrate("2")
    assert case.case.data == {"speed": "slow"}


def test_what_is_marked_must_have_a_place(play: Play) -> None:
    second = version("2", {"a": {**HUMAN, "next": "c"}, "c": {**HUMAN, "next": "end"}})
    case = play(version("1", FIRST), second)
    case.do("a")
    assert refused(case, "2") == {
        "marking.a>b": "is marked, and there is no such condition",
        "tasks.b": "is enabled, and there is no such task",
    }


def test_what_runs_must_be_of_the_same_kind(play: Play) -> None:
    automated = {"kind": "automated", "connector": "echo", "next": "b"}
    case = play(version("1", FIRST), version("2", {**FIRST, "a": automated}))
    case.start("a")
    assert refused(case, "2") == {"tasks.a": "is human in one version and automated in the other"}


def test_a_single_instance_does_not_become_several(play: Play) -> None:
    several = {**HUMAN, "instances": {"count": 2}, "next": "b"}
    case = play(version("1", FIRST), version("2", {**FIRST, "a": several}))
    case.start("a")
    assert refused(case, "2") == {"tasks.a": "has a single instance in one version and several in the other"}


def test_data_must_fit_the_variables_of_the_other_version(play: Play) -> None:
    first = version("1", FIRST, variables={"n": {"default": 1}, "gone": {"default": 2}})
    second = version("2", FIRST, variables={"n": {"schema": {"type": "string"}}})
    assert set(refused(play(first, second), "2")) == {"data.n", "data.gone"}


def test_a_mutex_and_a_timer_must_be_there_too(play: Play) -> None:
    task = {**HUMAN, "mutex": "m", "timer": {"after": "PT1H", "then": "remind"}, "next": "b"}
    case = play(version("1", {**FIRST, "a": task}), version("2", FIRST))
    case.start("a")
    assert set(refused(case, "2")) == {"mutexes.m", "tasks.a.timer"}


def test_a_version_that_is_not_there_is_not_found(play: Play) -> None:
    case = play(version("1", FIRST))
    with pytest.raises(NotFound, match="no specification moving version 2"):
        case.migrate("2")


def test_a_case_that_has_ended_stays_with_its_version(play: Play) -> None:
    case = play(version("1", FIRST), version("2", FIRST))
    case.cancel()
    assert refused(case, "2") == {}


def test_a_deadlocked_case_may_go_on_with_a_version_that_leads_on(play: Play) -> None:
    routing = {"kind": "routing"}
    stuck = {
        "a": {**routing, "split": "xor", "next": [{"to": "b", "when": "1 == 1"}, {"to": "c"}]},
        "b": {**routing, "next": "d"},
        "c": {**routing, "next": "d"},
        "d": {**routing, "join": "and", "next": "end"},
    }
    case = play(version("1", stuck), version("2", {**stuck, "d": {**routing, "next": "end"}}))
    assert case.status is CaseStatus.DEADLOCKED
    case.migrate("2")
    assert case.status.value == "completed"


def test_instances_go_on_with_the_other_version(play: Play) -> None:
    several = {**HUMAN, "instances": {"count": 3}, "next": "b"}
    case = play(
        version("1", {**FIRST, "a": several}), version("2", {"a": several, "b": {"kind": "routing", "next": "end"}})
    )
    case.do("a")
    case.migrate("2")
    case.do("a")
    case.do("a")
    assert case.status is CaseStatus.COMPLETED
