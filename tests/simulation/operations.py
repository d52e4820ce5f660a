"""Every operation of an actor on the store: the point at which another actor may go on, and at which things go wrong.

A crash before an operation and one after it differ in whether it was done; a lost reply differs from a crash in that
the caller lives on and does not know. A batch goes as a plain pipeline: it may be done to some point.
"""

from collections.abc import Callable
from typing import TypeVar

from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import SECOND, Scheduler

T = TypeVar("T")

LONGEST_FREEZE_S = 14.0
"""Past the lease of 5 s, and past the deadline of a call."""

LONGEST_OUTAGE_S = 20.0

BEFORE = frozenset({Fault.CRASH_BEFORE, Fault.UNAVAILABLE})
WITHIN = frozenset({Fault.CRASH_WITHIN, Fault.BATCH_CUT})
CRASHES = frozenset({Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.CRASH_WITHIN})
REFUSALS = frozenset({Fault.UNAVAILABLE, Fault.REPLY_LOST, Fault.BATCH_CUT})


class Operations:
    """Does operations. `crash` ends the process of the actor that runs; `elsewhere` lets other faults happen.

    An operation takes up to `longest_us`.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        faults: Faults,
        crash: Callable[[], None],
        elsewhere: Callable[[Fault], None],
        longest_us: int,
    ) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self._crash = crash
        self._elsewhere = elsewhere
        self._longest_us = longest_us
        self.done = 0
        self.away_until = 0
        self.trace: list[str] | None = None

    def do(
        self,
        name: str,
        act: Callable[[], T],
        away: Callable[[], Exception],
        partly: Callable[[float], None] | None = None,
    ) -> T:
        """Does one operation. `away` makes the error of a store that does not answer; `partly` does some of a batch."""
        actor = self._scheduler.current
        fault = self._begin(name)
        if self._scheduler.now < self.away_until:
            raise away()
        if fault in BEFORE:
            self._ends(fault, away)
        if fault in WITHIN and partly is not None:
            partly(actor.luck.random())
            self._ends(fault, away)
        answer = act()
        self.say(name, answer)
        if fault is not None:
            self._ends(fault, away)
        return answer

    def say(self, what: str, answer: object = "") -> None:
        """Writes a line of the trace, if there is one."""
        if self.trace is not None:
            shown = f" -> {answer!r}" if answer != "" else ""
            actor = self._scheduler.current.name
            self.trace.append(f"{self._scheduler.now / SECOND:10.4f} {actor:24} {what}{shown}"[:400])

    def _begin(self, name: str) -> Fault | None:
        scheduler = self._scheduler
        actor = scheduler.current
        scheduler.pause()
        actor.points += 1
        self.done += 1
        scheduler.passes(actor.luck.randrange(self._longest_us))
        fault = self._faults.at_operation(actor)
        if fault is None:
            return None
        self.say(f"{name}: {fault.upper()}")
        if fault is Fault.FROZEN:
            freeze = actor.luck.uniform(0.5, LONGEST_FREEZE_S)
            actor.process.frozen_until = scheduler.now + round(freeze * SECOND)
            scheduler.pause()
            return None
        if fault is Fault.OUTAGE:
            self.away_until = scheduler.now + round(actor.luck.uniform(0.5, LONGEST_OUTAGE_S) * SECOND)
            return None
        if fault not in CRASHES and fault not in REFUSALS:
            self._elsewhere(fault)
            return None
        return fault

    def _ends(self, fault: Fault, away: Callable[[], Exception]) -> None:
        if fault in CRASHES:
            self._crash()
        raise away()
