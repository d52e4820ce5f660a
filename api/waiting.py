"""Waiting: `Prefer: wait=N` (RFC 7240) on a request that gives a case an event.

The answer comes when the event was handled (200 with the case), after N seconds at the latest (202). Nobody polls:
whoever handles events tells it, one thread of this process listens, and wakes those who wait. So many may wait at a
time (`CASEWRIGHT_WAITERS`), each in a thread beside those of other requests; beyond that the answer is 202 at once.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple

from flask import current_app, request

from api.archived import shelf_of
from api.context import correlation_id, parts
from engine.case import CaseStatus
from engine.errors import Unavailable
from engine.events import Event
from engine.journal import Entry
from engine.store.happenings import Happenings

log = logging.getLogger(__name__)

EXTENSION = "waiting"
LONGEST_S = 30
LISTENS_WITHIN_S = 2.0
"""How long it is waited for the thread that listens; it starts with the first who waits."""

IDLE_S = 60.0
"""So long after the last one has gone nobody listens any more."""

ENTRIES_AT_ONCE = 500

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)


class Waiting:
    """Who waits in this process. Safe for use by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiters: dict[str, set[Signal]] = {}
        self._count = 0
        self._lock = Lock()
        self._listening: Signal | None = None
        self._last_left = 0.0

    @contextmanager
    def for_case(self, case_id: str, happenings: Happenings) -> Iterator[Signal | None]:
        """An event that is set whenever events of a case were handled; None where too many wait already."""
        with self._lock:
            if self._count >= self._most:
                waiter = None
            else:
                self._count += 1
                waiter = Signal()
                self._waiters.setdefault(case_id, set()).add(waiter)
        if waiter is None:
            yield None
            return
        try:
            yield waiter if self._listen(happenings) else None
        finally:
            with self._lock:
                self._count -= 1
                self._last_left = monotonic()
                self._waiters[case_id].discard(waiter)
                if not self._waiters[case_id]:
                    del self._waiters[case_id]

    def _listen(self, happenings: Happenings) -> bool:
        """Sees to it that somebody listens; False when that does not work out."""
        with self._lock:
            listening = self._listening
            if listening is None:
                listening = self._listening = Signal()
                Thread(target=self._hear, args=(happenings, listening), daemon=True, name="waiting").start()
        return listening.wait(LISTENS_WITHIN_S)

    def _hear(self, happenings: Happenings, listening: Signal) -> None:
        try:
            for case_id in happenings.listen(listening.set, self._is_idle):
                self._wake(case_id)
        except Unavailable as away:
            log.warning("those who wait for cases are not told while the store is away: %s", away)
        finally:
            with self._lock:
                if self._listening is listening:
                    self._listening = None
                everybody = list(self._waiters)
            # They look for themselves, and wait no longer than they were asked to.
            for case_id in everybody:
                self._wake(case_id)

    def _is_idle(self) -> bool:
        with self._lock:
            idle = not self._count and monotonic() - self._last_left > IDLE_S
            if idle:
                # Whoever comes now finds nobody who listens, and begins anew.
                self._listening = None
            return idle

    def _wake(self, case_id: str) -> None:
        with self._lock:
            for waiter in self._waiters.get(case_id, ()):
                waiter.set()


def wished_s() -> int:
    """How long (s) the client wants to wait; 0 for not at all."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_S) if found is not None else 0


class Begun(NamedTuple):
    """An event that was given to a case: the case's revision before, and whether the same request came before."""

    revision: int
    event: Event
    repeated: bool = False


def when_handled(case_id: str, act: Callable[[], Begun]) -> bool:
    """Gives a case an event by `act`, and waits for it to be handled as long as the client wants to; whether it was."""
    wanted_s = wished_s()
    if not wanted_s:
        act()
        return False
    waiting: Waiting = current_app.extensions[EXTENSION]
    with waiting.for_case(case_id, parts().happenings) as waiter:
        begun = act()
        if waiter is None:
            return False
        until = monotonic() + wanted_s
        # There are at least as many entries as revisions. What was asked before may stand anywhere.
        place = 0 if begun.repeated else begun.revision
        while True:
            waiter.clear()
            place, handled = _look(case_id, place, begun)
            left_s = until - monotonic()
            if handled or left_s <= 0 or not waiter.wait(left_s):
                return handled


def _look(case_id: str, place: int, begun: Begun) -> tuple[int, bool]:
    """Whether the journal has this event of this request, from a place on; and the place behind what was read."""
    while True:
        entries = shelf_of(case_id).journal(case_id, place, ENTRIES_AT_ONCE)
        if any(_is_it(entry, begun) for entry in entries):
            return place, True
        place += len(entries)
        if len(entries) < ENTRIES_AT_ONCE:
            case = parts().store.case(case_id)
            return place, case is not None and case.status is CaseStatus.FAULTED


def _is_it(entry: Entry, begun: Begun) -> bool:
    if begun.repeated:
        return entry.event == begun.event
    return entry.correlation_id == correlation_id() and type(entry.event) is type(begun.event)
