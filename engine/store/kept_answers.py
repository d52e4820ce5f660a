"""The port of kept answers: what a request with an Idempotency-Key was answered, for when it is sent again.

A request takes its key before it does anything, and gives it back when it was refused: then nothing happened, and the
same may be tried again. While it is under way the key is its own for a while, so that one that died can be repeated.
"""

from enum import Enum
from typing import NamedTuple, Protocol

from msgspec import Struct

KEPT_S = 24 * 3600
"""How long an answer is kept."""

UNDER_WAY_S = 60
"""How long a key is that of a request which may have died."""


class KeptAnswer(Struct, array_like=True, frozen=True):
    """An answer. `body` is None where it holds what must not be kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


class Standing(Enum):
    """How a key stands: taken by this request, by one that is under way, by another one, or answered."""

    TAKEN = "taken"
    UNDER_WAY = "under way"
    OTHER = "other"
    ANSWERED = "answered"


class Found(NamedTuple):
    """How a key stands, and the answer where there is one."""

    standing: Standing
    answer: KeptAnswer | None = None


class KeptAnswers(Protocol):
    """Where answers are kept. Every method may raise `Unavailable`."""

    def take(self, name: str, digest: str, owner: str) -> Found:
        """Takes a key for a request with this content, unless it is taken."""

    def keep(self, name: str, owner: str, answer: KeptAnswer) -> None:
        """Keeps the answer of the request that has taken the key."""

    def give_back(self, name: str, owner: str) -> None:
        """Nothing happened: the key is free again."""
