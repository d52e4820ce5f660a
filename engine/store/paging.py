"""Paging through several ordered indexes as if they were one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from engine.errors import InvalidInput, Problem

Record = TypeVar("Record")

LEAST_SCANNED = 64
MOST_SCANS = 50
"""How often a page may look for more records that pass its filter before it gives a short page with a cursor."""

GREATEST_SCORE = 2**53
"""The greatest position that every store can count to: a score of Redis is a double."""


class Cursor(NamedTuple):
    """A position in an index: the time of creation, and the name among those of the same moment."""

    score: int
    name: str

    def written(self) -> str:
        """As a client gets it: text that means nothing to it."""
        return urlsafe_b64encode(f"{self.score} {self.name}".encode()).decode().rstrip("=")

    @staticmethod
    def read(text: str) -> "Cursor":
        """A cursor that a client gives back. Raises `InvalidInput` for anything else."""
        try:
            score, _, name = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
            cursor = Cursor(int(score), name)
            if not 0 <= cursor.score <= GREATEST_SCORE:
                raise ValueError(score)
            return cursor
        except (Base64Error, UnicodeError, ValueError):
            problem = Problem("cursor", "is not a cursor that a page before has given")
            raise InvalidInput("the cursor is not valid", code="invalid_cursor", problems=(problem,)) from None


def page(
    ranked: Callable[[Cursor | None, int], Sequence[Cursor]],
    load: Callable[[Sequence[str]], Sequence[Record | None]],
    wanted: Callable[[Record], bool],
    limit: int,
    after: str | None,
    *,
    newest_first: bool,
) -> tuple[list[Record], str | None]:
    """The next `limit` records that are wanted, and the cursor behind them (None: there are no more).

    `ranked(position, count)` gives in order the first `count` places from the moment of a position on, those of that
    very moment included. A record may have gone between being found and being loaded.
    """
    position = Cursor.read(after) if after else None
    found: list[Record] = []
    count = max(limit + 1, LEAST_SCANNED)
    for _ in range(MOST_SCANS):
        places = ranked(position, count)
        fresh = [place for place in places if position is None or _behind(place, position, newest_first)]
        if not fresh and len(places) < count:
            return found, None
        if not fresh:
            count *= 2  # so many records of one moment stand before the position
            continue
        for place, record in zip(fresh, load([place.name for place in fresh])):
            if record is not None and wanted(record):
                if len(found) == limit:
                    assert position is not None, "a full page has a last record"
                    return found, position.written()
                found.append(record)
            position = place
    assert position is not None, "a scan that goes on has seen something"
    return found, position.written()


def _behind(place: Cursor, position: Cursor, newest_first: bool) -> bool:
    return place < position if newest_first else place > position
