"""The specifications in a backup, for whoever has to replay what is in it before there is a store."""

from engine.backup.records import read
from engine.backup.restoring import Open
from engine.definitions import Definitions
from engine.store import keys
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.memory_vault import MemoryVault
from engine.store.tree import Kept


def specifications_in(open_file: Open) -> Definitions:
    """The specifications of a backup, compiled when they are first asked for."""
    registry = MemoryRegistry(_no_time)
    vault = MemoryVault(MemoryStore(1, _no_time), registry)
    with open_file() as source:
        for kept in read(source, (Kept,)):
            if isinstance(kept, Kept) and kept.name.startswith(keys.SPECIFICATIONS):
                vault.put_registry(kept)
    return Definitions(registry)


def _no_time() -> int:
    return 0
