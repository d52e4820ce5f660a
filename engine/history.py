"""What a case was at any moment or after any event, by its journal."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.case import Case
from engine.definitions import Definitions
from engine.errors import NotFound
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.replay import replay_journal
from engine.store.port import Store

ENTRIES_AT_ONCE = 1_000
"""Entries of a journal that are read at once."""


class Then(NamedTuple):
    """A case and its items as they were after the entry `seq` (counted from 1) of its journal, which came at `at`."""

    case: Case
    items: list[WorkItem]
    seq: int
    at: int


def as_of(
    store: Store, definitions: Definitions, case_id: str, *, moment: int | None = None, seq: int | None = None
) -> Then:
    """What a case was at a moment (ms since 1970), or after the entry `seq` of its journal; without both: what it is.

    Raises `NotFound` (`case_not_found`) where it had not begun by then, and `ReplayDiffers` where its journal does not
    agree with itself.
    """
    entries = _entries(store, case_id, moment=moment, seq=seq)
    if not entries:
        raise NotFound(f"case {case_id} had not begun then", code="case_not_found")
    replayed = replay_journal(case_id, entries, definitions.get)
    return Then(replayed.case, list(replayed.items.values()), len(entries), entries[-1].at)


def _entries(store: Store, case_id: str, *, moment: int | None, seq: int | None) -> Sequence[Entry]:
    """The entries of a journal up to the last one at or before a moment, and up to a number.

    Their times may go back a little: an event is as old as its arrival, and what a person did in a request while it
    waited stands before it.
    """
    entries: list[Entry] = []
    while seq is None or len(entries) < seq:
        limit = ENTRIES_AT_ONCE if seq is None else min(ENTRIES_AT_ONCE, seq - len(entries))
        page = store.journal(case_id, len(entries), limit)
        entries += page
        if len(page) < limit:
            break
    if moment is not None:
        del entries[max((number for number, entry in enumerate(entries, 1) if entry.at <= moment), default=0) :]
    return entries
