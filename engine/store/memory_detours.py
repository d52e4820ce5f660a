"""Detours in memory, for tests and `play`. A chain stays until it is ended: its case is only as long-lived as this."""

from threading import Lock

from engine.store.detours import OutOfTurn


class MemoryDetours:
    """Detours in memory. Safe for use by several threads."""

    def __init__(self) -> None:
        self._pilers: dict[tuple[str, str], str] = {}
        self._chainers: dict[str, str] = {}
        self._lock = Lock()

    def of(self, specification: str, task: str, root: str) -> OutOfTurn:
        with self._lock:
            return OutOfTurn(self._pilers.get((specification, task)), self._chainers.get(root))

    def pile(self, specification: str, task: str, person: str) -> str:
        with self._lock:
            return self._pilers.setdefault((specification, task), person)

    def unpile(self, specification: str, task: str) -> None:
        with self._lock:
            self._pilers.pop((specification, task), None)

    def piles(self) -> dict[tuple[str, str], str]:
        with self._lock:
            return dict(self._pilers)

    def chain(self, root: str, person: str) -> str:
        with self._lock:
            return self._chainers.setdefault(root, person)

    def unchain(self, root: str) -> None:
        with self._lock:
            self._chainers.pop(root, None)
