"""The log of exceptions across all cases: what was raised, and what became of it, the newest first.

It is made of the journals' entries by the commits that write these. Each shard keeps so many; older ones stand in the
journals. What is being handled still is part of its case, and not of the log.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from engine.case import Case
from engine.errors import InvalidInput, Problem
from engine.exceptions.outcomes import ABANDONED, HANDLED, UNHANDLED
from engine.journal import Entry
from engine.store.paging import Cursor

MOST_EXCEPTIONS = 10_000
"""Those of one shard that are kept."""

MOST_LOOKED_AT = 5_000
"""So many are looked at for one page, so that a search for what is rare holds nobody up."""

OUTCOMES = frozenset({HANDLED, UNHANDLED, ABANDONED})


class PastException(Struct, array_like=True, frozen=True):
    """An exception of a case, at the item, call or child `execution` (0: none), and what became of it when.

    Times are ms since 1970. `reason`: why what was to be done about it could not be.
    """

    case_id: str
    specification: str
    version: str
    kind: str
    task: str
    execution: int
    message: str
    raised_at: int
    outcome: str
    at: int
    reason: str = ""


class Logged(NamedTuple):
    """An exception, and its place in the log of its shard: `<ms>-<number>`, later ones are greater."""

    id: str
    exception: PastException


@dataclass(frozen=True, slots=True)
class ExceptionQuery:
    """Which exceptions are listed: of an outcome, a kind, a specification, a case. `after` is a cursor."""

    outcome: str | None = None
    kind: str | None = None
    specification: str | None = None
    case_id: str | None = None
    limit: int = 50
    after: str | None = None

    def wants(self, exception: PastException) -> bool:
        """Whether one is of those asked for."""
        return (
            self.outcome in (None, exception.outcome)
            and self.kind in (None, exception.kind)
            and self.specification in (None, exception.specification)
            and self.case_id in (None, exception.case_id)
        )


class ExceptionPage(NamedTuple):
    """A page of exceptions, and the cursor behind it. Where few are wanted a page may be short of `limit`."""

    exceptions: list[PastException]
    next: str | None


def past_exceptions(case: Case, entries: Sequence[Entry]) -> list[PastException]:
    """What became of exceptions of a case by what it did."""
    return [
        PastException(
            case_id=case.id,
            specification=case.specification,
            version=case.specification_version,
            kind=note.detail["kind"],
            task=note.task,
            execution=note.number,
            message=note.detail["message"],
            raised_at=note.detail["raised_at"],
            outcome=note.what,
            at=entry.at,
            reason=note.detail.get("reason", ""),
        )
        for entry in entries
        for note in entry.notes
        if note.what in OUTCOMES and isinstance(note.detail, Mapping)
    ]


Read = Callable[[int, str | None, int], Sequence[Logged]]
"""Reads so many exceptions of a shard from before a place on, the newest first."""


def newest(read: Read, shards: int, query: ExceptionQuery) -> ExceptionPage:
    """A page of the log. Raises `InvalidInput` (`invalid_cursor`)."""
    place = _place(query.after) if query.after is not None else None
    found: list[PastException] = []
    looked_at = 0
    while looked_at < MOST_LOOKED_AT:
        count = query.limit + 1
        read_now = [
            (_order(each.id, shard), each)
            for shard in range(shards)
            for each in read(shard, _before(place, shard), count)
        ]
        read_now.sort(key=lambda pair: pair[0], reverse=True)
        for order, each in read_now[:count]:
            if len(found) == query.limit:
                return ExceptionPage(found, _written(place))
            place = order
            looked_at += 1
            if query.wants(each.exception):
                found.append(each.exception)
        if len(read_now) < count:
            return ExceptionPage(found, None)
    return ExceptionPage(found, _written(place))


_Place = tuple[int, int, int]
"""When (ms), the shard, and the number within both."""


def _order(identifier: str, shard: int) -> _Place:
    at, _, number = identifier.partition("-")
    return int(at), shard, int(number)


def _before(place: _Place | None, shard: int) -> str | None:
    """The place in the log of a shard before which those lie that are older than a place in the whole."""
    if place is None:
        return None
    at, of, number = place
    if shard == of:
        return f"{at}-{number}"
    return f"{at + 1}-0" if shard < of else f"{at}-0"


def _written(place: _Place | None) -> str | None:
    return Cursor(place[0], f"{place[1]}-{place[2]}").written() if place is not None else None


def _place(text: str) -> _Place:
    cursor = Cursor.read(text)
    shard, _, number = cursor.name.partition("-")
    if not (shard.isdecimal() and number.isdecimal()):
        problem = Problem("cursor", "is not a cursor that a page before has given")
        raise InvalidInput("the cursor is not valid", code="invalid_cursor", problems=(problem,))
    return cursor.score, int(shard), int(number)
