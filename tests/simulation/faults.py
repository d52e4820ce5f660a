"""What goes wrong in a simulated world: the kinds of faults, how often each strikes, and which have struck.

Each actor draws its faults from its own stream of chance, so that leaving one fault out leaves those of the others
where they were: that is what makes a failing seed shrink.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from tests.simulation.scheduler import Actor


class Fault(StrEnum):
    """A kind of fault."""

    CRASH_BEFORE = "crash before an operation"
    CRASH_AFTER = "crash after an operation"
    CRASH_WITHIN = "crash within a batch"
    UNAVAILABLE = "store away"
    REPLY_LOST = "reply of the store lost"
    OUTAGE = "store away for a while"
    BATCH_CUT = "batch cut, reply lost"
    FROZEN = "process frozen"
    SHUT_DOWN = "worker shut down"
    CLOCK_FORWARD = "clock forward"
    CLOCK_BACK = "clock back"
    BELL_LOST = "bell lost"
    BELL_DOUBLED = "bell doubled"
    BELL_DELAYED = "bell delayed"
    BELL_OVERTAKES = "bell overtakes"
    BROKER_EMPTIED = "broker emptied"
    BEAT_STOPS = "beat stops for a while"
    CALL_FAILS = "call fails"
    CALL_SLOW = "call slow"
    CALL_LATE = "call answered after its time"
    CALL_RAISES = "connector raises"
    CLIENT_REPEATS = "client repeats a request"


AT_OPERATIONS: Mapping[Fault, float] = {
    Fault.CRASH_BEFORE: 0.004,
    Fault.CRASH_AFTER: 0.006,
    Fault.CRASH_WITHIN: 0.003,
    Fault.UNAVAILABLE: 0.008,
    Fault.REPLY_LOST: 0.008,
    Fault.BATCH_CUT: 0.004,
    Fault.OUTAGE: 0.0006,
    Fault.FROZEN: 0.005,
    Fault.SHUT_DOWN: 0.001,
    Fault.CLOCK_FORWARD: 0.0015,
    Fault.CLOCK_BACK: 0.0015,
    Fault.BROKER_EMPTIED: 0.001,
}
"""How likely each is at one operation of the store."""

ELSEWHERE: Mapping[Fault, float] = {
    Fault.BELL_LOST: 0.10,
    Fault.BELL_DOUBLED: 0.08,
    Fault.BELL_DELAYED: 0.10,
    Fault.BELL_OVERTAKES: 0.10,
    Fault.BEAT_STOPS: 0.02,
    Fault.CALL_FAILS: 0.15,
    Fault.CALL_SLOW: 0.12,
    Fault.CALL_LATE: 0.05,
    Fault.CALL_RAISES: 0.01,
    Fault.CLIENT_REPEATS: 0.08,
}
"""How likely each is where it can strike: at a bell, a call, a request."""

OFTEN_OFF = 0.25
"""Each kind is left out of so many seeds, so that others get further (swarm testing; Groce et al. 2012)."""

WEATHER = (0.3, 1.0, 1.0, 2.5)
"""By how much all faults are likelier in one seed than in another."""


@dataclass
class Faults:
    """The faults of one seed. `dropped` are those left out while it shrinks, `off` the kinds left out."""

    seed: str
    dropped: frozenset[str]
    off: frozenset[Fault]
    struck: Counter[Fault] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    over: bool = False

    def __post_init__(self) -> None:
        luck = Random(f"{self.seed}/weather")
        factor = luck.choice(WEATHER)
        lasting = [fault for fault in Fault if luck.random() >= OFTEN_OFF and fault not in self.off]
        self._at_operations = [(kind, AT_OPERATIONS[kind] * factor) for kind in lasting if kind in AT_OPERATIONS]
        self._rate = sum(rate for _, rate in self._at_operations)
        self._elsewhere = {kind: ELSEWHERE[kind] * factor for kind in lasting if kind in ELSEWHERE}

    def at_operation(self, actor: Actor) -> Fault | None:
        """What goes wrong with the operation that an actor is about to do, if anything."""
        drawn = actor.luck.random()
        if drawn >= self._rate or self.over:
            return None
        for kind, rate in self._at_operations:
            drawn -= rate
            if drawn < 0:
                return kind if self._strikes(kind, actor) else None
        return None

    def strikes(self, kind: Fault, actor: Actor) -> bool:
        """Whether a fault of a kind strikes here."""
        drawn = actor.luck.random()
        return drawn < self._elsewhere.get(kind, 0.0) and not self.over and self._strikes(kind, actor)

    def _strikes(self, kind: Fault, actor: Actor) -> bool:
        name = f"{kind} @ {actor.name} {actor.points}"
        if name in self.dropped:
            return False
        self.struck[kind] += 1
        self.names.append(name)
        return True
