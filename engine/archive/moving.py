"""Moving trees to the archive: first they are written, later they are taken out of the store.

Between the two a while must pass, longer than a request takes that looks for an id in the archive and then in the
store: so no id can be given twice. A crash between them is harmless: the tree is found again, and is there already.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.archive.archive import Archive
from engine.items.work_item import LIVE
from engine.store import codec
from engine.store.tree import Tree
from engine.store.vault import Vault


class Written(NamedTuple):
    """Trees that are in the archive now, and still in the store; `next` is where to look on."""

    trees: list[Tree]
    next: str | None


PutAll = Callable[[Archive, Sequence[Tree]], None]
"""Puts trees into the archive, perhaps several at once."""


def one_by_one(archive: Archive, trees: Sequence[Tree]) -> None:
    """Puts trees into the archive."""
    for tree in trees:
        archive.put(tree)


def write_ended(
    vault: Vault,
    archive: Archive,
    shard: int,
    before: int,
    limit: int,
    after: str | None,
    put_all: PutAll = one_by_one,
) -> Written:
    """Writes trees of a shard whose roots ended before a moment, of the next `limit` that have ended at all."""
    ended = vault.ended(shard, before, limit, after)
    trees = [tree for tree in vault.trees(ended.roots) if at_rest(tree)]
    put_all(archive, trees)
    return Written(trees, ended.next)


def remove_written(vault: Vault, trees: list[Tree]) -> int:
    """Takes trees out of the store that were written; says how many. One that changed since stays for another time."""
    return sum(vault.remove(tree) for tree in trees)


def at_rest(tree: Tree) -> bool:
    """Whether nothing of a tree can happen any more, and nothing in it waits for an operator."""
    return not (
        tree.events
        or tree.dead
        or any(
            record.parked or record.calls or record.timers or not record.case().ended or _live_items(record.items)
            for record in tree.cases
        )
    )


def _live_items(items: tuple[bytes, ...]) -> bool:
    return any(codec.unpack_item(packed).state in LIVE for packed in items)
