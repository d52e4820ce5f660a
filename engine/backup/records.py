"""The records of a backup: what it is, the trees, the registry, the marks of requests, and how many there are of each.

A record is one byte that says its kind, and MessagePack. The registry comes behind the trees, because a case that was
read runs a specification that had been deployed by then; a restore puts it first.
"""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import DecodeError, Struct
from msgspec.msgpack import Decoder, Encoder

from engine.backup.blocks import Damaged, Source, records
from engine.journal import SEMANTICS
from engine.store.tree import Kept, Mark, Tree


class About(Struct, array_like=True, frozen=True):
    """The first record: when the backup was begun (ms since 1970), by which program, of how many shards.

    `semantics` is the number of the kernel's rules by which its journals were written.
    """

    made_at: int
    program: str
    shards: int
    semantics: int = SEMANTICS


class Total(Struct, array_like=True, frozen=True):
    """The last record: how many records of each kind are before it, and cases, items and journal entries in all."""

    trees: int = 0
    cases: int = 0
    items: int = 0
    entries: int = 0
    events: int = 0
    calls: int = 0
    timers: int = 0
    dead: int = 0
    marks: int = 0
    registry: int = 0

    def __str__(self) -> str:
        return (
            f"{self.cases:,} cases in {self.trees:,} trees, {self.items:,} work items, {self.entries:,} journal "
            f"entries, {self.events:,} waiting events, {self.calls:,} calls, {self.timers:,} timers"
        )


Record = About | Tree | Kept | Mark | Total

KINDS: dict[bytes, type[Record]] = {b"A": About, b"T": Tree, b"R": Kept, b"M": Mark, b"Z": Total}

_encode = Encoder().encode
_letters = {kind: letter for letter, kind in KINDS.items()}
_decoders: dict[bytes, Any] = {letter: Decoder(kind).decode for letter, kind in KINDS.items()}


class Counted:
    """Counts records on their way."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Total.__struct_fields__, 0)

    def add(self, record: Record) -> None:
        """Counts a record and what is in it."""
        match record:
            case Tree():
                self._add(
                    trees=1,
                    cases=len(record.cases),
                    items=sum(len(case.items) for case in record.cases),
                    entries=sum(len(case.journal) for case in record.cases),
                    events=len(record.events),
                    calls=sum(len(case.calls) for case in record.cases),
                    timers=sum(len(case.timers) for case in record.cases),
                    dead=len(record.dead),
                )
            case Mark():
                self._add(marks=1)
            case Kept():
                self._add(registry=1)

    def total(self) -> Total:
        """How many there were."""
        return Total(**self._counts)

    def _add(self, **counts: int) -> None:
        for name, count in counts.items():
            self._counts[name] += count


def pack(record: Record) -> bytes:
    """A record as it stands in the file."""
    return _letters[type(record)] + _encode(record)


def read(source: Source, kinds: Collection[type[Record]] = tuple(_letters)) -> Iterator[Record]:
    """The records of these kinds of a file, in order. Raises `Damaged`."""
    wanted = {_letters[kind] for kind in kinds}
    for number, packed in enumerate(records(source)):
        letter = packed[:1]
        if letter not in KINDS:
            raise Damaged(f"record {number} is of a kind {letter!r} that this program does not know")
        if letter not in wanted:
            continue
        try:
            record: Record = _decoders[letter](packed[1:])
        except DecodeError as error:
            raise Damaged(f"record {number} cannot be read: {error}") from None
        yield record
