"""A case that is played in memory: the real kernel, runner and worklist, with one person who may do everything.

There is no organisation in it: every item waits unoffered, and is given to whoever plays when it is started. The clock
only ticks when it is looked at, and a failed call is repeated without a pause.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from deploy.calling import event_of, request_of
from deploy.settings import Settings
from deploy.wiring import Parts, assemble
from engine.case import Case, RunState
from engine.data.values import problems_of
from engine.effects import Call
from engine.errors import InvalidInput
from engine.events import CallAnswered, CallFailed, CaseCancelled, Envelope
from engine.names import item_id
from engine.spec.model import Kind, Specification, Task
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.registry import StoredSpecification
from engine.submission import submission

CASE = "play"
PLAYER = "player"
SHARD = 0
FIRST_MS = 1_767_225_600_000
"""The clock begins with 2026: what is played twice goes the same way twice."""

MOST_DRAINS = 10_000
"""A drain handles a thousand events: a case that needs so many never comes to rest."""


class Work(NamedTuple):
    """Something that waits for the player: an item to start or complete, or a call to answer."""

    item: str
    task: Task
    executing: bool
    input: Mapping[str, Any]
    call: Call | None = None


class _NobodyToWake:
    """A doorbell for a case that is drained where it is played."""

    def ring(self, shard: int) -> None:
        pass

    def calls(self, shard: int) -> None:
        pass


def parts_in_memory(settings: Settings, environment: Mapping[str, str]) -> Parts:
    """An installation without Redis, for one case."""
    ticks = count(FIRST_MS)

    def clock() -> int:
        return next(ticks)

    return assemble(settings, MemoryStore(1, clock), MemoryRegistry(clock), _NobodyToWake(), environment)


class PlayedCase:
    """One case of a specification. What is done to it has taken effect when the method returns."""

    def __init__(self, parts: Parts, specification: Specification) -> None:
        self._parts = parts
        self._specification = specification
        self._told = 0
        parts.registry.put_specification(
            StoredSpecification(
                specification.id, specification.version, dict(specification.document), "", "application/json"
            )
        )

    @property
    def case(self) -> Case:
        """The case as it stands."""
        case = self._parts.store.case(CASE)
        assert case is not None, "the case is played before it was begun"
        return case

    @property
    def schemas(self) -> Mapping[str, Any]:
        """The named schemas of the specification."""
        schemas: Mapping[str, Any] = self._specification.document.get("schemas", {})
        return schemas

    @property
    def works(self) -> list[Work]:
        """What waits for the player, oldest first."""
        case = self.case
        calls = {call.item: call for call in self._parts.store.calls_of(CASE)}
        inputs = {item.id: item.input for item in self._parts.store.items_of(CASE)}
        found = []
        for number, run in case.runs.items():
            item, task = item_id(CASE, number), self._specification.nets[case.net].tasks[run.task]
            call = calls.get(item)
            if task.kind is Kind.HUMAN or call is not None:
                given = call.input if call is not None else inputs[item]
                found.append(Work(item, task, run.state is RunState.EXECUTING, given, call))
        return found

    def fired(self) -> list[str]:
        """The tasks that fired since this was asked before, in order."""
        entries = self._parts.store.journal(CASE, self._told)
        self._told += len(entries)
        return [note.task for entry in entries for note in entry.notes if note.what == "fired"]

    def begin(self, data: Mapping[str, Any]) -> None:
        """Begins the case. Raises `InvalidInput` with all that is wrong with the data."""
        _check(data)
        store = self._parts.store
        store.submit([submission(self._specification, CASE, data, by=PLAYER, correlation_id=CASE, at=store.now())])
        self._settle()

    def start(self, work: Work) -> None:
        """Starts an item. Raises a `Refusal` where that is not possible now."""
        self._parts.worklist.allocate(work.item, PLAYER, PLAYER)
        self._parts.worklist.start(work.item, PLAYER)
        self._settle()

    def complete(self, work: Work, output: Any) -> None:
        """Completes a started item, or answers a call. Raises `InvalidInput` where the output does not fit."""
        _check(output)
        if work.call is None:
            self._parts.worklist.complete(work.item, output, PLAYER)
            self._settle()
        else:
            self._happen(CallAnswered(work.item, self._attempt(work), output))

    def fail(self, work: Work, reason: str, kind: str, *, retryable: bool) -> None:
        """Gives a started item up, or lets a call fail."""
        if work.call is None:
            self._parts.worklist.fail(work.item, reason, PLAYER)
            self._settle()
        else:
            self._happen(CallFailed(work.item, self._attempt(work), kind, reason, retryable))

    def cancel(self) -> None:
        """Cancels the case."""
        self._happen(CaseCancelled(PLAYER))

    def make_call(self, work: Work) -> CallAnswered | CallFailed:
        """Really calls the connector, and lets the case know what came of it."""
        call, attempt = work.call, self._attempt(work)
        assert call is not None, f"{work.task.name} has no call to make"
        outcome = self._parts.connectors.call(request_of(call, attempt))
        event = event_of(call, attempt, outcome)
        self._happen(event)
        return event

    def _attempt(self, work: Work) -> int:
        runs = {item_id(CASE, number): run for number, run in self.case.runs.items()}
        return runs[work.item].attempt + 1

    def _happen(self, event: CallAnswered | CallFailed | CaseCancelled) -> None:
        self._parts.store.append(SHARD, [Envelope(CASE, event)])
        self._settle()

    def _settle(self) -> None:
        """Lets the case handle all its events."""
        for _ in range(MOST_DRAINS):
            drained = self._parts.runner.drain(SHARD, PLAYER)
            assert drained is not None, "somebody else drains the memory store"
            if not drained.unfinished:
                return
        raise AssertionError("the case never comes to rest")


def _check(value: Any) -> None:
    problems = problems_of(value)
    if problems:
        raise InvalidInput("a case cannot hold this", code="invalid_value", problems=problems)
