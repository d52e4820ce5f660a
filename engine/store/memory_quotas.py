"""Quotas in memory: the reference, and what a single process runs on."""

from collections.abc import Callable
from threading import RLock

from engine.store.quotas import FORGOTTEN_AFTER_S, Patience, Rate, wait_after


class MemoryQuotas:
    """Quotas in memory. `clock` gives milliseconds since 1970. Safe for use by several threads."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._failed: dict[str, tuple[int, int, int]] = {}
        self._lock = RLock()

    def take(self, name: str, rate: Rate) -> float:
        with self._lock:
            now, interval = self._clock(), 1000 / rate.per_s
            due = max(self._due.get(name, 0.0), now)
            early = due - (rate.burst - 1) * interval - now
            if early > 0:
                return early / 1000
            self._due[name] = due + interval
            return 0.0

    def fail(self, name: str, patience: Patience) -> None:
        with self._lock:
            now = self._clock()
            count, _, last = self._failed.get(name, (0, 0, 0))
            count = 1 if last + FORGOTTEN_AFTER_S * 1000 < now else count + 1
            self._failed[name] = (count, now + wait_after(count, patience) * 1000, now)

    def waits(self, names: list[str]) -> float:
        with self._lock:
            now = self._clock()
            return max(0.0, *(self._failed.get(name, (0, 0, 0))[1] - now for name in names)) / 1000

    def forgive(self, names: list[str]) -> None:
        with self._lock:
            for name in names:
                self._failed.pop(name, None)
