"""The audit log in memory: the reference, and what a single process runs on."""

from threading import RLock

from engine.store.audit import KEPT, KEPT_OF_STRANGERS, AuditEntry, AuditPage, AuditQuery
from engine.store.paging import Cursor


class MemoryAudit:
    """The audit log in memory. Safe for use by several threads."""

    def __init__(self) -> None:
        self._of_users: list[AuditEntry] = []
        self._of_strangers: list[AuditEntry] = []
        self._lock = RLock()

    def note(self, entry: AuditEntry) -> None:
        with self._lock:
            log, most = (self._of_users, KEPT) if entry.user else (self._of_strangers, KEPT_OF_STRANGERS)
            log.append(entry)
            del log[:-most]

    def entries(self, query: AuditQuery) -> AuditPage:
        after = Cursor.read(query.after) if query.after else None
        with self._lock:
            log = list(self._of_strangers if query.strangers else self._of_users)
        placed = sorted(((Cursor(entry.at, entry.id), entry) for entry in log), key=lambda each: each[0], reverse=True)
        wanted = [(at, entry) for at, entry in placed if (after is None or at < after) and query.wants(entry)]
        found = wanted[: query.limit]
        following = found[-1][0].written() if len(wanted) > query.limit else None
        return AuditPage([entry for _, entry in found], following)
