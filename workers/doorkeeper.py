"""The doorkeeper of a call room: calls come in as the limits of their connectors and the breakers of their hosts allow.

What may not pass is given back to its shard and waits in the queue of its gate (`engine.store.gates`), which costs no
thread and no look: whoever ends a call beyond the gate lets the next one in. Where no limit is configured and no host
is in trouble, no gate is asked; a worker only reads which hosts are in trouble, a few times a second.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from threading import Lock
from time import monotonic
from typing import NamedTuple

from connectors.limits import BreakerSettings, gave_up, host_is_well
from connectors.port import Answer, Failed
from connectors.registry import Registry
from engine.data.moments import instant
from engine.effects import Call
from engine.errors import Unavailable
from engine.names import shard_of
from engine.store.gates import (
    COUNTED_S,
    QUEUED_MS,
    Admitted,
    Asked,
    BreakerRule,
    BreakerState,
    Counted,
    Gate,
    Gates,
)
from engine.store.port import Store, Taken

log = logging.getLogger(__name__)

TROUBLE_READ_S = 0.25
"""How old what a worker knows of hosts in trouble may be."""

MOST_HOSTS = 10_000
"""Of so many hosts a worker knows what came of its calls; data of cases may name any number."""

SOONEST_LOOK_S = 0.01
"""A rate that allows a call every millisecond is looked at every ten, and then lets ten pass."""

JITTER = 0.2
"""By how much longer than it says a breaker may stay open, so that hosts that fell together are not tried together."""


class LetIn(NamedTuple):
    """Calls of a shard that waited at a gate and are this worker's now; with the failure of those that waited too
    long, which are not made."""

    shard: int
    taken: Sequence[Taken]
    failure: Failed | None = None


class _Host:
    """What came of this worker's calls to a host since it told others."""

    def __init__(self) -> None:
        self.ended: dict[int, tuple[int, int]] = {}
        self.failed = False
        self.probes = (0, 0)
        self.cause = self.connector = ""

    def count(self, well: bool, probe: bool, second: int) -> None:
        successes, failures = self.ended.get(second, (0, 0))
        self.ended[second] = (successes + well, failures + (not well))
        if len(self.ended) > COUNTED_S:
            self.ended = {of: each for of, each in self.ended.items() if of > second - COUNTED_S}
        if probe:
            passed, failed = self.probes
            self.probes = (passed + well, failed + (not well))
        self.failed = self.failed or not well

    @property
    def is_news(self) -> bool:
        """Whether others have to know. As long as all is well nobody asks."""
        return self.failed or self.probes != (0, 0)

    def told(self, second: int) -> Counted:
        ended = {second - of: each for of, each in self.ended.items() if of > second - COUNTED_S}
        return Counted(ended, *self.probes, self.cause, self.connector)


