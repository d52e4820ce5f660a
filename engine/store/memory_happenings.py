"""Happenings in memory: the reference, and what a single process runs on."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from queue import Empty, SimpleQueue
from threading import RLock

from engine.store.exception_log import MOST_EXCEPTIONS, Logged, PastException
from engine.store.happenings import MOST_NOTICES, KeptNotice, Notice

PAUSE_S = 0.2


class MemoryHappenings:
    """Happenings in memory. `wanted` says whether notices are kept. Safe for use by several threads."""

    def __init__(self, wanted: Callable[[], bool] = lambda: False) -> None:
        self._wanted = wanted
        self._listeners: list[SimpleQueue[str]] = []
        self._notices: dict[int, dict[str, Notice]] = {}
        self._exceptions: dict[int, deque[Logged]] = {}
        self._numbers = count(1)
        self._lock = RLock()

    def handled(self, case_id: str) -> None:
        """Events of a case were handled."""
        with self._lock:
            for listener in self._listeners:
                listener.put(case_id)

    def noticed(self, shard: int, notice: Notice | None) -> None:
        """Something happened that there is a notice of, if there is."""
        if notice is None or not self._wanted():
            return
        with self._lock:
            kept = self._notices.setdefault(shard, {})
            kept[f"{next(self._numbers):012}"] = notice
            while len(kept) > MOST_NOTICES:
                del kept[next(iter(kept))]

    def went(self, shard: int, exception: PastException) -> None:
        """Nothing more is done about an exception."""
        with self._lock:
            log = self._exceptions.setdefault(shard, deque(maxlen=MOST_EXCEPTIONS))
            log.append(Logged(f"{exception.at}-{next(self._numbers)}", exception))

    def exceptions(self, shard: int, before: str | None, limit: int) -> list[Logged]:
        with self._lock:
            log = reversed(self._exceptions.get(shard, ()))
            return [each for each in log if before is None or _at(each.id) < _at(before)][:limit]

    def listen(self, ready: Callable[[], None], stop: Callable[[], bool]) -> Iterator[str]:
        own: SimpleQueue[str] = SimpleQueue()
        with self._lock:
            self._listeners.append(own)
        ready()
        try:
            while not stop():
                try:
                    yield own.get(timeout=PAUSE_S)
                except Empty:
                    yield ""
        finally:
            with self._lock:
                self._listeners.remove(own)

    def notices(self, shard: int, limit: int) -> list[KeptNotice]:
        with self._lock:
            return [KeptNotice(*each) for each in list(self._notices.get(shard, {}).items())[:limit]]

    def seen_to(self, shard: int, identifiers: Sequence[str]) -> None:
        with self._lock:
            for identifier in identifiers:
                self._notices.get(shard, {}).pop(identifier, None)


def _at(identifier: str) -> tuple[int, int]:
    at, _, number = identifier.partition("-")
    return int(at), int(number)
