"""What a connector's configuration says of how much is asked of it: `limits`, and the `breaker` of the hosts it calls.

    stock:
      connector: http
      base_url: https://stock.internal/api
      limits: {concurrency: 20, rate: 100/s, burst: 10}
      breaker: {calls: 20, failures: 0.5, open_s: 5, most_open_s: 60, probes: 3, patience_s: 600}   # or: off

They hold for all workers together, who keep them (`workers.doorkeeper`): a connector itself knows nothing of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from connectors.config import Check, Path, integer, number, table, text_that
from connectors.port import Answer, ConfigProblem, Done, Failed, FailureKind, Later, http_status

MOST_AT_ONCE = 100_000
MOST_BURST = 100_000
BURST_S = 0.1
"""A burst that is not given is what the rate allows in this time, or one call."""

OFF = "off"

_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")
_UNIT_S = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls may begin in a second, on average, and how many together after a pause."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When the breaker of a host opens (see `engine.store.gates.BreakerRule`), and how long a call waits for it."""

    calls: int = 20
    failures: float = 0.5
    open_s: float = 5.0
    most_open_s: float = 60.0
    probes: int = 3
    patience_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a connector's configuration allows: calls under way at once, their rate, and a breaker unless it is off."""

    concurrency: int | None = None
    rate: Rate | None = None
    breaker: BreakerSettings | None = BreakerSettings()

    @property
    def limited(self) -> bool:
        """Whether calls may have to wait for one another."""
        return self.concurrency is not None or self.rate is not None


DEFAULT_TERMS = Terms()

_LIMITS = table(
    {
        "concurrency": integer(1, MOST_AT_ONCE),
        "rate": text_that(lambda value: _RATE.fullmatch(value) is not None, "a rate such as 100/s, 600/min or 1000/h"),
        "burst": integer(1, MOST_BURST),
    }
)
_BREAKER = table(
    {
        "calls": integer(1, 1_000_000),
        "failures": number(0.01, 1),
        "open_s": number(0.1, 3600),
        "most_open_s": number(0.1, 3600),
        "probes": integer(1, 1000),
        "patience_s": number(1, 30 * 24 * 3600),
    }
)


def _check_limits(value: Any, path: Path) -> list[ConfigProblem]:
    problems = _LIMITS(value, path)
    if not problems and isinstance(value, Mapping) and "burst" in value and "rate" not in value:
        return [ConfigProblem((*path, "burst"), "belongs to a rate")]
    return problems


def _check_breaker(value: Any, path: Path) -> list[ConfigProblem]:
    if isinstance(value, str):
        return [] if value == OFF else [ConfigProblem(path, "must be a mapping, or off")]
    return _BREAKER(value, path)


CHECKS: Mapping[str, Check] = {"limits": _check_limits, "breaker": _check_breaker}
"""The keys that every connector may have beside its own settings."""


def terms_of(written: Mapping[str, Any]) -> Terms:
    """The terms of a configuration whose `CHECKS` found no problem."""
    limits, breaker = written.get("limits") or {}, written.get("breaker") or {}
    return Terms(
        concurrency=limits.get("concurrency"),
        rate=_rate(limits),
        breaker=None if breaker == OFF else BreakerSettings(**breaker),
    )


def host_is_well(answer: Answer) -> bool | None:
    """Whether a host took a call as a host does that is not in trouble; None where the answer does not tell.

    What it refuses or answers oddly speaks for it; no answer, a status 5xx and a 429 (too many requests) speak against.
    """
    if isinstance(answer, Done | Later):
        return True
    if answer.kind in (FailureKind.TIMEOUT, FailureKind.CONNECTION):
        return False
    if answer.kind in (FailureKind.BAD_RESPONSE, FailureKind.TOO_LARGE):
        return True
    status = http_status(answer.kind)
    return None if status is None else status < 500 and status != 429


def gave_up(host: str, since: str, cause: str) -> Failed:
    """The failure of a call that waited in vain for its host to recover."""
    what = f"{host} was left alone since {since}, because its calls failed; the last cause: {cause}"
    return Failed(FailureKind.CIRCUIT_OPEN, what, retryable=True)


def _rate(limits: Mapping[str, Any]) -> Rate | None:
    if "rate" not in limits:
        return None
    found = _RATE.fullmatch(limits["rate"])
    assert found is not None, "the rate has passed its check"
    per_s = int(found[1]) / _UNIT_S[found[2]]
    return Rate(per_s, limits.get("burst", max(ceil(per_s * BURST_S), 1)))
