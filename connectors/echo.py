"""The `echo` connector: its output is its input. For demonstrations and tests it can take its time, and fail.

| key of the config | meaning |
|---|---|
| `delay_s` | how long the call takes, 0 (default) to 60 |
| `fail` | `{kind, message, retryable, times}`: fail so while the attempt is at most `times` (default: always) |
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from connectors.config import anything, bad_config, boolean, check_deployed, integer, number, table, text, text_that
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome, is_failure_kind

MAX_DELAY_S = 60.0
MAX_FAILURES = 1000

_FAIL = table(
    {
        "kind": text_that(is_failure_kind, "a kind of failure, such as timeout or http_503"),
        "message": text,
        "retryable": boolean,
        "times": integer(1, MAX_FAILURES),
    },
    required=("kind",),
)
_CONFIG = table({"delay_s": number(0, MAX_DELAY_S), "fail": _FAIL, "timeout_s": anything})
"""`timeout_s` is the engine's, and comes with the request."""


class EchoConnector:
    """Gives back its input. A delay longer than the request's timeout ends as a timeout, when that is over."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep, name: str = "echo") -> None:
        self.name = name
        self._sleep = sleep

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(_CONFIG, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = _CONFIG(request.config, ())
        if problems:
            return bad_config(problems)
        delay_s = request.config.get("delay_s", 0)
        if delay_s:
            self._sleep(min(delay_s, max(request.timeout_s, 0)))
        if delay_s > request.timeout_s:
            return Failed(FailureKind.TIMEOUT, f"no echo within {request.timeout_s} s", retryable=True)
        fail = request.config.get("fail")
        if fail is not None and request.attempt <= fail.get("times", request.attempt):
            return Failed(fail["kind"], fail.get("message", "asked to fail"), fail.get("retryable", True))
        return Done(request.input)

    def close(self) -> None:
        pass
