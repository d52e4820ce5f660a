"""The journal of a case: what happened, in order, with enough in it to make the case again.

An entry names the kernel's semantics number and a digest of the state after it, so that a replay that comes out
differently is seen at the very entry where it does.
"""

from hashlib import blake2b
from typing import Any

from msgspec import Struct

from engine.events import Event

SEMANTICS = 1
"""The number of the kernel's rules. It is raised whenever a change alters the replay of a recorded journal."""


class Note(Struct, array_like=True, frozen=True):
    """One thing that a step did, for the reader of a journal: `fired ship #4`."""

    what: str
    task: str = ""
    number: int = 0
    detail: Any = None


class Entry(Struct, array_like=True, frozen=True):
    """One event with what it did. `at` in milliseconds since 1970; `digest` of the case after it (8 bytes)."""

    at: int
    event: Event
    notes: tuple[Note, ...] = ()
    semantics: int = SEMANTICS
    digest: bytes = b""
    correlation_id: str = ""


def digest_of(packed: bytes) -> bytes:
    """Eight bytes that differ when what is packed differs."""
    return blake2b(packed, digest_size=8).digest()
