"""A case of a net, moved through the memory store by the real runner, with two clerks who are offered everything."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.case import Case, CaseStatus
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.events import CallAnswered, CaseCancelled, Distributed, Envelope
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry
from engine.names import number_of
from engine.replay import replay, stub_of
from engine.runner import Runner
from engine.spec.model import Specification
from engine.store.memory import MemoryStore
from engine.submission import submission
from engine.worklist import Worklist

MOST_DRAINS = 100
CASE = "c"


class _Clerks:
    """Offers everything to the same two people."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item, ("ann", "bob"))


class _OneDocument:
    def __init__(self, specification: Specification) -> None:
        self._specification = specification

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        return self._specification.document


class Played:
    """One case. Tasks are named; of several items of one task the oldest is meant."""

    def __init__(self, specification: Specification, data: Mapping[str, Any]) -> None:
        self._now = 1_700_000_000_000
        self._specification = specification
        self._store = MemoryStore(1, lambda: self._now)
        self._runner = Runner(self._store, Definitions(_OneDocument(specification)), _Clerks)
        self._worklist = Worklist(self._store, self._runner)
        self._store.submit([submission(specification, CASE, data, by="ann", correlation_id="", at=self._now)])
        self._drain()

    # -- what stands ---------------------------------------------------------------------------------------------

    @property
    def case(self) -> Case:
        case = self._store.case(CASE)
        assert case is not None
        return case

    @property
    def status(self) -> CaseStatus:
        return self.case.status

    @property
    def marking(self) -> dict[str, int]:
        return self.case.marking

    @property
    def journal(self) -> list[Entry]:
        return self._store.journal(CASE)

    @property
    def noted(self) -> list[tuple[str, str]]:
        """What the journal tells: (what, task)."""
        return [(note.what, note.task) for entry in self.journal for note in entry.notes]

    @property
    def fired(self) -> list[str]:
        """The tasks that fired, in order."""
        return [task for what, task in self.noted if what == "fired"]

    @property
    def offered(self) -> list[str]:
        """The tasks whose items wait for a person, one name for each item."""
        return [item.task for item in self._store.items_of(CASE) if item.state is ItemState.OFFERED]

    @property
    def called(self) -> list[str]:
        """The tasks that wait for their connector, one name for each call."""
        return [call.task for call in self._store.calls_of(CASE)]

    def call(self, task: str) -> str:
        """The oldest call of a task."""
        return min((c.item for c in self._store.calls_of(CASE) if c.task == task), key=number_of)

    def items(self, task: str) -> list[WorkItem]:
        return [item for item in self._store.items_of(CASE) if item.task == task]

    def states(self, task: str) -> list[ItemState]:
        return [item.state for item in self.items(task)]

    # -- what is done --------------------------------------------------------------------------------------------

    def claim(self, item: str, by: str = "ann") -> None:
        self._worklist.claim(item, by)

    def start(self, task: str, by: str = "ann") -> str:
        item = next(each for each in self.items(task) if each.state in (ItemState.OFFERED, ItemState.ALLOCATED))
        self.start_item(item.id, by)
        return item.id

    def start_item(self, item: str, by: str = "ann") -> None:
        self._worklist.start(item, by)
        self._drain()

    def complete_together(self, *items: str) -> None:
        """The completions arrive before the case has taken any of them."""
        for item in items:
            self._worklist.complete(item, {}, "ann")
        self._drain()

    def complete(self, item: str, by: str = "ann", **output: Any) -> None:
        self._worklist.complete(item, output, by)
        self._drain()

    def do(self, task: str, **output: Any) -> None:
        """A person starts and completes an item."""
        self.complete(self.start(task), **output)

    def answer(self, task: str, **output: Any) -> None:
        """The connector answers the oldest call of a task."""
        self.answer_call(self.call(task), **output)

    def answer_call(self, call: str, **output: Any) -> None:
        self._append(CallAnswered(call, 1, output))

    def cancel_item(self, item: str) -> None:
        self._worklist.cancel(item, "ann")
        self._drain()

    def cancel(self) -> None:
        self._append(CaseCancelled("ann"))

    def check_replay(self) -> None:
        """The journal leads to the case and the items as they are stored."""
        replayed = replay(self._specification, stub_of(self.case), self.journal)
        assert replayed.case == self.case
        assert list(replayed.items.values()) == self._store.items_of(CASE)

    def _append(self, event: CallAnswered | CaseCancelled) -> None:
        self._store.append(0, [Envelope(CASE, event)])
        self._drain()

    def _drain(self) -> None:
        for _ in range(MOST_DRAINS):
            self._now += 1
            drained = self._runner.drain(0, "test")
            if drained is not None and not drained.unfinished:
                assert not self._store.dead_letters(0), self._store.dead_letters(0)[0].traceback
                return
        raise AssertionError("the case never comes to rest")


Play = Callable[..., Played]
"""Starts a case of a net; what else is given by name are its data."""
