import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.echo import EchoConnector
from connectors.port import (
    MAX_MESSAGE_CHARS,
    CallRequest,
    ConfigProblem,
    Done,
    Failed,
    Outcome,
)
from connectors.registry import Registry
from connectors.secrets import Secrets
from tests.connectors.calls import call_request, failure_of, output_of


class Scripted:
    """A connector that does what a test says."""

    name = "scripted"

    def __init__(self, act: Callable[[CallRequest], Outcome]) -> None:
        self._act = act
        self.closed = False

    def call(self, request: CallRequest) -> Outcome:
        return self._act(request)

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return []

    def close(self) -> None:
        self.closed = True


def scripted(act: Callable[[CallRequest], Outcome]) -> Registry:
    return Registry([Scripted(act)], Secrets({"CASEWRIGHT_SECRET_TOKEN": "open-sesame"}))


def raising(request: CallRequest) -> Outcome:
    raise LookupError(f"no {request.config['token']} here")


WITH_TOKEN = call_request("scripted", {"token": {"secret": "TOKEN"}})


def test_names_are_sorted_and_lead_to_connectors() -> None:
    echo, other = EchoConnector(), Scripted(lambda request: Done(None))
    registry = Registry([other, echo])
    assert registry.names() == ["echo", "scripted"]
    assert registry.get("echo") is echo
    assert registry.get("absent") is None


def test_two_connectors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="echo"):
        Registry([EchoConnector(), EchoConnector()])


def test_an_unknown_connector_is_a_failure_for_good() -> None:
    failure = failure_of(Registry([]).call(call_request("fax", {})))
    assert (failure.kind, failure.retryable) == ("unknown_connector", False)
    assert "fax" in failure.message


def test_a_connector_gets_its_secrets_resolved() -> None:
    assert output_of(scripted(lambda request: Done(dict(request.config))).call(WITH_TOKEN)) == {"token": "open-sesame"}


def test_a_missing_secret_is_a_failure_for_good_that_names_it() -> None:
    request = call_request("scripted", {"token": {"secret": "ABSENT"}})
    failure = failure_of(scripted(lambda _: Done(None)).call(request))
    assert (failure.kind, failure.retryable) == ("secret_missing", False)
    assert "ABSENT" in failure.message


def test_without_secrets_every_secret_is_missing() -> None:
    assert failure_of(Registry([EchoConnector()]).call(call_request("echo", {"x": {"secret": "A"}}))).kind == (
        "secret_missing"
    )


def test_a_connector_that_raises_has_failed() -> None:
    failure = failure_of(scripted(raising).call(WITH_TOKEN))
    assert (failure.kind, failure.retryable) == ("raised", False)
    assert failure.message == "LookupError: no *** here"


def test_the_traceback_of_a_connector_is_logged_without_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        scripted(raising).call(WITH_TOKEN)
    assert "Traceback" in caplog.text
    assert "order-1:7" in caplog.text
    assert "open-sesame" not in caplog.text


def test_a_message_holds_no_secret() -> None:
    registry = scripted(lambda request: Failed("timeout", f"waited for {request.config['token']}", True, 3.0))
    assert registry.call(WITH_TOKEN) == Failed("timeout", "waited for ***", True, 3.0)


def test_a_secret_at_the_end_of_a_shortened_message_is_not_shown_in_part() -> None:
    before = "x" * (MAX_MESSAGE_CHARS - 4)
    registry = scripted(lambda request: Failed("timeout", before + request.config["token"] * 3, True))
    assert "open" not in failure_of(registry.call(WITH_TOKEN)).message


def test_a_message_is_one_printable_line_of_bounded_length() -> None:
    message = failure_of(
        scripted(lambda _: Failed("timeout", "a\n\x1b[31mb\ud800" + "c" * 5000, True)).call(WITH_TOKEN)
    ).message
    assert message.startswith("a [31mb c")
    assert len(message) == MAX_MESSAGE_CHARS
    assert message.encode()


def test_closing_the_registry_closes_its_connectors() -> None:
    connector = Scripted(lambda request: Done(None))
    Registry([connector]).close()
    assert connector.closed
