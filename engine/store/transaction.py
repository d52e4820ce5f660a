"""The arguments of `commit.lua`: transactions, each with what is compared and what is written if it holds, and the runs
of the script that bring many of them to one shard."""

from collections.abc import Sequence
from typing import Final, NamedTuple

Argument = str | bytes | int

EVENTS: Final = 2
"""The index of the stream of events among the keys of every run."""

MOST_TOGETHER = 64
MOST_ARGUMENTS = 4_096
"""Redis does nothing else while a script runs: about 2 ms with so many transactions, or with so many arguments."""


class Place(NamedTuple):
    """Where a transaction goes: the shard's lease and stream of events, the lease that must still be held (or ""), and
    whether to ask if the doorbell must be rung."""

    lease_key: str
    events_key: str
    held: str
    ring: bool


class Transaction:
    """Collects comparisons and writes for one shard."""

    __slots__ = ("_calls", "_compared", "_comparisons", "_indexes", "_most", "_writes", "place")

    def __init__(self, lease_key: str, events_key: str, *, held: str = "", ring: bool = False) -> None:
        self.place = Place(lease_key, events_key, held, ring)
        self._indexes: dict[str, int] = {lease_key: 1, events_key: EVENTS}
        self._most: Argument = ""
        self._calls = 0
        self._compared = 0
        self._comparisons: list[Argument] = []
        self._writes: list[Argument] = []

    def expect(self, key: str, head: str) -> None:
        """The head of this hash must begin so; an empty one: the hash must not exist."""
        self._compared += 1
        self._comparisons += (self._index(key), head)

    def bound(self, calls_key: str, most: int) -> None:
        """Nothing is written when so many events and calls wait already."""
        self._most, self._calls = most, self._index(calls_key)

    def write(self, command: str, key: str, *arguments: Argument) -> None:
        """Runs a command on a key."""
        self._writes += (command, self._index(key), len(arguments), *arguments)

    @property
    def own_keys(self) -> list[str]:
        """Its keys, but for the lease and the events."""
        return list(self._indexes)[EVENTS:]

    @property
    def arguments(self) -> list[Argument]:
        """What the script gets of it."""
        length = 3 + len(self._comparisons) + len(self._writes)
        bound = (self._most, self._calls)
        own = len(self._indexes) - EVENTS
        return [length, own, *bound, self._compared, *self._comparisons, *self._writes]

    def _index(self, key: str) -> int:
        return self._indexes.setdefault(key, len(self._indexes) + 1)


class Run(NamedTuple):
    """One run of the script. `members` are the places of its transactions among all."""

    keys: list[str]
    arguments: list[Argument]
    members: list[int]


def runs_of(transactions: Sequence[Transaction]) -> list[Run]:
    """The runs that bring these to their shards, those of each in order."""
    runs: list[Run] = []
    open_: dict[Place, Run] = {}
    for number, transaction in enumerate(transactions):
        place, arguments = transaction.place, transaction.arguments
        run = open_.get(place)
        if run is None or len(run.members) == MOST_TOGETHER or len(run.arguments) + len(arguments) > MOST_ARGUMENTS:
            run = Run([place.lease_key, place.events_key], [place.held, "1" if place.ring else ""], [])
            open_[place] = run
            runs.append(run)
        run.keys.extend(transaction.own_keys)
        run.arguments.extend(arguments)
        run.members.append(number)
    return runs
