"""Taking a backup: a whole store goes into a file, tree by tree, while the system runs.

Every tree is as it was at one moment, each at its own: trees never share a state, so no moment is needed that holds
for all of them. The mark of a request was made together with its event; one that was made after its tree was read is
left out with that event, so that the request can be made again.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.backup.blocks import BlockWriter
from engine.backup.records import About, Counted, Record, Total, pack
from engine.names import root_of
from engine.store.vault import Vault


class Taken(NamedTuple):
    """What is in a backup, and what is not because it could not be read, one line for each tree."""

    total: Total
    left_out: list[str]


def take(vault: Vault, write: Callable[[bytes], object], program: str) -> Taken:
    """Writes a backup of all cases that have begun by now, and of the registry."""
    left_out: list[str] = []
    writer, counted = BlockWriter(write), Counted()

    def put(record: Record) -> None:
        counted.add(record)
        writer.record(pack(record))

    began = vault.now()
    put(About(began, program, vault.shards))
    read_at: dict[str, int] = {}
    for roots in vault.roots(began):
        for tree in vault.trees(roots, lambda root, damage: left_out.append(f"case tree {root}: {damage}")):
            put(tree)
            read_at[tree.root] = tree.at
    for mark in vault.marks():
        if mark.made <= read_at.get(root_of(mark.name), 0):
            put(mark)
    for kept in vault.registry():
        put(kept)
    total = counted.total()
    writer.record(pack(total))
    writer.end()
    return Taken(total, left_out)
