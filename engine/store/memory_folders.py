"""Shared data in memory: the reference, and what `casewright play` runs on."""

from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any

from engine.store.folders import MOST_SHARED, NOTHING_EXPECTED, Expected, Folder, Write
from engine.store.port import Once
from engine.store.shared_values import pack_value, unpack_value


class MemoryFolders:
    """Shared data in memory. It forgets no mark. Safe for use by several threads."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, bytes]] = {}
        self._versions: dict[str, int] = {}
        self._marks: dict[tuple[str, str], tuple[Write, str]] = {}
        self._watchers: dict[str, set[str]] = {}
        self._closed: set[str] = set()
        self._lock = RLock()

    def read(self, place: str) -> Folder:
        with self._lock:
            found = self._values.get(place, {})
            return Folder({name: unpack_value(found[name]) for name in sorted(found)}, self._versions.get(place, 0))

    def values(self, places: Mapping[str, str]) -> dict[str, Any]:
        with self._lock:
            found = ((name, self._values.get(place, {}).get(name)) for name, place in places.items())
            return {name: unpack_value(packed) for name, packed in found if packed is not None}

    def write(
        self, place: str, values: Mapping[str, Any], mark: Once | None, expected: Expected = NOTHING_EXPECTED
    ) -> Write:
        with self._lock:
            known = self._marks.get((place, mark.name)) if mark is not None else None
            if known is not None and mark is not None:
                return known[0] if known[1] == mark.digest else Write.OTHER
            done = self._written(place, values, expected)
            if mark is not None:
                self._marks[place, mark.name] = (done, mark.digest)
            return done

    def watch(self, place: str, case_id: str) -> None:
        with self._lock:
            self._watchers.setdefault(place, set()).add(case_id)

    def unwatch(self, place: str, case_ids: Iterable[str]) -> None:
        with self._lock:
            self._watchers.get(place, set()).difference_update(case_ids)

    def watchers(self, place: str) -> list[str]:
        with self._lock:
            return sorted(self._watchers.get(place, ()))

    def close(self, place: str) -> None:
        with self._lock:
            for kept in (self._values, self._versions, self._watchers):
                kept.pop(place, None)
            self._closed.add(place)

    def _written(self, place: str, values: Mapping[str, Any], expected: Expected) -> Write:
        if place in self._closed:
            return Write.CLOSED
        found = self._values.get(place, {})
        if expected.version not in (None, self._versions.get(place, 0)):
            return Write.DIFFERS
        for name, value in expected.values.items():
            if (name not in found and name not in expected.unset) or found.get(name, pack_value(value)) != pack_value(
                value
            ):
                return Write.DIFFERS
        if len(found.keys() | values.keys()) > MOST_SHARED:
            return Write.FULL
        self._values[place] = found | {name: pack_value(value) for name, value in values.items()}
        self._versions[place] = self._versions.get(place, 0) + 1
        return Write.DONE
