"""Restoring: a backup goes into an empty store, which may have another number of shards.

The whole file is checked before the first record is put back. The registry comes first, so that workers which run
already find the specification of every case.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from engine.backup.blocks import Damaged, Source
from engine.backup.records import About, Counted, Record, Total, read
from engine.errors import Conflict
from engine.names import shard_of
from engine.store.tree import Kept, Mark, Tree
from engine.store.vault import Vault

AT_ONCE = 100
"""Trees, or marks, that are put back together."""

Open = Callable[[], AbstractContextManager[Source]]
"""Opens the file anew, at its beginning."""

Change = Callable[[Tree], Tree | None]
"""Gives a tree as it is to be put back; None: it is left out."""


def check(source: Source) -> tuple[About, Total]:
    """Reads a whole file, and says what it is and what is in it. Raises `Damaged`."""
    about: About | None = None
    total: Total | None = None
    counted = Counted()
    for record in read(source):
        if total is not None:
            raise Damaged("records follow the one that counts them")
        match record:
            case About():
                about = record
            case Total():
                total = record
            case other:
                counted.add(other)
    if about is None or total is None:
        raise Damaged("the file does not say what it is, or not how much is in it")
    if total != counted.total():
        raise Damaged(f"the file holds {counted.total()}, but says {total}")
    return about, total


def restore(vault: Vault, open_file: Open, name: str, change: Change | None = None) -> Total:
    """Puts a backup into an empty store. Says what was put there.

    Raises `Damaged` before anything is written, and `Conflict` (`store_not_empty`) when there is something in it.
    """
    with open_file() as source:
        check(source)
    found = vault.contents()
    if not found.empty:
        message = f"the store is not empty: it holds {found}. Restore into an empty Redis, or empty this one first"
        raise Conflict(message, code="store_not_empty")
    if change is not None:
        # What cannot be changed is found before anything is written.
        with open_file() as source:
            for record in read(source, (Tree,)):
                assert isinstance(record, Tree)
                change(record)
    counted = Counted()
    vault.begin_restore(name)
    with open_file() as source:
        for record in _counted(read(source, (Kept,)), counted):
            assert isinstance(record, Kept)
            vault.put_registry(record)
    trees: dict[int, list[Tree]] = {}
    marks: list[Mark] = []
    with open_file() as source:
        for record in read(source, (Tree, Mark)):
            if isinstance(record, Tree):
                tree = change(record) if change is not None else record
                if tree is not None:
                    counted.add(tree)
                    _put_some(vault, trees, tree)
            elif isinstance(record, Mark) and change is None:
                # Of an earlier moment it is not known which requests had been made.
                counted.add(record)
                marks.append(record)
                if len(marks) >= AT_ONCE:
                    vault.put_marks(marks)
                    marks = []
    for left in trees.values():
        vault.put_trees(left)
    vault.put_marks(marks)
    vault.end_restore()
    return counted.total()


def _put_some(vault: Vault, waiting: dict[int, list[Tree]], tree: Tree) -> None:
    """Collects trees by shard, so that those of one are put back together."""
    shard = shard_of(tree.root, vault.shards)
    together = waiting.setdefault(shard, [])
    together.append(tree)
    if len(together) >= AT_ONCE or sum(len(each.cases) for each in together) >= AT_ONCE:
        vault.put_trees(together)
        waiting[shard] = []


def _counted(found: Iterable[Record], counted: Counted) -> Iterator[Record]:
    for record in found:
        counted.add(record)
        yield record
