"""The port of shared data: what cases of one tree, of one specification or of one folder share, by place and name.

A place lies outside every case commit. So a write is idempotent by itself: it leaves a mark under the name of who asked
for it (a call's item, a request's key), and whoever comes with the same mark is told what became of the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from engine.store.port import Once

MOST_SHARED = 1_000
"""Names in one place."""

MARK_S = 24 * 3600
"""How long the repeat of a write is known, and how long a place that was closed stays so."""


class Folder(NamedTuple):
    """What stands in one place. `version` counts its writes."""

    values: dict[str, Any]
    version: int


class Write(StrEnum):
    """What became of a write.

    It was done; something there was not what it was expected to be; the place was closed; it would hold too much; its
    mark stands for another write. But for the first, nothing was changed.
    """

    DONE = "done"
    DIFFERS = "differs"
    CLOSED = "closed"
    FULL = "full"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to stand in a place, or nothing is written: values by name, of which those in `unset` may be missing.

    `version` is that of the whole place.
    """

    values: Mapping[str, Any]
    unset: frozenset[str] = frozenset()
    version: int | None = None


NOTHING_EXPECTED = Expected({})


class Folders(Protocol):
    """Where shared data is kept. Every method may raise `Unavailable`."""

    def read(self, place: str) -> Folder:
        """All that stands in a place."""

    def values(self, places: Mapping[str, str]) -> dict[str, Any]:
        """What stands under some names, each in its place. One that was never written is missing."""

    def write(
        self, place: str, values: Mapping[str, Any], mark: Once | None, expected: Expected = NOTHING_EXPECTED
    ) -> Write:
        """Sets values, all or none. With the same mark it is done once, and answered the same."""

    def watch(self, place: str, case_id: str) -> None:
        """A case is to be told when something changes there."""

    def unwatch(self, place: str, case_ids: Iterable[str]) -> None:
        """Cases need no longer be told."""

    def watchers(self, place: str) -> list[str]:
        """The cases that are to be told, by id."""

    def close(self, place: str) -> None:
        """Removes all that stands in a place; who comes late writes nothing there."""
