"""What every connector promises, whatever it does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.echo import EchoConnector
from connectors.function import FunctionConnector
from connectors.http import HttpConnector
from connectors.port import Connector, Done, Failed, is_failure_kind
from connectors.registry import Registry
from tests.connectors.calls import call_request
from tests.connectors.local_server import LocalServer


@dataclass(frozen=True)
class Subject:
    """A connector, with a config and an input that succeed and a config that makes it fail."""

    connector: Connector
    config: Mapping[str, Any]
    input: Mapping[str, Any]
    failing: Mapping[str, Any]
    string_key: tuple[str, ...]


@pytest.fixture(params=["echo", "function", "http"])
def subject(request: pytest.FixtureRequest, server: LocalServer) -> Iterator[Subject]:
    functions = FunctionConnector(["tests.connectors.sample_functions:*"])
    subjects = {
        "echo": Subject(EchoConnector(), {}, {"a": 1}, {"fail": {"kind": "timeout"}}, ("fail", "kind")),
        "function": Subject(
            functions,
            {"function": "tests.connectors.sample_functions:add"},
            {"a": 1, "b": 2},
            {"function": "tests.connectors.sample_functions:fail"},
            ("function",),
        ),
        "http": Subject(HttpConnector(), {"url": server.url}, {"a": 1}, {"url": "http://127.0.0.1:1"}, ("url",)),
    }
    yield subjects[request.param]
    subjects[request.param].connector.close()


def test_a_good_config_has_no_problems(subject: Subject) -> None:
    assert subject.connector.check_config(subject.config) == []
    assert subject.connector.check_config(subject.failing) == []


def test_an_unknown_key_is_a_problem_at_its_place(subject: Subject) -> None:
    problems = subject.connector.check_config({**subject.config, "colour": "red"})
    assert [problem.path for problem in problems] == [("colour",)]


@pytest.mark.parametrize("value", ["{{ order.id }}", {"secret": "NAME"}])
def test_a_template_or_a_secret_may_stand_for_a_string(subject: Subject, value: Any) -> None:
    assert subject.connector.check_config(_with(subject, value)) == []


def test_a_template_may_stand_for_the_whole_of_a_value(subject: Subject) -> None:
    config = {**subject.config, subject.string_key[0]: "{{ whatever }}"}
    assert subject.connector.check_config(config) == []


def test_a_secret_that_no_one_can_have_is_a_problem(subject: Subject) -> None:
    problems = subject.connector.check_config(_with(subject, {"secret": "../passwd"}))
    assert [problem.path for problem in problems] == [(*subject.string_key, "secret")]


def test_a_wrong_type_is_a_problem(subject: Subject) -> None:
    assert [problem.path for problem in subject.connector.check_config(_with(subject, 5))] == [subject.string_key]


def test_a_call_that_succeeds_gives_json(subject: Subject) -> None:
    outcome = subject.connector.call(call_request(subject.connector.name, subject.config, subject.input))
    assert isinstance(outcome, Done)
    assert json.loads(json.dumps(outcome.output, allow_nan=False)) == outcome.output


def test_a_call_that_fails_is_a_value(subject: Subject) -> None:
    outcome = subject.connector.call(call_request(subject.connector.name, subject.failing, subject.input))
    assert isinstance(outcome, Failed)
    assert is_failure_kind(outcome.kind)
    assert outcome.message


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"colour": "{{ red }}"}])
def test_a_call_with_a_wrong_config_fails_for_good(subject: Subject, wrong: Mapping[str, Any]) -> None:
    outcome = subject.connector.call(call_request(subject.connector.name, {**subject.config, **wrong}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("bad_config", False)


def test_a_template_that_nobody_filled_in_fails_for_good(subject: Subject) -> None:
    outcome = subject.connector.call(call_request(subject.connector.name, _with(subject, "{{ order.id }}")))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "bad_config"


def test_a_call_without_a_config_never_raises(subject: Subject) -> None:
    assert isinstance(subject.connector.call(call_request(subject.connector.name, {})), Done | Failed)


def test_a_call_does_not_change_its_config(subject: Subject) -> None:
    before = json.dumps(subject.config)
    subject.connector.call(call_request(subject.connector.name, subject.config, subject.input))
    assert json.dumps(subject.config) == before


def test_the_registry_calls_it_by_its_name(subject: Subject) -> None:
    registry = Registry([subject.connector])
    outcome = registry.call(call_request(subject.connector.name, subject.config, subject.input))
    assert isinstance(outcome, Done)


def test_closing_twice_does_no_harm(subject: Subject) -> None:
    subject.connector.close()
    subject.connector.close()


def _with(subject: Subject, value: Any) -> dict[str, Any]:
    for key in reversed(subject.string_key):
        value = {key: value}
    return {**subject.config, **value}
