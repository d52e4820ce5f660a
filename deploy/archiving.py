"""Archiving by rounds: a bounded number of trees is written in one, and taken out of the store in the next.

What a round has written is remembered by who wrote it. When that process ends the trees are found again, written
already, and taken out one round later.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.archive.archive import Archive
from engine.archive.moving import remove_written, write_ended
from engine.store.tree import Tree
from engine.store.vault import Vault

TREES_PER_ROUND = 100
"""So many ended trees are looked at in one round."""

TREES_AT_ONCE = 1_000
"""So many are looked at before the next are, when all are moved at once."""

SETTLES_S = 2.0
"""How long a tree is in both places at least: longer than a request that takes a new id."""


WRITERS = 8
"""Files that are written at once: each waits for its disk, or for an object store."""


def several_at_once(archive: Archive, trees: Sequence[Tree]) -> None:
    """Puts trees into the archive. Raises what the first of them raised."""
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(archive.put, trees))


class Archiver:
    """Moves trees that ended `after_s` ago to the archive, round by round."""

    def __init__(self, vault: Vault, archive: Archive, after_s: float) -> None:
        self._vault = vault
        self._archive = archive
        self._after_ms = round(after_s * 1000)
        self._shard = 0
        self._place: str | None = None
        self._written: list[Tree] = []
        self._written_at = 0.0

    def round(self) -> int:
        """Takes out what was written before, unless that was a moment ago, and writes the next. Says how many went."""
        removed = 0
        if self._written:
            if time.monotonic() - self._written_at < SETTLES_S:
                return 0
            removed = remove_written(self._vault, self._written)
            self._written = []
        before = self._vault.now() - self._after_ms
        left = TREES_PER_ROUND
        for _ in range(self._vault.shards):
            written = write_ended(self._vault, self._archive, self._shard, before, left, self._place, several_at_once)
            self._written += written.trees
            left -= len(written.trees)
            self._place = written.next
            if written.next is None:
                self._shard = (self._shard + 1) % self._vault.shards
            if left <= 0 or written.next is not None:
                break
        self._written_at = time.monotonic()
        return removed


def archive_all(vault: Vault, archive: Archive, after_s: float) -> int:
    """Moves all trees that ended `after_s` ago; says how many went."""
    before = vault.now() - round(after_s * 1000)
    moved = 0
    settling: deque[tuple[float, list[Tree]]] = deque()
    for trees in _written_in_turn(vault, archive, before):
        settling.append((time.monotonic(), trees))
        # Those that were written first have settled, at least for the most part, while the others were written.
        while sum(len(each) for _, each in settling) > TREES_AT_ONCE * 2:
            moved += _removed(vault, *settling.popleft())
    return moved + sum(_removed(vault, *each) for each in settling)


def _removed(vault: Vault, written_at: float, trees: list[Tree]) -> int:
    if trees:
        time.sleep(max(0.0, written_at + SETTLES_S - time.monotonic()))
    return remove_written(vault, trees)


def _written_in_turn(vault: Vault, archive: Archive, before: int) -> Iterator[list[Tree]]:
    for shard in range(vault.shards):
        place: str | None = None
        while True:
            written = write_ended(vault, archive, shard, before, TREES_AT_ONCE, place, several_at_once)
            yield written.trees
            place = written.next
            if place is None:
                break
