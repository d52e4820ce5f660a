"""Bugs that are planted to see whether the simulation finds them, and after how many seeds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from engine.events import Envelope
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.names import shard_of
from engine.store.memory import MemoryStore
from engine.store.port import Commit, Lease, Moved, Outcome


class Plant(StrEnum):
    """A bug."""

    UNFENCED = "fencing check removed"
    SPLIT = "commit split in two"
    HASTY = "events removed before their commit"
    TORN = "completion and its event apart"
    UNCOMPARED = "moves not compared"


class PlantedStore(MemoryStore):
    """A memory store with a bug. `between` is a point where actors meet and faults strike."""

    def __init__(self, shards: int, clock: Callable[[], int], between: Callable[[], None]) -> None:
        super().__init__(shards, clock)
        self._between = between


class UnfencedStore(PlantedStore):
    """A commit does not ask whose the lease is."""

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        return super().commit(commits, None)


class SplitStore(PlantedStore):
    """A commit takes two round trips: first the case, then its events leave the stream.

    Whoever dies in between leaves events behind that were applied.
    """

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        if lease is None:
            return super().commit(commits)
        outcomes = super().commit([replace(commit, handled=[]) for commit in commits], lease)
        done = [commit for commit, outcome in zip(commits, outcomes, strict=True) if outcome is Outcome.DONE]
        self._between()
        self.discard(lease, [event for commit in done for event in commit.handled])
        return outcomes


class HastyStore(PlantedStore):
    """Events leave the stream when they are taken, and are lost with whoever took them."""

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        if lease is not None:
            self.discard(lease, [event for commit in commits for event in commit.handled])
            self._between()
        return super().commit(commits, lease)


class TornStore(PlantedStore):
    """An item is completed in one round trip, and its event follows in another."""

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        moved = super().move(before, after, entry)
        if envelope is None or not moved.done:
            return moved
        self._between()
        return Moved(True, self.append(shard_of(after.id, self.shards), [envelope]).ring)


class UncomparedStore(PlantedStore):
    """Whoever moves an item moves it, whatever became of it since he looked."""

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        return super().move(self.item(before.id) or before, after, entry, envelope)


STORES: Final[dict[Plant, type[PlantedStore]]] = {
    Plant.UNFENCED: UnfencedStore,
    Plant.SPLIT: SplitStore,
    Plant.HASTY: HastyStore,
    Plant.TORN: TornStore,
    Plant.UNCOMPARED: UncomparedStore,
}


def planted_store(plant: Plant | None, shards: int, now: Callable[[], int], between: Callable[[], None]) -> MemoryStore:
    """The memory store, with a bug if one is wanted."""
    return MemoryStore(shards, now) if plant is None else STORES[plant](shards, now, between)
