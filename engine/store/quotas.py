"""The port of quotas: how often somebody may ask, and how long he waits who has guessed wrong.

A rate is kept by the generic cell rate algorithm (GCRA, ITU-T I.371): one number for each name says how far ahead of an
even flow it is. Failures are counted apart; each one beyond those that are free doubles the wait, up to a bound, and
all are forgotten when none has come for a while.
"""

from typing import NamedTuple, Protocol

FORGOTTEN_AFTER_S = 900
"""Failures are forgotten so long after the last one."""


class Rate(NamedTuple):
    """So many a second on the average, and so many at once at most."""

    per_s: float
    burst: int


class Patience(NamedTuple):
    """So many failures are free; the next one costs a second, each further one twice that, up to `longest_s`."""

    free: int
    longest_s: int


def wait_after(failures: int, patience: Patience) -> int:
    """How long (s) whoever has failed so often waits before he may try again."""
    beyond = failures - patience.free
    return min(2 ** min(beyond - 1, 30), patience.longest_s) if beyond > 0 else 0


class Quotas(Protocol):
    """Where it is counted. Every method may raise `Unavailable`."""

    def take(self, name: str, rate: Rate) -> float:
        """Counts one request; or how long (s) to wait, and nothing is counted."""

    def fail(self, name: str, patience: Patience) -> None:
        """Counts a failure."""

    def waits(self, names: list[str]) -> float:
        """How long (s) until all of these may try again; 0 for now."""

    def forgive(self, names: list[str]) -> None:
        """Forgets failures."""
