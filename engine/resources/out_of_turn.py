"""Piled and chained execution (resource patterns 38, 39): items go to one person, started, before anybody is asked.

A piler gets an item whoever it would have been offered to (YAWL: pile before everything else). A chainer gets it only
if it would be offered to him. Neither does while he is not available.
"""

from collections.abc import Callable
from typing import Protocol

from engine.effects import Distribute
from engine.events import Distributed
from engine.names import case_of, root_of
from engine.store.detours import Detours, OutOfTurn


class Distributor(Protocol):
    """Knows the people: who gets an item."""

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it."""


class DetouredDistributor:
    """Answers for one batch: by the detours as they are when they are first asked for, else as `ordinary` does.

    `is_available` says of a participant whether he can get work now.
    """

    __slots__ = ("_detours", "_is_available", "_known", "_ordinary")

    def __init__(self, ordinary: Distributor, detours: Detours, is_available: Callable[[str], bool]) -> None:
        self._ordinary = ordinary
        self._detours = detours
        self._is_available = is_available
        self._known: dict[tuple[str, str, str], OutOfTurn] = {}

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item goes; with `start` where it is started for him at once."""
        piler, chainer = self._out_of_turn(question)
        if piler is not None and self._is_available(piler):
            return Distributed(question.item, (piler,), piler, start=True)
        answer = self._ordinary.distribute(question)
        if chainer is not None and chainer in answer.offered_to and self._is_available(chainer):
            return Distributed(question.item, answer.offered_to, chainer, start=True)
        return answer

    def _out_of_turn(self, question: Distribute) -> OutOfTurn:
        asked = (question.specification, question.task, root_of(case_of(question.item)))
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = self._detours.of(*asked)
        return found
