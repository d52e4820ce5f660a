"""Urgency: the order of every queue. The highest priority first, then what is due first, then what is oldest.

It is written as text of a fixed width that sorts as bytes, so that an index that sorts by name needs nothing else.
"""

from engine.items.work_item import WorkItem

MAX_PRIORITY = 1_000_000
"""A priority lies between this and its opposite."""

LATEST = 9_999_999_999_999
"""The last moment (ms since 1970) that has a place; what is never due comes behind it."""

WIDTH = 33
"""The length of every urgency."""

_DUE = slice(7, 20)


def urgency(item: WorkItem) -> str:
    """33 digits: smaller is more urgent."""
    due = min(item.due_at, LATEST - 1) if item.due_at else LATEST
    return f"{MAX_PRIORITY - item.priority:07d}{due:013d}{item.created_at:013d}"


def due_of(written: str) -> int:
    """When an item of this urgency is due (ms since 1970); `LATEST`: never."""
    return int(written[_DUE])