class Doorkeeper:
    """Lets the calls of one worker in. Safe for use by several threads; every method may raise `Unavailable`, but for
    `left` and `ended`, which only take notes for the next `go_round`."""

    def __init__(self, store: Store, gates: Gates, connectors: Registry, owner: str) -> None:
        self._store = store
        self._gates = gates
        self._connectors = connectors
        self._owner = owner
        self._random = Random(owner)
        self._lock = Lock()
        self._going_round = Lock()
        # By item the gates it has passed; by gate who gives a place back, and who has to be put into its queue (again).
        self._passed: dict[str, list[str]] = {}
        self._leaving: dict[str, list[str]] = {}
        self._returning: dict[str, list[str]] = {}
        # When to look at a gate again, and at which ones as soon as there is room.
        self._looks: dict[str, float] = {}
        self._full: set[str] = set()
        self._hosts: dict[str, _Host] = {}
        self._has_news = False
        self._patience: dict[str, BreakerSettings] = {}
        self._troubled: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def admit(self, shard: int, taken: Sequence[Taken]) -> Sequence[Taken]:
        """Of calls that were taken those that may be made now. The others were given back, and wait at their gates."""
        inside = taken
        for gate_of in (self._host_gate, self._limited_gate):
            gated = {each.call.item: gate for each in inside if (gate := gate_of(each.call)) is not None}
            if gated:
                inside = self._past(shard, inside, gated)
        return inside

    def is_open(self, call: Call) -> bool:
        """Whether a call passes no gate at all, now or later: it has neither limits nor a host."""
        connectors = self._connectors
        return not connectors.terms(call.connector).limited and connectors.target(call.connector, call.config) is None

    def left(self, item: str) -> None:
        """A call is in the room no longer, whatever came of it."""
        # Most calls pass no gate, and then nothing is locked.
        if item not in self._passed:
            return
        with self._lock:
            for gate in filter(self._has_places, self._passed.pop(item, ())):
                self._leaving.setdefault(gate, []).append(item)

    def ended(self, call: Call, answer: Answer) -> None:
        """A call was made: what does it say of its host?"""
        host = self._connectors.target(call.connector, call.config)
        well = host_is_well(answer) if host is not None else None
        settings = self._connectors.terms(call.connector).breaker
        if host is None or well is None or settings is None:
            return
        with self._lock:
            if len(self._hosts) >= MOST_HOSTS and host not in self._hosts:
                self._hosts.clear()
            counts = self._hosts.setdefault(host, _Host())
            counts.count(well, host in self._passed.get(call.item, ()), int(monotonic()))
            if isinstance(answer, Failed) and not well:
                counts.cause, counts.connector = f"{answer.kind}: {answer.message}", call.connector
                self._remember(host, settings)
            self._has_news = self._has_news or counts.is_news

    def look(self, gate: str) -> None:
        """Somebody waits at this gate: it is looked at in the next round."""
        with self._lock:
            self._looks[gate] = monotonic()

    def next_look(self) -> float | None:
        """When the next round is due though nothing ended (by the monotonic clock)."""
        with self._lock:
            return min(self._looks.values(), default=None)

    def go_round(self, room_for: Callable[[Collection[str]], int]) -> list[LetIn]:
        """Tells what came of calls, gives places back, and lets in who may pass; one thread at a time does it."""
        idle = not (self._leaving or self._returning or self._looks or self._full or self._has_news)
        if idle or not self._going_round.acquire(blocking=False):
            return []
        let_in: list[LetIn] = []
        try:
            self._tell_of_hosts()
            for gate in self._due(room_for(())):
                let_in += self._asked(gate, max(room_for(()) - sum(len(each.taken) for each in let_in), 0))
        except Unavailable as away:
            log.warning("calls wait at their gates: %s", away)
        finally:
            self._going_round.release()
        return let_in

    def renew(self) -> None:
        """Keeps the places of the calls in the room."""
        by_gate: dict[str, list[str]] = {}
        for item, gates in tuple(self._passed.items()):
            for gate in filter(self._has_places, gates):
                by_gate.setdefault(gate, []).append(item)
        for gate, items in by_gate.items():
            self._gates.renew(self._gate(gate), items)

    # -- gates -------------------------------------------------------------------------------------------------

    def _limited_gate(self, call: Call) -> str | None:
        return call.connector if self._connectors.terms(call.connector).limited else None

    def _host_gate(self, call: Call) -> str | None:
        host = self._connectors.target(call.connector, call.config)
        settings = self._connectors.terms(call.connector).breaker
        if host is None or settings is None:
            return None
        if monotonic() - self._read_at > TROUBLE_READ_S:
            self._read_at = monotonic()
            self._troubled = frozenset(self._gates.troubled())
        if host not in self._troubled:
            return None
        with self._lock:
            self._remember(host, settings)
        return host

    def _remember(self, host: str, settings: BreakerSettings) -> None:
        if len(self._patience) >= MOST_HOSTS:
            self._patience.clear()
        self._patience[host] = settings

    def _gate(self, name: str) -> Gate:
        """A gate as it is configured now."""
        if ":" in name:
            settings = self._patience.get(name, BreakerSettings())
            return Gate(name, host=True, patience_ms=round(settings.patience_s * 1000))
        terms = self._connectors.terms(name)
        if terms.rate is None:
            return Gate(name, terms.concurrency)
        return Gate(name, terms.concurrency, 1000 / terms.rate.per_s, terms.rate.burst)

    def _has_places(self, gate: str) -> bool:
        """Whether who passes has something to give back: of a mere rate he has not."""
        return ":" in gate or self._connectors.terms(gate).concurrency is not None

    # -- letting in --------------------------------------------------------------------------------------------

    def _past(self, shard: int, taken: Sequence[Taken], gated: Mapping[str, str]) -> list[Taken]:
        """Who gets past these gates, by item."""
        inside: list[Taken] = []
        by_gate: dict[str, list[Taken]] = {}
        for each in taken:
            gate = gated.get(each.call.item)
            # Who was let in by this very gate is not asked twice.
            if gate is None or gate in self._passed.get(each.call.item, ()):
                inside.append(each)
            else:
                by_gate.setdefault(gate, []).append(each)
        for gate, calls in by_gate.items():
            admitted = self._gates.ask(self._gate(gate), Asked(fresh=_items(calls)), self._owner)
            self._enter(gate, _items(calls[: admitted.fresh]))
            inside += calls[: admitted.fresh]
            if admitted.fresh < len(calls):
                self._hold(shard, gate, calls[admitted.fresh :])
        return inside

    def _enter(self, gate: str, items: Iterable[str]) -> None:
        with self._lock:
            for item in items:
                self._passed.setdefault(item, []).append(gate)

    def _hold(self, shard: int, gate: str, calls: Sequence[Taken]) -> None:
        for each in calls:
            self.left(each.call.item)
        # In this order: what is in the queue may be taken by anybody, and so must be nobody's.
        self._store.hand_back(shard, self._owner, calls, QUEUED_MS)
        with self._lock:
            self._returning.setdefault(gate, []).extend(_items(calls))

    def _due(self, room: int) -> list[str]:
        """The gates to go to: places are given back, somebody waits, a look was promised, or there was no room."""
        now = monotonic()
        with self._lock:
            due = (
                {gate for gate, at in self._looks.items() if at <= now} | self._leaving.keys() | self._returning.keys()
            )
            return sorted(due | self._full if room > 0 else due)

    def _asked(self, name: str, room: int) -> list[LetIn]:
        with self._lock:
            leaving, returning = self._leaving.pop(name, []), self._returning.pop(name, [])
            self._looks.pop(name, None)
            self._full.discard(name)
        try:
            wanted = Asked(leaving=leaving, queued=returning, room=room)
            admitted = self._gates.ask(self._gate(name), wanted, self._owner)
        except Unavailable:
            self._owe(name, leaving, returning)
            raise
        self._note(name, admitted, room)
        try:
            return self._let_in(name, admitted)
        except Unavailable:
            # Whether they were taken is not known. Who was not waits in the queue again.
            came = [*admitted.items, *admitted.overdue]
            self._owe(name, came, came)
            raise

    def _let_in(self, name: str, admitted: Admitted) -> list[LetIn]:
        let_in = [LetIn(shard, taken, self._gave_up(name)) for shard, taken in self._taken(admitted.overdue)]
        self._enter(name, admitted.items)
        taken = self._taken(admitted.items)
        came = {item for _, together in taken for item in _items(together)}
        # Whoever is gone meanwhile (cancelled, or made by somebody who found it by itself) leaves his place to others.
        for item in set(admitted.items) - came:
            self.left(item)
        return let_in + [LetIn(shard, self.admit(shard, together)) for shard, together in taken]

    def _owe(self, name: str, leaving: Sequence[str], returning: Sequence[str]) -> None:
        """What could not be told a gate is told it later."""
        with self._lock:
            for item in leaving:
                self._passed.pop(item, None)
            self._leaving.setdefault(name, []).extend(leaving)
            self._returning.setdefault(name, []).extend(returning)

    def _note(self, name: str, admitted: Admitted, room: int) -> None:
        """When to look at a gate again at which calls wait."""
        with self._lock:
            if admitted.waiting == 0:
                return
            if len(admitted.items) + len(admitted.overdue) >= room:
                self._full.add(name)
            elif admitted.again_ms is not None:
                self._looks[name] = monotonic() + max(admitted.again_ms / 1000, SOONEST_LOOK_S)

    def _taken(self, items: Sequence[str]) -> list[tuple[int, list[Taken]]]:
        by_shard: dict[int, list[str]] = {}
        for item in items:
            by_shard.setdefault(shard_of(item, self._store.shards), []).append(item)
        return [
            (shard, self._store.take_named(shard, self._owner, together, paused=True))
            for shard, together in by_shard.items()
        ]

    # -- hosts -------------------------------------------------------------------------------------------------

    def _tell_of_hosts(self) -> None:
        second = int(monotonic())
        with self._lock:
            news = {host: counts for host, counts in self._hosts.items() if counts.is_news}
            for host in news:
                del self._hosts[host]
            self._has_news = False
        for host, counts in news.items():
            settings = self._patience.get(host, BreakerSettings())
            jitter = 1 + self._random.random() * JITTER
            state = self._gates.record(host, _rule(settings), counts.told(second), jitter)
            if state is BreakerState.CLOSED and host in self._troubled:
                log.info("%s is well again", host)
                self._troubled -= {host}
                self.look(host)
            elif state is not BreakerState.CLOSED and host not in self._troubled:
                log.warning("%s is left alone for a while: %s", host, counts.cause)
                self._troubled |= {host}

    def _gave_up(self, host: str) -> Failed:
        for breaker in self._gates.breakers():
            if breaker.host == host:
                return gave_up(host, instant(breaker.since).isoformat(timespec="seconds"), breaker.cause)
        return gave_up(host, "some time ago", "unknown")


def _items(taken: Sequence[Taken]) -> list[str]:
    return [each.call.item for each in taken]


def _rule(settings: BreakerSettings) -> BreakerRule:
    return BreakerRule(
        settings.calls,
        settings.failures,
        round(settings.open_s * 1000),
        round(settings.most_open_s * 1000),
        settings.probes,
    )
