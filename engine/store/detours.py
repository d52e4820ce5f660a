"""The port of detours: whom new items go to out of turn.

A *piler* gets all items of a task of a specification, of whatever case (resource pattern 38). A *chainer* gets the
next items of one case and those below it, as far as they are offered to him too (resource pattern 39). There is at
most one of each.
"""

from typing import NamedTuple, Protocol


class OutOfTurn(NamedTuple):
    """Who piles the items of a task, and who chains a case; None: nobody."""

    piler: str | None
    chainer: str | None


class Detours(Protocol):
    """Where they are kept. Every method may raise `Unavailable`."""

    def of(self, specification: str, task: str, root: str) -> OutOfTurn:
        """Who gets an item of a task in a case tree, named by its root."""

    def pile(self, specification: str, task: str, person: str) -> str:
        """Makes somebody the piler, unless there is one. Who is it now?"""

    def unpile(self, specification: str, task: str) -> None:
        """Nobody is the piler any more."""

    def piles(self) -> dict[tuple[str, str], str]:
        """Every piler, by specification and task."""

    def chain(self, root: str, person: str) -> str:
        """Makes somebody the chainer until the case ends, unless there is one. Who is it now?"""

    def unchain(self, root: str) -> None:
        """Nobody is the chainer any more."""
