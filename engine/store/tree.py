"""A case tree as a value: all that a store holds of a root case and of those below it, at one moment.

It names no key and no shard, so it can be put into a store with other ones. Records are packed as `codec` packs them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from engine.case import Case
from engine.store import codec
from engine.store.codec import attempts_of, unpack_call, unpack_item


class CallRecord(Struct, array_like=True, frozen=True):
    """A call with its head, and when it is due (ms since 1970; None: its outcome is on its way)."""

    call: bytes
    head: str
    due: int | None


class CaseRecord(Struct, array_like=True, frozen=True):
    """One case of a tree.

    `results` is what the instances of its runs gave, by run and index; timers are pairs of a number and a moment;
    `parked` are events that came after one that could not be handled; by `words` the case is found.
    """

    id: str
    body: bytes
    data: bytes
    journal: tuple[bytes, ...] = ()
    items: tuple[bytes, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    results: dict[str, dict[int, bytes]] = {}
    timers: tuple[tuple[int, int], ...] = ()
    parked: tuple[bytes, ...] = ()
    words: tuple[str, ...] = ()

    def case(self) -> Case:
        """The case, unpacked."""
        return codec.unpack_case(self.body, self.data)


class Tree(Struct, array_like=True, frozen=True):
    """A case tree at the moment `at` (ms since 1970), the root first.

    `events` are those that wait, with the moment of each, in order; `dead` are dead letters.
    """

    root: str
    at: int
    cases: tuple[CaseRecord, ...]
    events: tuple[tuple[int, bytes], ...] = ()
    dead: tuple[bytes, ...] = ()

    def decoded(self) -> Iterator[object]:
        """Every record in it, unpacked one after the other."""
        for record in self.cases:
            yield record.case()
            yield from map(codec.unpack_entry, record.journal)
            yield from map(unpack_item, record.items)
            for call in record.calls:
                yield unpack_call(call.call), attempts_of(call.head)
            for results in record.results.values():
                yield from map(codec.unpack_result, results.values())
            yield from map(codec.unpack_envelope, record.parked)
        yield from (codec.unpack_envelope(packed) for _, packed in self.events)
        yield from map(codec.unpack_dead_letter, self.dead)


class Mark(Struct, array_like=True, frozen=True):
    """The mark of a request (`port.Once`): made at a moment, and known until another (ms since 1970)."""

    name: str
    digest: str
    made: int
    until: int


class Kept(Struct, array_like=True, frozen=True):
    """A part of the registry: one record of it, or some members of a large one.

    `kind` is string, hash, set, zset or list; `members` are pairs of a name and a value: a value without a name for a
    string and a list, a name without a value for a set, a score as text for a zset. `until`: 0 for ever.
    """

    name: str
    kind: str
    members: tuple[tuple[bytes, bytes], ...]
    until: int = 0


class Contents(NamedTuple):
    """What a store holds. `other` names something else that was found; `restoring` a restore that was cut off."""

    cases: int = 0
    events: int = 0
    specifications: int = 0
    participants: int = 0
    users: int = 0
    other: str = ""
    restoring: str = ""

    def __str__(self) -> str:
        counts = [
            f"{count:,} {what if count != 1 else what.removesuffix('s')}"
            for count, what in (
                (self.cases, "cases"),
                (self.events, "waiting events"),
                (self.specifications, "specifications"),
                (self.participants, "participants"),
                (self.users, "users"),
            )
            if count
        ]
        if self.other:
            counts.append(self.other)
        if self.restoring:
            counts.append(f"what a restore of {self.restoring} left when it was cut off")
        return ", ".join(counts)

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not str(self)
