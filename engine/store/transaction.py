"""The arguments of one run of `commit.lua`: what is compared, and what is written if it holds."""

from typing import Final

Argument = str | bytes | int

EVENTS: Final = 2
"""The index of the stream of events among the keys of every commit."""


class Transaction:
    """Collects comparisons and writes for one shard; `arguments` is what the script gets."""

    __slots__ = ("_compared", "_comparisons", "_held", "_calls", "_indexes", "_keys", "_most", "_ring", "_writes")

    def __init__(self, lease_key: str, events_key: str, *, held: str = "", ring: bool = False) -> None:
        self._keys: list[str] = [lease_key, events_key]
        self._indexes: dict[str, int] = {lease_key: 1, events_key: EVENTS}
        self._held = held
        self._ring = "1" if ring else ""
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
    def keys(self) -> list[str]:
        """All keys, the lease and the events first."""
        return self._keys

    @property
    def arguments(self) -> list[Argument]:
        """What follows the keys."""
        bound = (self._most, self._calls)
        return [self._held, self._ring, *bound, self._compared, *self._comparisons, *self._writes]

    def _index(self, key: str) -> int:
        index = self._indexes.get(key)
        if index is None:
            self._keys.append(key)
            index = self._indexes[key] = len(self._keys)
        return index
