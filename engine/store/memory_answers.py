"""Kept answers in memory: the reference, and what a single process runs on."""

from collections.abc import Callable
from threading import RLock
from typing import NamedTuple

from engine.store.kept_answers import KEPT_S, UNDER_WAY_S, Found, KeptAnswer, Standing


class _Record(NamedTuple):
    digest: str
    owner: str
    until: int
    answer: KeptAnswer | None = None


class MemoryAnswers:
    """Kept answers in memory. `clock` gives milliseconds since 1970. Safe for use by several threads."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._lock = RLock()

    def take(self, name: str, digest: str, owner: str) -> Found:
        with self._lock:
            now = self._clock()
            record = self._records.get(name)
            if record is None or record.until <= now:
                self._records[name] = _Record(digest, owner, now + UNDER_WAY_S * 1000)
                return Found(Standing.TAKEN)
            if record.digest != digest:
                return Found(Standing.OTHER)
            return Found(Standing.UNDER_WAY if record.answer is None else Standing.ANSWERED, record.answer)

    def keep(self, name: str, owner: str, answer: KeptAnswer) -> None:
        with self._lock:
            record = self._records.get(name)
            if record is not None and record.owner == owner:
                until = self._clock() + KEPT_S * 1000
                self._records[name] = record._replace(until=until, answer=answer)

    def give_back(self, name: str, owner: str) -> None:
        with self._lock:
            record = self._records.get(name)
            if record is not None and record.owner == owner and record.answer is None:
                del self._records[name]
