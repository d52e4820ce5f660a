"""The port of the audit log: what was refused for want of a right, and what changed anybody's rights.

It has two parts of bounded length. What strangers were refused is kept apart, so that nobody who has no token can push
out of it what was noted of those who have one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

KEPT = 100_000
"""Entries about people who are known that are kept; the oldest go first."""

KEPT_OF_STRANGERS = 10_000


class Noted(StrEnum):
    """What an entry is about."""

    REFUSED = "refused"
    CHANGED = "changed"


class AuditEntry(Struct, frozen=True):
    """One request: who asked (`user` empty: a stranger), from where, for what, and how it was answered.

    `at` in ms since 1970; `route` is the rule, `path` the address without what is secret in it.
    """

    id: str
    at: int
    what: Noted
    user: str
    address: str
    method: str
    route: str
    path: str
    status: int
    code: str = ""
    detail: str = ""
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are listed, the newest first: of a user, of a kind, with a code, from a moment on.

    `strangers`: those without a user, and no others.
    """

    strangers: bool = False
    user: str | None = None
    what: Noted | None = None
    code: str | None = None
    since: int = 0
    limit: int = 50
    after: str | None = None

    def wants(self, entry: AuditEntry) -> bool:
        """Whether an entry is of those asked for."""
        return (
            self.user in (None, entry.user)
            and self.what in (None, entry.what)
            and self.code in (None, entry.code)
            and entry.at >= self.since
        )


class AuditPage(NamedTuple):
    """A page of entries, and the cursor behind it. Where few are wanted a page may be short of `limit`."""

    entries: list[AuditEntry]
    next: str | None


class Audit(Protocol):
    """Where entries are kept. Every method may raise `Unavailable`."""

    def note(self, entry: AuditEntry) -> None:
        """Keeps an entry."""

    def entries(self, query: AuditQuery) -> AuditPage:
        """Lists entries. Raises `InvalidInput` (`invalid_cursor`)."""
