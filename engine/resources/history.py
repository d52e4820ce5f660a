"""Histories: what people have in hand, and what they have done, as far as distribution asks for it.

They are counted by the very commit that moves an item, for each task of a specification (in all its versions) and
person.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from engine.items.work_item import ItemState, WorkItem


class Counter(StrEnum):
    """What is counted of a person's items of a task. `..._MS` are sums of milliseconds, `..._AT` the latest moment.

    `ALLOCATING`: from the offer until it was his; `STARTING`: until he started it; `COMPLETING`: from then until it
    was complete; `LASTING`: from its creation until it was complete.
    """

    ALLOCATED = "allocated"
    STARTED = "started"
    COMPLETED = "completed"
    ALLOCATING_MS = "allocating_ms"
    STARTING_MS = "starting_ms"
    COMPLETING_MS = "completing_ms"
    LASTING_MS = "lasting_ms"
    ALLOCATED_AT = "allocated_at"
    COMPLETED_AT = "completed_at"


LATEST = frozenset({Counter.ALLOCATED_AT, Counter.COMPLETED_AT})
"""Counters of which the greatest value counts; of the others it is the sum."""

IN_HAND = frozenset({ItemState.ALLOCATED, ItemState.STARTED, ItemState.SUSPENDED})
"""The states in which an item is in the hands of its owner."""


class Counted(NamedTuple):
    """What a move of an item adds to the history of a person, or (of the latest moments) sets it to."""

    person: str
    counter: Counter
    amount: int


class Histories(Protocol):
    """Knows what people have in hand and have done. Every method may raise `Unavailable`."""

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        """How many items each has in hand; who is missing has none."""

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        """What is counted of each for a task; what is missing is 0."""


class NoHistories:
    """The histories of an installation in which nobody has ever done anything."""

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        return {}

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        return {}


def counted(before: WorkItem | None, after: WorkItem) -> list[Counted]:
    """What the move of an item from `before` (None: it is new) adds to the history of its owner."""
    person = after.owner
    if person is None or (before is not None and before.state is after.state and before.owner == person):
        return []
    found: list[Counted] = []
    state_before = before.state if before is not None else ItemState.CREATED
    was_his = before is not None and before.owner == person and state_before in IN_HAND
    given = after.offered_at or after.created_at
    if after.state in (ItemState.ALLOCATED, ItemState.STARTED) and not was_his:
        at = after.allocated_at if after.allocated_at >= given and after.allocated_at else after.started_at
        found += [
            Counted(person, Counter.ALLOCATED, 1),
            Counted(person, Counter.ALLOCATING_MS, max(at - given, 0)),
            Counted(person, Counter.ALLOCATED_AT, at),
        ]
    if after.state is ItemState.STARTED and state_before is not ItemState.STARTED:
        begun = after.allocated_at or given
        found += [
            Counted(person, Counter.STARTED, 1),
            Counted(person, Counter.STARTING_MS, max(after.started_at - begun, 0)),
        ]
    if after.state is ItemState.COMPLETED:
        found += [
            Counted(person, Counter.COMPLETED, 1),
            Counted(person, Counter.COMPLETING_MS, max(after.ended_at - after.started_at, 0)),
            Counted(person, Counter.LASTING_MS, max(after.ended_at - after.created_at, 0)),
            Counted(person, Counter.COMPLETED_AT, after.ended_at),
        ]
    return found


def add(into: dict[Counter, int], counter: Counter, amount: int) -> None:
    """Adds to one counter."""
    into[counter] = max(into.get(counter, 0), amount) if counter in LATEST else into.get(counter, 0) + amount


def joined(parts: Iterable[Mapping[str, Mapping[Counter, int]]]) -> dict[str, dict[Counter, int]]:
    """What several shards have counted, together."""
    together: dict[str, dict[Counter, int]] = {}
    for part in parts:
        for person, counters in part.items():
            into = together.setdefault(person, {})
            for counter, amount in counters.items():
                add(into, counter, amount)
    return together
