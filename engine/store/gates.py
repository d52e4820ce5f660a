"""The port of gates: what calls pass before they are made, for all workers together.

A connector may allow only so many calls at once (a bulkhead) or only so many a second (a rate limiter), and a host that
is in trouble is left alone for a while (a circuit breaker; all three after Nygard, Release It!, 2nd ed. 2018). A call
that may not pass waits in the queue of its gate, and passes in order.

Nothing here is truth. A call that waits at a gate still waits in its shard, where it falls due some minutes later: were
everything here lost, it would come to the gate again. A place that a call holds is a lease that runs out unless it is
renewed, so a worker that dies keeps none.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

PLACE_MS = 15_000
"""How long a place is a call's that is not renewed."""

QUEUED_MS = 300_000
"""How long a call that waits at a gate is not looked at otherwise."""

WATCH_MS = 250
"""How much later than it said it would somebody may look at a gate again before others do."""

COUNTED_S = 10
"""A breaker counts the calls of so many seconds."""

KEPT_S = 3_600
"""How long a breaker is remembered that opened and that nobody came to since."""

FARTHEST_MS = 3_600_000
"""No breaker is open for longer: one that is, was written before the clock went back."""


class Gate(NamedTuple):
    """A gate as the configuration has it: how many may be beyond it at once, and how often one may pass.

    `interval_ms` is the mean time from one to the next, `burst` how many may pass together after a pause. `host`: it is
    the gate of a host, at which a breaker decides; who has waited there for `patience_ms` is given up.
    """

    name: str
    concurrency: int | None = None
    interval_ms: float | None = None
    burst: int = 1
    host: bool = False
    patience_ms: int | None = None


class Admitted(NamedTuple):
    """Who may pass, and what is left.

    `items` waited in the queue, `fresh` of those that came now may pass too, the first ones; `overdue` have waited for
    too long. `waiting` are left in the queue. `again_ms`: when to ask again, or None where whoever leaves will, or
    somebody else has said he would.
    """

    items: tuple[str, ...] = ()
    fresh: int = 0
    overdue: tuple[str, ...] = ()
    waiting: int = 0
    again_ms: int | None = None


class Asked(NamedTuple):
    """What a worker tells a gate and wants of it, in this order.

    `leaving` give their places back, `queued` wait from now on, `overdue` or from the front of the queue as many may
    pass as there is `room` for, and if the queue is empty then those of `fresh`.
    """

    leaving: Sequence[str] = ()
    queued: Sequence[str] = ()
    room: int = 0
    fresh: Sequence[str] = ()


class BreakerRule(NamedTuple):
    """When a breaker opens and closes.

    It opens when of at least `calls` calls within `COUNTED_S` the share `failures` failed; for `open_ms`, and twice as
    long each time that a probe fails, `most_open_ms` at most. It closes after `probes` that succeed, one after another.
    """

    calls: int = 20
    failures: float = 0.5
    open_ms: int = 5_000
    most_open_ms: int = 60_000
    probes: int = 3


class Counted(NamedTuple):
    """What came of calls to a host: successes and failures by how many seconds ago, and of probes; the last cause."""

    ended: Mapping[int, tuple[int, int]]
    probes_passed: int = 0
    probes_failed: int = 0
    cause: str = ""
    connector: str = ""


class BreakerState(StrEnum):
    """`open`: nobody calls. `half_open`: one at a time may try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(NamedTuple):
    """A breaker that is not closed: since when (ms since 1970), until when it is open, and what was the last cause."""

    host: str
    state: BreakerState
    since: int
    until: int
    cause: str
    connector: str


class Load(NamedTuple):
    """How many calls hold a place beyond a gate, and how many wait before it."""

    under_way: int
    waiting: int


class Gates(Protocol):
    """All gates. Every method may raise `Unavailable`."""

    def ask(self, gate: Gate, wanted: Asked, owner: str) -> Admitted:
        """Gives places back and lets calls in."""

    def renew(self, gate: Gate, items: Sequence[str]) -> None:
        """Keeps the places of calls that are under way."""

    def queues(self) -> list[str]:
        """The names of the gates at which calls wait."""

    def record(self, host: str, rule: BreakerRule, counted: Counted, jitter: float) -> BreakerState:
        """Counts what came of calls to a host; `jitter` is by how much longer than its rule says it stays open."""

    def troubled(self) -> list[str]:
        """The hosts whose breakers are not closed."""

    def breakers(self) -> list[Breaker]:
        """The breakers that are not closed, by host."""

    def load(self, names: Sequence[str]) -> list[Load]:
        """How full these gates are."""
