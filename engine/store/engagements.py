"""The port of engagements: which further resources (resource pattern 43) are engaged by which item.

A resource is engaged by one item at a time. Nothing has to give it back: an engagement is over when its item is, and
whoever wants the resource next looks. Between an engagement and the start that it is for lies a moment in which the
item is not started yet; so long an engagement holds in any case.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from engine.items.work_item import LIVE, ItemState, WorkItem

START_WITHIN_MS = 10_000
"""So long an engagement holds although its item is not started: longer than any start takes."""


class Engagement(NamedTuple):
    """An item that engages a resource, since a moment (ms since 1970)."""

    item: str
    since: int


IsOver = Callable[[Engagement], bool]


class Engagements(Protocol):
    """Where they are kept. Every method may raise `Unavailable`."""

    def engage(self, item: str, resources: Iterable[str], at: int, is_over: IsOver) -> Mapping[str, str]:
        """Engages all of these for an item, or none. Gives those that others engage, each with the item."""


def is_over(engagement: Engagement, item: WorkItem | None, at: int) -> bool:
    """Whether an engagement is, at a moment (ms since 1970), with its item as it stands then."""
    if item is None or item.state not in LIVE:
        return True
    under_way = item.state in (ItemState.STARTED, ItemState.SUSPENDED)
    return not under_way and at - engagement.since > START_WITHIN_MS


def refused(held: Mapping[str, Engagement], item: str, is_over: IsOver) -> dict[str, str]:
    """Of what is engaged that which another item holds."""
    return {name: each.item for name, each in held.items() if each.item != item and not is_over(each)}
