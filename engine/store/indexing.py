"""Which indexes a case and an item stand in: the difference before and after is what a commit changes in them."""

from hashlib import blake2b

from engine.case import Case
from engine.items.work_item import ItemState, WorkItem
from engine.store import codec, keys


def offer_digest(people: tuple[str, ...]) -> str:
    """The name of a set of people. An offer is indexed once for each set, not for each person."""
    return blake2b(codec.pack_names(tuple(sorted(people))), digest_size=8).hexdigest()


def case_indexes(case: Case, shard: int) -> set[str]:
    """The keys of the indexes that hold a case."""
    indexes = {keys.by_status(shard, case.status), keys.by_specification(shard, case.specification)}
    return indexes if case.parent is None else indexes | {keys.by_parent(shard, case.parent)}


_OWNED = frozenset({ItemState.ALLOCATED, ItemState.STARTED, ItemState.SUSPENDED})
_INDEXED = _OWNED | {ItemState.CREATED, ItemState.OFFERED}


def item_indexes(item: WorkItem | None, shard: int) -> set[str]:
    """The keys of the indexes that hold an item; none for one that has ended."""
    if item is None or item.state not in _INDEXED:
        return set()
    indexes = {keys.by_state(shard, item.state)}
    if item.state is ItemState.OFFERED:
        indexes.add(keys.by_offer(shard, offer_digest(item.offered_to)))
    elif item.state in _OWNED and item.owner is not None:
        indexes.add(keys.by_owner(shard, item.owner))
    return indexes
