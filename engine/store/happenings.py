"""The port of happenings: what commits tell those who are not part of the engine.

That events of a case were handled is told to whoever listens at that moment, and kept nowhere. That a case or an item
has ended is kept, by the commit that ends it, until somebody says that he has seen to it; but only while anybody wants
to know of ends at all.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from engine.case import Case
from engine.items.work_item import LIVE, WorkItem

MOST_ENDS = 1_000_000
"""Ends of one shard that are kept while nobody sees to them."""


class Ended(StrEnum):
    """What has ended."""

    CASE = "case"
    ITEM = "item"


class End(Struct, array_like=True, frozen=True):
    """A case or an item that has ended: how (`state`), when (ms since 1970), and of which specification it is.

    `task`, and who had it (`owner`), are those of an item.
    """

    what: Ended
    id: str
    case_id: str
    state: str
    at: int
    specification: str
    version: str
    task: str = ""
    owner: str | None = None


class KeptEnd(NamedTuple):
    """An end, and the id under which it is kept in its shard."""

    id: str
    end: End


class Happenings(Protocol):
    """What commits tell. Every method may raise `Unavailable`."""

    def listen(self, ready: Callable[[], None], stop: Callable[[], bool]) -> Iterator[str]:
        """The cases whose events are handled, as it happens, from when `ready` is called until `stop` says so.

        Gives "" now and then, so that whoever listens sees that nothing happens.
        """

    def ends(self, shard: int, limit: int) -> list[KeptEnd]:
        """The oldest ends that nobody has seen to."""

    def seen_to(self, shard: int, identifiers: Sequence[str]) -> None:
        """These need not be kept any longer."""


def end_of_case(before: Case | None, after: Case) -> End | None:
    """The end of a case, if this change is it."""
    if not after.ended or (before is not None and before.ended):
        return None
    version = after.specification_version
    return End(Ended.CASE, after.id, after.id, after.status, after.ended_at, after.specification, version)


def end_of_item(before: WorkItem | None, after: WorkItem) -> End | None:
    """The end of an item, if this change is it."""
    if after.state in LIVE or before is None or before.state not in LIVE:
        return None
    return End(
        what=Ended.ITEM,
        id=after.id,
        case_id=after.case_id,
        state=after.state,
        at=after.ended_at,
        specification=after.specification,
        version=after.specification_version,
        task=after.task,
        owner=after.owner,
    )
