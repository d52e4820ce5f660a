"""Shared data, written: whoever waits for it is told.

A case that may wait for what it shares is told by an event of its own, which is appended before the write is answered.
A write that is repeated, because its writer died before it could answer, tells them again.
"""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from engine.events import Envelope, SharedChanged
from engine.names import shard_of
from engine.store.folders import NOTHING_EXPECTED, Expected, Folder, Folders, Write
from engine.store.port import Once, Store

TOLD_AT_ONCE = 100
"""Cases that are looked up and told together."""


class SharedData:
    """What cases share, for those who write it from outside. `ring` wakes who drains a shard."""

    def __init__(self, folders: Folders, store: Store, ring: Callable[[int], None]) -> None:
        self._folders = folders
        self._store = store
        self._ring = ring

    def read(self, place: str) -> Folder:
        """All that stands in a place."""
        return self._folders.read(place)

    def write(
        self, place: str, values: Mapping[str, Any], mark: Once | None, expected: Expected = NOTHING_EXPECTED
    ) -> Write:
        """Sets values, all or none, and tells the cases that wait for them."""
        done = self._folders.write(place, values, mark, expected)
        if done is Write.DONE:
            self._tell(place)
        return done

    def _tell(self, place: str) -> None:
        watchers = sorted(self._folders.watchers(place), key=self._shard)
        for shard, of_shard in groupby(watchers, key=self._shard):
            waiting = list(of_shard)
            for start in range(0, len(waiting), TOLD_AT_ONCE):
                self._tell_some(place, shard, waiting[start : start + TOLD_AT_ONCE])

    def _tell_some(self, place: str, shard: int, watchers: list[str]) -> None:
        cases = self._store.load(watchers, []).cases
        gone = [case_id for case_id in watchers if case_id not in cases or cases[case_id].ended]
        self._folders.unwatch(place, gone)
        told = [Envelope(case_id, SharedChanged(place)) for case_id in watchers if case_id not in gone]
        if told and self._store.append(shard, told).ring:
            self._ring(shard)

    def _shard(self, case_id: str) -> int:
        return shard_of(case_id, self._store.shards)
