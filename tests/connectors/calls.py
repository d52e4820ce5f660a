"""Requests and outcomes as the tests of the connectors write them."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.configuration import Configured, plain
from connectors.kinds import Kind, Resolve
from connectors.port import Answer, CallRequest, Connector, Done, Failed, Later


def built(described: Sequence[Configured], kinds: Mapping[str, Kind], resolve: Resolve) -> list[Connector]:
    """The connectors of an installation that configures these."""
    every = (*described, *plain(kinds, {each.name for each in described}))
    return [kinds[each.kind].build(each.name, each.settings, resolve) for each in every]


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
