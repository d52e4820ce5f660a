"""Requests and outcomes as the tests of the connectors write them."""

from collections.abc import Mapping
from typing import Any

from connectors.port import CallRequest, Done, Failed, Outcome


def call_request(
    connector: str,
    config: Mapping[str, Any],
    input: Mapping[str, Any] | None = None,
    attempt: int = 1,
    timeout_s: float = 5.0,
) -> CallRequest:
    return CallRequest("order-1:7", attempt, connector, config, input or {}, timeout_s, "trace-1")


def output_of(outcome: Outcome) -> Any:
    assert isinstance(outcome, Done), outcome
    return outcome.output


def failure_of(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome
