"""Requests and outcomes as the tests of the connectors write them."""

from collections.abc import Mapping
from typing import Any

from connectors.port import Answer, CallRequest, Done, Failed, Later


def call_request(
    connector: str,
    config: Mapping[str, Any],
    input: Mapping[str, Any] | None = None,
    attempt: int = 1,
    timeout_s: float = 5.0,
    callback: str | None = None,
) -> CallRequest:
    return CallRequest("order-1:7", attempt, connector, config, input or {}, timeout_s, "trace-1", callback)


def output_of(outcome: Answer) -> Any:
    assert isinstance(outcome, Done), outcome
    return outcome.output


def failure_of(outcome: Answer) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


def later_of(answer: Answer) -> Later:
    assert isinstance(answer, Later), answer
    return answer
