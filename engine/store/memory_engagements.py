"""Engagements in memory, for tests and `play`."""

from collections.abc import Iterable, Mapping
from threading import Lock

from engine.store.engagements import Engagement, IsOver, refused


class MemoryEngagements:
    """Engagements in memory. Safe for use by several threads."""

    def __init__(self) -> None:
        self._held: dict[str, Engagement] = {}
        self._lock = Lock()

    def engage(self, item: str, resources: Iterable[str], at: int, is_over: IsOver) -> Mapping[str, str]:
        names = tuple(resources)
        with self._lock:
            busy = refused({name: self._held[name] for name in names if name in self._held}, item, is_over)
            if not busy:
                self._held.update(dict.fromkeys(names, Engagement(item, at)))
            return busy
