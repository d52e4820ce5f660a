"""What every connector promises, whatever it does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.callbacks import Callbacks, item_of, key_of
from connectors.echo import EchoConnector
from connectors.function import FunctionConnector
from connectors.http import HttpConnector
from connectors.mail import MailConnector
from connectors.port import Answer, Connector, Done, Failed, Inbound, Later, Receiver, is_failure_kind
from connectors.queue import QueueConnector
from connectors.registry import Registry
from connectors.sql import SqlConnector
from connectors.webhook import WebhookConnector
from tests.connectors.calls import call_request
from tests.connectors.local_mail import LocalMail
from tests.connectors.local_server import LocalServer

KEY = key_of("k" * 32)
CALLBACKS = Callbacks((KEY,), "https://cases.example")


@dataclass(frozen=True)
class Subject:
    """A connector, with a config and an input that succeed, a config that makes it fail, and where in a config a string
    may stand.

    `later`: its success is that the outcome comes by callback. `shape`: a config that is good but succeeds otherwise.
    `fixed`: the string must be written out, and is neither a template nor a secret.
    """

    connector: Connector
    config: Mapping[str, Any]
    input: Mapping[str, Any]
    failing: Mapping[str, Any]
    string_key: tuple[str, ...]
    later: bool = False
    shape: Mapping[str, Any] | None = None
    fixed: bool = False

    @property
    def open_places(self) -> list[tuple[str, ...]]:
        """Where a template is a problem."""
        return [self.string_key] if self.fixed else []

    def begun(self, config: Mapping[str, Any]) -> Answer:
        """What it answers where callbacks are received."""
        return Registry([self.connector], callbacks=CALLBACKS).begin(
            call_request(self.connector.name, config, self.input)
        )


LETTER = {"to": "a@b.example", "subject": "s", "text": "t"}


def subject_of(name: str, server: LocalServer, mail: LocalMail, redis_url: str) -> Subject:
    asking = {"url": server.url, "method": "POST", "callback": True, "body": {"back": {"callback": "url"}}}
    post = {"host": "127.0.0.1", "port": mail.port, "security": "none", "from": "a@b.example"}
    functions = FunctionConnector(["tests.connectors.sample_functions:*"])
    add, fail = ({"function": f"tests.connectors.sample_functions:{each}"} for each in ("add", "fail"))
    nowhere = {"url": "http://127.0.0.1:1"}
    subjects = {
        "echo": lambda: Subject(EchoConnector(), {}, {"a": 1}, {"fail": {"kind": "timeout"}}, ("fail", "kind")),
        "function": lambda: Subject(functions, add, {"a": 1, "b": 2}, fail, ("function",)),
        "http": lambda: Subject(HttpConnector(), {"url": server.url}, {"a": 1}, nowhere, ("url",)),
        "http that waits": lambda: Subject(HttpConnector(), asking, {}, {**asking, **nowhere}, ("url",), later=True),
        "http of a base": lambda: Subject(
            HttpConnector("stock", {"base_url": server.url}), {"url": "a"}, {}, {"expect": ["500"]}, ("url",)
        ),
        "mail": lambda: Subject(MailConnector(post), LETTER, {}, {**LETTER, "to": "refused@b.example"}, ("to",)),
        "queue": lambda: Subject(
            QueueConnector({"url": redis_url}), {"queue": "orders"}, {"a": 1}, {"queue": "no-list"}, ("queue",)
        ),
        "sql": lambda: Subject(
            SqlConnector({"url": "sqlite://"}),
            {"statement": "SELECT :n + 1 AS n", "parameters": {"n": 1}},
            {},
            {"statement": "SELECT * FROM nothing"},
            ("statement",),
            fixed=True,
        ),
        "webhook": lambda: Subject(
            WebhookConnector(),
            {},
            {},
            {"signature": {"key": {"secret": "ABSENT"}}},
            ("signature", "header"),
            later=True,
            shape={"signature": {"key": "k", "header": "X-Signature"}},
        ),
    }
    return subjects[name]()


SUBJECTS = ["echo", "function", "http", "http that waits", "http of a base", "mail", "queue", "sql", "webhook"]


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest, server: LocalServer) -> Iterator[Subject]:
    redis_url = ""
    if request.param == "queue":
        redis_url = request.getfixturevalue("redis_url")
        request.getfixturevalue("redis_client").set("no-list", "so that nothing can be put into a queue of this name")
    mail = LocalMail(recipients={"refused@b.example": "550 no"})
    stop = mail.start() if request.param == "mail" else lambda: None
    made = subject_of(request.param, server, mail, redis_url)
    yield made
    made.connector.close()
    stop()


def test_a_good_config_has_no_problems(subject: Subject) -> None:
    assert subject.connector.check_config(subject.config) == []
    assert subject.connector.check_config(subject.failing) == []


def test_an_unknown_key_is_a_problem_at_its_place(subject: Subject) -> None:
    problems = subject.connector.check_config({**subject.config, "colour": "red"})
    assert [problem.path for problem in problems] == [("colour",)]


def test_every_call_may_have_a_timeout(subject: Subject) -> None:
    config = {**subject.config, "timeout_s": 5}
    assert subject.connector.check_config(config) == []
    assert not isinstance(subject.begun(config), Failed)


@pytest.mark.parametrize("value", ["{{ order.id }}", {"secret": "NAME"}])
def test_a_template_or_a_secret_may_stand_for_a_string(subject: Subject, value: Any) -> None:
    problems = subject.connector.check_config(_with(subject, value))
    assert [problem.path for problem in problems] == subject.open_places


def test_a_template_may_stand_for_the_whole_of_a_value(subject: Subject) -> None:
    config = {**subject.config, subject.string_key[0]: "{{ whatever }}"}
    assert [problem.path for problem in subject.connector.check_config(config)] == subject.open_places


def test_a_secret_that_no_one_can_have_is_a_problem(subject: Subject) -> None:
    problems = subject.connector.check_config(_with(subject, {"secret": "../passwd"}))
    assert [problem.path for problem in problems] == [(*subject.string_key, "secret"), *subject.open_places]


def test_a_wrong_type_is_a_problem(subject: Subject) -> None:
    assert [problem.path for problem in subject.connector.check_config(_with(subject, 5))] == [subject.string_key]


def test_a_call_that_succeeds_gives_json_or_waits(subject: Subject) -> None:
    answer = subject.begun(subject.config)
    if subject.later:
        assert isinstance(answer, Later)
    else:
        assert isinstance(answer, Done)
        assert json.loads(json.dumps(answer.output, allow_nan=False)) == answer.output


def test_what_waits_does_so_under_the_token_of_its_item(subject: Subject) -> None:
    answer = subject.begun(subject.config)
    assert isinstance(answer, Later) is subject.later
    if isinstance(answer, Later):
        assert item_of([KEY], answer.token) == "order-1:7"
        assert answer.wait_s is None or answer.wait_s > 0


def test_what_may_wait_understands_a_callback(subject: Subject) -> None:
    assert isinstance(subject.connector, Receiver) or not subject.later
    registry = Registry([subject.connector], callbacks=CALLBACKS)
    came = Inbound({"content-type": "application/json"}, b'{"paid": true}')
    outcome = registry.receive(call_request(subject.connector.name, subject.config), came)
    if subject.later:
        assert isinstance(outcome, Done)
        assert outcome.output["body"] == {"paid": True}
    else:
        assert isinstance(outcome, Done | Failed)


def test_nobody_waits_where_no_callback_is_received(subject: Subject) -> None:
    outcome = Registry([subject.connector]).call(call_request(subject.connector.name, subject.config, subject.input))
    assert isinstance(outcome, Failed if subject.later else Done)
    if isinstance(outcome, Failed):
        assert (outcome.kind, outcome.retryable) == ("refused", False)


def test_a_call_that_fails_is_a_value(subject: Subject) -> None:
    answer = subject.begun(subject.failing)
    assert isinstance(answer, Failed)
    assert is_failure_kind(answer.kind)
    assert answer.message


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
    assert isinstance(subject.connector.call(call_request(subject.connector.name, {})), Done | Failed | Later)


def test_a_call_does_not_change_its_config(subject: Subject) -> None:
    before = json.dumps(subject.config)
    subject.connector.call(call_request(subject.connector.name, subject.config, subject.input))
    assert json.dumps(subject.config) == before


def test_its_name_is_its_own(subject: Subject) -> None:
    assert Registry([subject.connector]).get(subject.connector.name) is subject.connector


def test_closing_twice_does_no_harm(subject: Subject) -> None:
    subject.connector.close()
    subject.connector.close()


def _with(subject: Subject, value: Any) -> dict[str, Any]:
    return _replaced(subject.shape or subject.config, subject.string_key, value)


def _replaced(config: Mapping[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    key, *rest = place
    return {**config, key: _replaced(config.get(key, {}), tuple(rest), value) if rest else value}
