"""Which indexes a case and an item stand in: the difference before and after is what a commit changes in them.

An item stands in its queues: those of its state, and those of its owner or of the people it is offered to. Each queue
is there as a whole, and narrowed to one task, to one specification, and to what is due. A queue is a sorted set whose
members all have the score 0, so that they are sorted by their bytes: the urgency of the item and its id. Whatever page
of whatever queue is asked for, Redis finds its beginning without looking at what comes before.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from engine.case import Case
from engine.items.urgency import WIDTH, urgency
from engine.items.work_item import ItemState, WorkItem
from engine.store import codec, keys
from engine.store.port import ItemQuery

_DUE_WIDTH = 13


def offer_digest(people: tuple[str, ...]) -> str:
    """The name of a set of people. An offer is indexed once for each set, not for each person."""
    return blake2b(codec.pack_names(tuple(sorted(people))), digest_size=8).hexdigest()


def case_indexes(case: Case, shard: int) -> set[str]:
    """The keys of the indexes that hold a case."""
    indexes = {keys.by_status(shard, case.status), keys.by_specification(shard, case.specification)}
    if case.parent is not None:
        indexes.add(keys.by_parent(shard, case.parent))
    if case.handling:
        indexes.add(keys.by_handling(shard))
    return indexes


OWNED = (ItemState.ALLOCATED, ItemState.STARTED, ItemState.SUSPENDED)
"""The states in which an item has an owner, as a rule: a suspended one may be offered."""

_INDEXED = frozenset({*OWNED, ItemState.CREATED, ItemState.OFFERED})


def item_indexes(item: WorkItem | None, shard: int) -> dict[str, str]:
    """The members of an item in the indexes that hold it, by their keys; none for one that has ended."""
    if item is None or item.state not in _INDEXED:
        return {}
    place = urgency(item) + item.id
    narrowings = {
        keys.WHOLE: place,
        keys.of_task(item.task): place,
        keys.of_specification(item.specification): place,
    }
    if item.due_at:
        narrowings[keys.DUE] = _by_due(item)
    members = {
        keys.item_queue(shard, narrowing, queue): member
        for queue in queues_of(item)
        for narrowing, member in narrowings.items()
    }
    return members | {keys.by_word(shard, word): place for word in item.words}


def queues_of(item: WorkItem) -> Iterator[str]:
    """The queues of an item that waits or is under way."""
    yield keys.of_state(item.state)
    if item.state is ItemState.OFFERED:
        yield keys.of_offer(offer_digest(item.offered_to))
    elif item.state in OWNED and item.owner is not None:
        yield keys.of_owner(item.owner, item.state)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What is to be taken out of indexes and put into them, by their keys."""
    left = {key: member for key, member in before.items() if after.get(key) != member}
    entered = {key: member for key, member in after.items() if before.get(key) != member}
    return left, entered


def narrowing(query: ItemQuery) -> str:
    """Which form of its queues answers a query with the least to look at."""
    if query.due_before is not None:
        return keys.DUE
    if query.task is not None:
        return keys.of_task(query.task)
    if query.specification is not None:
        return keys.of_specification(query.specification)
    return keys.WHOLE


def place(item: WorkItem, query: ItemQuery) -> str:
    """The member of an item in the indexes that answer a query."""
    return _by_due(item) if query.due_before is not None and not query.words else urgency(item) + item.id


def item_at(member: str, query: ItemQuery) -> str:
    """The item whose member this is in the indexes that answer a query."""
    return member[WIDTH + (_DUE_WIDTH if query.due_before is not None and not query.words else 0) :]


def bound(query: ItemQuery) -> str | None:
    """Where the members that are of interest end; None: nowhere."""
    if query.due_before is not None and not query.words:
        return f"{query.due_before:0{_DUE_WIDTH}d}"
    return None


def queues(query: ItemQuery, offers: Iterable[str]) -> list[str]:
    """The queues that hold what a query may find; `offers` are the sets of people in which the person is."""
    if query.person is None:
        states = [query.state] if query.state is not None else sorted(_INDEXED)
        return [keys.of_state(state) for state in states]
    found = [keys.of_owner(query.person, state) for state in OWNED if query.state in (None, state)]
    if query.state in (None, ItemState.OFFERED):
        found += [keys.of_offer(digest) for digest in offers]
    return found


def _by_due(item: WorkItem) -> str:
    return f"{item.due_at:0{_DUE_WIDTH}d}{urgency(item)}{item.id}"
