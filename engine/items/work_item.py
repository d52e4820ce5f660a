"""A work item: one piece of work for a person, a record of its own beside its case."""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class ItemState(StrEnum):
    """Where an item stands. `created` is waiting to be offered by an administrator."""

    CREATED = "created"
    OFFERED = "offered"
    ALLOCATED = "allocated"
    STARTED = "started"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    FORCE_COMPLETED = "force_completed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


WAITING = frozenset({ItemState.CREATED, ItemState.OFFERED, ItemState.ALLOCATED})
LIVE = WAITING | {ItemState.STARTED, ItemState.SUSPENDED}


class WorkItem(Struct, array_like=True, frozen=True):
    """An item. `version` counts its moves; `applied` is None until its completion was applied (or discarded).

    `suspended_from` is what a suspended item is again when it is resumed. `ignored` gave it back and do not get it
    again before it is started. `given` is its input as it was started with, once somebody has changed it. `words` are
    those by which it is found.

    Times are milliseconds since 1970, 0 for what has not happened.
    """

    id: str
    case_id: str
    specification: str
    specification_version: str
    net: str
    task: str
    kind: str
    state: ItemState
    version: int = 0
    offered_to: tuple[str, ...] = ()
    owner: str | None = None
    input: dict[str, Any] = {}
    output: Any = None
    applied: bool | None = None
    priority: int = 0
    created_at: int = 0
    offered_at: int = 0
    allocated_at: int = 0
    started_at: int = 0
    ended_at: int = 0
    due_at: int = 0
    correlation_id: str = ""
    rejected_by: tuple[str, ...] = ()
    reason: str | None = None
    instance: int | None = None
    suspended_from: ItemState | None = None
    ignored: tuple[str, ...] = ()
    given: dict[str, Any] | None = None
    words: tuple[str, ...] = ()
