"""The port of the connectors: what a call is, what may come of it, and what a connector has to offer.

A connector that fails is no exception but an outcome, a value that goes back to the case as an event. Whether a
failure is tried again is not decided here: a connector says what happened, and the task's `retry` decides.

Some answers take hours. Such a connector answers `Later`, and the outcome comes by callback (`connectors.callbacks`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

MAX_MESSAGE_CHARS = 300
"""The longest message of a failure that leaves the registry."""

_HTTP_KIND = re.compile(r"http_([1-9][0-9][0-9])")


class FailureKind(StrEnum):
    """What a call can fail of. An unexpected HTTP status has no member here, its kind is `http_503` (`http_kind`)."""

    TIMEOUT = "timeout"
    """No complete answer within the time given; whether the call took effect is unknown."""
    CONNECTION = "connection"
    """No connection, it broke before the answer was complete, or the other side cannot take the call just now (a
    status 4yz of SMTP); whether the call took effect is unknown."""
    BAD_RESPONSE = "bad_response"
    """An answer came that cannot be understood."""
    BAD_CONFIG = "bad_config"
    """The config does not make a call; nothing was sent."""
    SECRET_MISSING = "secret_missing"
    """A secret that the config names is not there; nothing was sent."""
    TOO_LARGE = "too_large"
    """The answer is longer than allowed, and the rest of it was not read; or the request is, and was not sent."""
    REFUSED = "refused"
    """The installation does not allow this call, or the other side refuses it for good (a status 5yz of SMTP); it had
    no effect."""
    RAISED = "raised"
    """The called function, or the connector itself, raised."""
    LOST = "lost"
    """The worker that made the call was gone before it said what came of it. Said by the workers, by no connector."""
    CIRCUIT_OPEN = "circuit_open"
    """The host was in trouble, and did not recover for as long as the call was to wait. Said by the workers."""
    UNKNOWN_CONNECTOR = "unknown_connector"
    """No connector of that name is installed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One attempt at one call.

    `item_id` is the idempotency key, the same for every attempt; `attempt` counts from 1. `config` has its templates
    filled in; `{secret: NAME}` and `{callback: ...}` still stand for themselves until the registry resolves them.
    `timeout_s` is the total. `callback` is the token under which the outcome may come later, given by the registry:
    the same for every attempt, and None where nobody would receive a callback.
    """

    item_id: str
    attempt: int
    connector: str
    config: Mapping[str, Any]
    input: Mapping[str, Any]
    timeout_s: float
    correlation_id: str
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The call succeeded; `output` is a JSON value."""

    output: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The call failed.

    `kind` is a `FailureKind` or, for an unexpected HTTP status, `http_` and the status. `retryable` says that the same
    call may succeed later; `retry_after_s` is how long the other side asked to be left alone.
    """

    kind: str
    message: str
    retryable: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """The call was made, and its outcome comes by callback: one call of `/callbacks/{token}`.

    `wait_s` is how long it is waited for before the call has failed with a timeout; None: as long as the task lives.
    """

    token: str
    wait_s: float | None = None


Outcome: TypeAlias = Done | Failed
"""What definitely came of a call."""

Answer: TypeAlias = Outcome | Later
"""What a connector says of a call."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What came in by callback: the header fields, their names in lower case, and the body as it was sent."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong with a config: where, as keys and indexes from its top, and what."""

    path: tuple[str | int, ...]
    message: str


class Connector(Protocol):
    """One way to reach the world outside. It is called from several threads at once."""

    name: str

    def call(self, request: CallRequest) -> Answer:
        """Make the call, whose secrets are resolved, and say what came of it. Raises only by a mistake of its own, and
        `SecretMissing` where its settings name a secret that is not there."""
        ...

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        """Say what is wrong with the config of a specification that is being deployed.

        A string with `{{` in it stands for a value not known yet, `{secret: NAME}` for a string not known here.
        """
        ...

    def close(self) -> None:
        """Give up what is held open. May be called more than once."""
        ...


@runtime_checkable
class Receiver(Protocol):
    """A connector that answers `Later`, and so understands what comes by callback."""

    def receive(self, request: CallRequest, inbound: Inbound) -> Outcome:
        """The outcome that a callback to this request brings. Raises `InboundRefused` where it does not count."""
        ...


@runtime_checkable
class Targeted(Protocol):
    """A connector whose calls go to a host, which may be in trouble."""

    def target(self, config: Mapping[str, Any]) -> str | None:
        """The host that a call with this config goes to, with a colon in its name (`stock.example:443`); None where the
        config does not say it. Secrets in it are not resolved."""
        ...


class InboundRefused(Exception):
    """A callback that does not count, because whoever sent it did not sign it as was agreed. Nothing has changed."""


def http_kind(status: int) -> str:
    """The kind of failure that an unexpected HTTP status is: `http_503`."""
    return f"http_{status}"


def http_status(kind: str) -> int | None:
    """The status that a kind of failure stands for."""
    found = _HTTP_KIND.fullmatch(kind)
    return int(found[1]) if found is not None else None


def is_failure_kind(kind: str) -> bool:
    """Whether a failure may have this kind."""
    return kind in frozenset(FailureKind) or _HTTP_KIND.fullmatch(kind) is not None


def covers(entry: str | int, status: int) -> bool:
    """Whether an entry such as `404` (also as a number) or `2xx` covers an HTTP status."""
    return str(entry) in (str(status), f"{status // 100}xx")


def matches(on: Sequence[str | int], failure: Failed) -> bool:
    """Whether a task's `retry.on` names this kind of failure; `failure.retryable` and the budget are not looked at.

    An entry is `any`, a kind such as `timeout` or `connection`, a class of HTTP statuses (`5xx`, `4xx`), or an exact
    status, as text or, as YAML reads it, as a number (`429`).
    """
    return any(_names(entry, failure.kind) for entry in on)


def _names(entry: str | int, kind: str) -> bool:
    if entry in ("any", kind):
        return True
    status = http_status(kind)
    return status is not None and covers(entry, status)
