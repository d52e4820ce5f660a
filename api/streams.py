"""Event streams (server-sent events) of work items: `GET /work-items/stream`.

Every change of an item that one may know of is an event `work-item` with the item as it is now. An event may come
twice; `version` tells. Its id is a position among all changes: who comes back with it as `Last-Event-ID` misses nothing
of the last 10,000 changes of each shard, and is told by an event `reset` if there were more. A stream ends when its
token does. Each takes a thread of its own, beside those of requests, and there are so many at most (`event_streams`).
"""

from collections.abc import Iterator
from threading import Event, Lock
from time import monotonic, time
from typing import Any

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from api.context import parts, principal
from api.known_items import Viewer, viewer
from api.messages import item_view
from api.permissions import Permission
from api.users import NAME
from deploy.wiring import Parts
from engine.errors import Forbidden, InvalidInput, Overloaded, Unavailable
from engine.items.work_item import WorkItem
from engine.names import CASE_ID, case_of, root_of

EXTENSION = "event_streams"
EVERYBODY = "*"

CHANGES_AT_ONCE = 200
WAIT_MS = 1_000
"""How long a stream waits for a change before it looks whether it is still wanted."""

LONGEST_S = 600.0
"""After so long a stream ends, so that those who listen spread over the processes that there are now."""

HEARTBEAT_S = 2.0
"""A stream on which nothing happens says so, so that whoever is gone is noticed."""

RETRY_MS = 2_000
"""After so long a browser comes back when its stream has ended."""

DESCRIPTION: dict[str, Any] = {
    "description": "Events `work-item`, each with an item as it is shown by GET /work-items/{item_id}",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


class StreamQuery(BaseModel):
    """Whose changes are sent: one's own, a participant's, or everybody's (`*`); those of a case and of all below it."""

    resource_id: str | None = Field(None, pattern=f"^(?:{NAME.pattern}|[*])$")
    case_id: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")
    last_event_id: str | None = Field(
        None, max_length=2_000, pattern="^[0-9,-]*$", description="where Last-Event-ID cannot be sent"
    )


class EventStreams:
    """The streams that are open. Safe for use by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._lock = Lock()
        self._closing = Event()

    def begin(self) -> None:
        """Takes a place. Raises `Overloaded` (`too_many_streams`)."""
        with self._lock:
            if self._open >= self._most:
                message = f"{self._most} event streams are open already; try again later, or list the items"
                raise Overloaded(message, code="too_many_streams")
            self._open += 1

    def end(self) -> None:
        """Gives a place back."""
        with self._lock:
            self._open -= 1

    def close(self) -> None:
        """Has all streams end: this process is about to."""
        self._closing.set()

    @property
    def closing(self) -> bool:
        """Whether all streams are to end."""
        return self._closing.is_set()


def stream_items(query: StreamQuery) -> Response:
    """The answer that goes on until one of both sides ends it."""
    asks = principal()
    person = query.resource_id or asks.participant
    if person != asks.participant and not asks.may(Permission.ITEMS_SEE_ALL) and person != EVERYBODY:
        raise Forbidden(f"{asks.user} may not see what others have to do", code="permission_missing")
    position = request.headers.get("Last-Event-ID") or query.last_event_id
    store = parts().store
    missed = store.missed(position) if position else False
    position = position or store.changes(None, 0, 0).position
    streams: EventStreams = current_app.extensions[EXTENSION]
    streams.begin()
    watching = _Watching(parts(), viewer(), person if person != EVERYBODY else None, query.case_id, asks.expires_at)
    answered = Response(watching.events(position, streams, missed=missed), mimetype="text/event-stream")
    answered.headers["Cache-Control"] = "no-store"
    answered.headers["X-Accel-Buffering"] = "no"
    answered.call_on_close(streams.end)
    return answered


class _Watching:
    """Whose changes one stream sends, and until when (seconds since 1970)."""

    def __init__(self, with_: Parts, by: Viewer, person: str | None, case_id: str | None, until: int) -> None:
        self._parts = with_
        self._by = by
        self._person = person
        self._case_id = case_id
        self._until = until

    def events(self, position: str, streams: EventStreams, *, missed: bool) -> Iterator[str]:
        """The text of the stream."""
        yield f"retry: {RETRY_MS}\nid: {position}\n\n"
        if missed:
            yield "event: reset\ndata: {}\n\n"
        said = began = monotonic()
        while not streams.closing and time() < self._until and monotonic() - began < LONGEST_S:
            before = position
            try:
                changes, position = self._parts.store.changes(before, CHANGES_AT_ONCE, WAIT_MS)
                items = self._items([change.item for change in changes])
            except (Unavailable, InvalidInput):
                # Whoever listens comes back by himself, when Redis is there again.
                return
            for left, item in zip(reversed(range(len(items))), items, strict=True):
                # Who goes away in the middle begins with the first of them again.
                seen = before if left else position
                yield f"event: work-item\nid: {seen}\ndata: {self._shown(item)}\n\n"
                said = monotonic()
            if monotonic() - said > HEARTBEAT_S:
                if not self._is_still_there():
                    return
                yield f": nothing new\nid: {position}\n\n"
                said = monotonic()

    def _items(self, changed: list[str]) -> list[WorkItem]:
        """Those of the changed items that are of interest, each once, in the order in which they were changed last."""
        wanted = [item for item in dict.fromkeys(reversed(changed)) if self._is_of_case(item)]
        loaded = self._parts.store.load([], wanted).items if wanted else {}
        found = (loaded[item] for item in reversed(wanted) if item in loaded)
        return [item for item in found if self._concerns(item) and self._by.may_know(item, self._parts)]

    def _is_of_case(self, item: str) -> bool:
        if self._case_id is None:
            return True
        return case_of(item) == self._case_id or (
            root_of(item) == root_of(self._case_id) and case_of(item).startswith(f"{self._case_id}.")
        )

    def _concerns(self, item: WorkItem) -> bool:
        return self._person is None or item.owner == self._person or self._person in item.offered_to

    def _shown(self, item: WorkItem) -> str:
        specification = self._parts.definitions.get(item.specification, item.specification_version)
        return item_view(item, specification).model_dump_json()

    def _is_still_there(self) -> bool:
        user = self._parts.registry.user(self._by.user)
        return user is not None and not user.disabled
