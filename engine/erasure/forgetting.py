"""Forgetting somebody: every case tree that names him is looked at, in the store and in the archive.

A tree that has come to rest is written into the archive under the pseudonym, and then taken out of the store: so at any
moment there is one that is whole, whenever this is cut off. One that is still going on keeps the name, because people
and workers act by it: it is named in the result, and forgotten when this is done again after its end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.archive.archive import Archive
from engine.archive.moving import at_rest
from engine.erasure.pseudonyms import mentions, with_pseudonym
from engine.replay import Find, ReplayDiffers
from engine.store.tree import Tree
from engine.store.vault import Vault

FOREVER = 2**53


@dataclass(slots=True)
class Forgotten:
    """What was done: the trees of which root cases are pseudonymised, and which are not, with why."""

    trees: list[str] = field(default_factory=list)
    going_on: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def forget_in_cases(
    vault: Vault, archive: Archive, person: str, pseudonym: str, find: Find, settle: Callable[[], None]
) -> Forgotten:
    """Calls a person otherwise in all trees at rest. `settle` waits between writing a tree and taking it out."""
    result = Forgotten()
    written: list[Tree] = []
    for tree in _trees(vault):
        if not mentions(tree, person):
            continue
        if not at_rest(tree):
            result.going_on.append(tree.root)
        elif _rewrite(archive, tree, person, pseudonym, find, result):
            written.append(tree)
    if written:
        settle()
    for tree in written:
        # One that changed since stands in the store as it was, and is found when this is done again.
        if not vault.remove(tree):
            result.going_on.append(tree.root)
    for root in archive.roots():
        archived = archive.tree(root)
        if archived is not None and mentions(archived, person):
            _rewrite(archive, archived, person, pseudonym, find, result)
    return result


def _trees(vault: Vault) -> Iterator[Tree]:
    for roots in vault.roots(FOREVER):
        yield from vault.trees(roots, lambda root, damage: None)


def _rewrite(archive: Archive, tree: Tree, person: str, pseudonym: str, find: Find, result: Forgotten) -> bool:
    try:
        archive.replace(with_pseudonym(tree, person, pseudonym, find))
    except ReplayDiffers as differs:
        result.refused[tree.root] = str(differs)
        return False
    result.trees.append(tree.root)
    return True
