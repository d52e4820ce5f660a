"""The `webhook` connector: a task that waits until somebody outside calls.

It sends nothing. Its task has begun when the item is there, and is done when the callback URL of the item is called
once. Who is to call it is told the URL by another task of the case (`{callback: {item: ID}}` in that task's config),
or by a person who reads it off the item. Where the same task can ask and wait, `http` with `callback: true` does both.

| key of the config | meaning |
|---|---|
| `wait_s` | how long it is waited for, at most 366 days, before it is a `timeout`; default: as long as the task lives |
| `signature` | how the body must be signed besides the token (`connectors.inbound`) |

The output is `{headers, body}`.
"""

from collections.abc import Mapping
from typing import Any

from connectors.config import anything, bad_config, check_deployed, number, table
from connectors.inbound import check_signature, outcome_of
from connectors.port import Answer, CallRequest, ConfigProblem, Failed, FailureKind, Inbound, Later, Outcome

MAX_WAIT_S = 366 * 86_400.0
MIN_WAIT_S = 1.0

check_wait = number(MIN_WAIT_S, MAX_WAIT_S)

_CONFIG = table({"wait_s": check_wait, "signature": check_signature, "timeout_s": anything})
"""`timeout_s` is the engine's, for the call itself, which takes no time here."""


class WebhookConnector:
    """Waits for a callback."""

    def __init__(self, name: str = "webhook") -> None:
        self.name = name

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(_CONFIG, config)

    def call(self, request: CallRequest) -> Answer:
        problems = _CONFIG(request.config, ())
        return bad_config(problems) if problems else later(request)

    def receive(self, request: CallRequest, inbound: Inbound) -> Outcome:
        problems = _CONFIG(request.config, ())
        return bad_config(problems) if problems else outcome_of(inbound, request.config.get("signature"))

    def close(self) -> None:
        pass


def later(request: CallRequest) -> Answer:
    """That the outcome of a request comes by callback, if anybody receives one."""
    if request.callback is None:
        return Failed(FailureKind.REFUSED, "nobody would receive a callback here", retryable=False)
    return Later(request.callback, request.config.get("wait_s"))
