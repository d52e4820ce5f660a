"""The port of happenings: what commits tell those who are not part of the engine.

That events of a case were handled is told to whoever listens at that moment, and kept nowhere. Notices are kept, by the
commit that they are about, until somebody says that he has seen to them; but only while anybody wants any: that a case
or an item has ended, that an item was offered or allocated, that one of its timers reminds of it. And there is a log of
exceptions (`engine.store.exception_log`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from engine import names
from engine.case import Case
from engine.events import Event, ItemCompleted, ItemFailed, ItemMoved, ItemStarted
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry
from engine.spec.model import TimerAction
from engine.store.exception_log import Logged

MOST_NOTICES = 1_000_000
"""Notices of one shard that are kept while nobody sees to them."""

REMINDED = "reminded"
"""The event of an item that somebody is reminded of. Other events of items are named like the state they lead to."""


class Subject(StrEnum):
    """What a notice is about."""

    CASE = "case"
    ITEM = "item"


class Notice(Struct, array_like=True, frozen=True):
    """What happened (`event`) to a case or an item, when (ms since 1970), and of which specification it is.

    `task`, and who had it then (`owner`), are those of an item; `by` did it, where it was a person.
    """

    what: Subject
    id: str
    case_id: str
    event: str
    at: int
    specification: str
    version: str
    task: str = ""
    owner: str | None = None
    by: str = ""


class KeptNotice(NamedTuple):
    """A notice, and the id under which it is kept in its shard."""

    id: str
    notice: Notice


class Happenings(Protocol):
    """What commits tell. Every method may raise `Unavailable`."""

    def listen(self, ready: Callable[[], None], stop: Callable[[], bool]) -> Iterator[str]:
        """The cases whose events are handled, as it happens, from when `ready` is called until `stop` says so.

        Gives "" now and then, so that whoever listens sees that nothing happens.
        """

    def notices(self, shard: int, limit: int) -> list[KeptNotice]:
        """The oldest notices that nobody has seen to."""

    def exceptions(self, shard: int, before: str | None, limit: int) -> list[Logged]:
        """The newest exceptions of a shard that nothing more is done about, from before a place on (None: all)."""

    def seen_to(self, shard: int, identifiers: Sequence[str]) -> None:
        """These need not be kept any longer."""


def notice_of_case(before: Case | None, after: Case) -> Notice | None:
    """The notice of the end of a case, if this change is it."""
    if not after.ended or (before is not None and before.ended):
        return None
    version = after.specification_version
    return Notice(Subject.CASE, after.id, after.id, after.status, after.ended_at, after.specification, version)


def notice_of_item(before: WorkItem | None, after: WorkItem, by: str = "") -> Notice | None:
    """The notice of an item that ends, is offered (to somebody else than before), or is now somebody's."""
    if after.state not in LIVE:
        ends = before is not None and before.state in LIVE
        return _of_item(after, after.state, after.ended_at, by) if ends else None
    if after.state is ItemState.OFFERED:
        same = before is not None and before.state is after.state and before.offered_to == after.offered_to
        return None if same else _of_item(after, ItemState.OFFERED, after.offered_at, by)
    if after.owner is None or (before is not None and before.owner == after.owner):
        return None
    return _of_item(after, ItemState.ALLOCATED, after.allocated_at, by)


def mover(item_id: str, events: Iterable[Event]) -> str:
    """Who it is, if any, that has moved an item by these events."""
    for event in events:
        if isinstance(event, ItemMoved | ItemStarted | ItemCompleted | ItemFailed) and event.item == item_id:
            return event.by
    return ""


def reminders(case: Case, entries: Sequence[Entry]) -> list[Notice]:
    """The notices of timers that remind, of what a case did."""
    return [
        Notice(
            what=Subject.ITEM,
            id=names.item_id(case.id, note.number),
            case_id=case.id,
            event=REMINDED,
            at=entry.at,
            specification=case.specification,
            version=case.specification_version,
            task=note.task,
        )
        for entry in entries
        for note in entry.notes
        if note.what == "timer" and note.detail == TimerAction.REMIND
    ]


def _of_item(item: WorkItem, event: str, at: int, by: str) -> Notice:
    return Notice(
        what=Subject.ITEM,
        id=item.id,
        case_id=item.case_id,
        event=event,
        at=at,
        specification=item.specification,
        version=item.specification_version,
        task=item.task,
        owner=item.owner,
        by=by,
    )
