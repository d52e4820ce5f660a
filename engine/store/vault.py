"""The port of a store as a whole: what a backup takes out of it, a restore puts in, and the archive takes away.

It belongs beside the ports of the case store and of the registry, and is apart from them because nothing that moves a
case needs it. Every method may raise `Unavailable`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from engine.errors import RecordDamaged
from engine.store.tree import Contents, Kept, Mark, Tree

FIRST_USER = "admin"
"""Who is there from the first start on. A store that holds nobody else counts as empty."""


Damaged = Callable[[str, RecordDamaged], None]
"""Is told of a root case whose tree cannot be read."""


class Ended(NamedTuple):
    """Root cases that ended before a moment, and where to look on (None: there are no more)."""

    roots: list[str]
    next: str | None


class Vault(Protocol):
    """Everything in a store. Trees are read and written whole while the system runs."""

    @property
    def shards(self) -> int:
        """How many shards there are."""

    def now(self) -> int:
        """The store's time."""

    def cases(self, begun_by: int) -> Iterator[list[str]]:
        """All cases that had begun by a moment, some of one shard at a time, also those whose record is damaged."""

    def roots(self, begun_by: int) -> Iterator[list[str]]:
        """All root cases that had begun by a moment, each once, some of one shard at a time."""

    def trees(self, roots: Sequence[str], damaged: Damaged | None = None) -> Iterator[Tree]:
        """The trees of root cases of one shard, each as it is at one moment. One that is gone is left out.

        So is one with a case that cannot be read: `damaged` is told. Without it `RecordDamaged` is raised.
        """

    def marks(self) -> Iterator[Mark]:
        """The marks of requests, each at least once."""

    def registry(self) -> Iterator[Kept]:
        """The whole registry: specifications, organisation, users, rules."""

    def contents(self) -> Contents:
        """What is there; empty where nothing is but the first user."""

    def begin_restore(self, name: str) -> None:
        """Notes that a restore has begun, so that one that is cut off is seen."""

    def end_restore(self) -> None:
        """Notes that it is complete."""

    def put_trees(self, trees: Sequence[Tree]) -> None:
        """Puts trees into an empty store, each whole."""

    def put_marks(self, marks: Sequence[Mark]) -> None:
        """Puts marks of requests."""

    def put_registry(self, kept: Kept) -> None:
        """Puts a part of the registry."""

    def ended(self, shard: int, before: int, limit: int, after: str | None = None) -> Ended:
        """Root cases of a shard that ended before a moment, the oldest first, among the next `limit` of them."""

    def remove(self, tree: Tree) -> bool:
        """Takes a tree away that has ended and is still what was read; False when it is not."""
