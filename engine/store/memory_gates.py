"""Gates in memory: the reference, and what a single process runs on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import floor, inf
from threading import RLock

from engine.store.gates import (
    COUNTED_S,
    PLACE_MS,
    WATCH_MS,
    Admitted,
    Asked,
    Breaker,
    BreakerRule,
    BreakerState,
    Counted,
    Gate,
    Load,
)


@dataclass(slots=True)
class _Gate:
    places: dict[str, float] = field(default_factory=dict)
    # In order of coming.
    queue: dict[str, float] = field(default_factory=dict)
    due: float = 0.0
    watcher: tuple[str, float] = ("", 0.0)


@dataclass(slots=True)
class _Breaker:
    ended: dict[int, tuple[int, int]] = field(default_factory=dict)
    since: float | None = None
    until: float = 0.0
    openings: int = 0
    passed: int = 0
    cause: str = ""
    connector: str = ""


class MemoryGates:
    """Gates in memory. `clock` gives the time in ms since 1970. Safe for use by several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gates: dict[str, _Gate] = {}
        self._breakers: dict[str, _Breaker] = {}
        self._lock = RLock()

    def ask(self, gate: Gate, wanted: Asked, owner: str) -> Admitted:
        with self._lock:
            now, held = self._clock(), self._gates.setdefault(gate.name, _Gate())
            for item in wanted.leaving:
                held.places.pop(item, None)
            held.places = {item: until for item, until in held.places.items() if until > now}
            most, again = self._most(gate, now)
            for item in wanted.queued:
                held.queue.setdefault(item, now)
            overdue = _overdue(held, gate, now, wanted.room)
            free = max(most - len(held.places), 0)
            due, tolerance = now, 0.0
            if gate.interval_ms is not None:
                tolerance = gate.interval_ms * (gate.burst - 1)
                due = max(held.due, now)
                free = min(free, max(floor((now + tolerance - due) / gate.interval_ms) + 1, 0))
            items = list(held.queue)[: int(min(free, wanted.room - len(overdue)))]
            for item in items:
                del held.queue[item]
            fresh = 0 if held.queue else int(min(free - len(items), len(wanted.fresh)))
            passed = [*items, *wanted.fresh[:fresh]]
            if most != inf:
                held.places.update(dict.fromkeys(passed, now + PLACE_MS))
            if gate.interval_ms is not None and passed:
                due = held.due = due + len(passed) * gate.interval_ms
            if gate.interval_ms is not None and again is None and len(passed) >= free:
                again = max(due - tolerance - now, 0.0)
            told = _watched(held, owner, now, again) if held.queue else None
            return Admitted(tuple(items), fresh, overdue, len(held.queue), told)

    def renew(self, gate: Gate, items: Sequence[str]) -> None:
        with self._lock:
            places = self._gates.setdefault(gate.name, _Gate()).places
            places.update({item: self._clock() + PLACE_MS for item in items if item in places})

    def queues(self) -> list[str]:
        with self._lock:
            return sorted(name for name, held in self._gates.items() if held.queue)

    def record(self, host: str, rule: BreakerRule, counted: Counted, jitter: float) -> BreakerState:
        with self._lock:
            now, breaker = self._clock(), self._breakers.setdefault(host, _Breaker())
            if breaker.since is not None:
                return self._recorded_in_trouble(host, breaker, rule, counted, jitter)
            second = int(now // 1000)
            for ago, (successes, failures) in counted.ended.items():
                before = breaker.ended.get(second - ago, (0, 0))
                breaker.ended[second - ago] = (before[0] + successes, before[1] + failures)
            breaker.ended = {of: each for of, each in breaker.ended.items() if second - COUNTED_S < of <= second}
            failures = sum(each[1] for each in breaker.ended.values())
            calls = failures + sum(each[0] for each in breaker.ended.values())
            if calls < rule.calls or failures < rule.failures * calls:
                return BreakerState.CLOSED
            breaker.since = now
            return _opened(breaker, rule, counted, now, jitter)

    def troubled(self) -> list[str]:
        return [breaker.host for breaker in self.breakers()]

    def breakers(self) -> list[Breaker]:
        with self._lock:
            now = self._clock()
            return [
                Breaker(
                    host,
                    BreakerState.OPEN if each.until > now else BreakerState.HALF_OPEN,
                    int(each.since),
                    int(each.until),
                    each.cause,
                    each.connector,
                )
                for host, each in sorted(self._breakers.items())
                if each.since is not None
            ]

    def load(self, names: Sequence[str]) -> list[Load]:
        with self._lock:
            now = self._clock()
            gates = [self._gates.get(name, _Gate()) for name in names]
            return [Load(sum(until > now for until in each.places.values()), len(each.queue)) for each in gates]

    def _most(self, gate: Gate, now: float) -> tuple[float, float | None]:
        """How many may be beyond a gate at once, and when its breaker lets somebody try."""
        breaker = self._breakers.get(gate.name) if gate.host else None
        if breaker is None or breaker.since is None:
            return (inf if gate.concurrency is None else gate.concurrency), None
        return (0, breaker.until - now) if breaker.until > now else (1, None)

    def _recorded_in_trouble(
        self, host: str, breaker: _Breaker, rule: BreakerRule, counted: Counted, jitter: float
    ) -> BreakerState:
        now = self._clock()
        if counted.probes_failed:
            return _opened(breaker, rule, counted, now, jitter)
        breaker.passed += counted.probes_passed
        if counted.probes_passed and breaker.passed >= rule.probes:
            del self._breakers[host]
            return BreakerState.CLOSED
        return BreakerState.OPEN if breaker.until > now else BreakerState.HALF_OPEN


def _opened(breaker: _Breaker, rule: BreakerRule, counted: Counted, now: float, jitter: float) -> BreakerState:
    breaker.until = now + min(rule.open_ms * 2**breaker.openings, rule.most_open_ms) * jitter
    breaker.openings += 1
    breaker.passed, breaker.cause, breaker.connector = 0, counted.cause, counted.connector
    return BreakerState.OPEN


def _overdue(held: _Gate, gate: Gate, now: float, room: int) -> tuple[str, ...]:
    if gate.patience_ms is None:
        return ()
    late = [item for item, came in held.queue.items() if came <= now - gate.patience_ms][:room]
    for item in late:
        del held.queue[item]
    return tuple(late)


def _watched(held: _Gate, owner: str, now: float, again: float | None) -> int | None:
    """When to look again, unless somebody else has said he would."""
    watcher, until = held.watcher
    if again is None or (watcher != owner and until > now):
        return None
    held.watcher = (owner, now + again + WATCH_MS)
    return round(again)
