"""A case that is played in memory, with those below it, by one person who may do everything.

It is moved by the real kernel, runner and worklist. There is no organisation in it: every item waits unoffered, and is
given to whoever plays when it is started. The clock only ticks when it is looked at, and a failed call is repeated
without a pause.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

from deploy.calling import event_of, request_of
from deploy.settings import Settings
from deploy.wiring import Parts, assemble
from engine.case import Case
from engine.data.values import problems_of
from engine.effects import Call
from engine.errors import InvalidInput
from engine.events import CallAnswered, CallFailed, CaseCancelled, Envelope, TriggerPosted
from engine.executions import execution_of, executions
from engine.items.work_item import LIVE, WAITING, ItemState
from engine.names import case_of, child_number, item_id
from engine.spec.model import Net, Specification, Task
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import CaseQuery
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


class Standing(NamedTuple):
    """The tasks that wait for a person, and those that are under way."""

    enabled: list[str]
    executing: list[str]


class _NobodyToWake:
    """A doorbell for a case that is drained where it is played."""

    def ring(self, shard: int) -> None:
        pass

    def calls(self, shard: int) -> None:
        pass

    def let_in(self, gate: str) -> None:
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
        self._told: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
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
        """What waits for the player in the case and in those below it, oldest first."""
        return [work for case in self._tree() if not case.ended for work in self._works_of(case)]

    @property
    def standing(self) -> Standing:
        """Which tasks wait for a person and which are under way, one name for each item, call and child case."""
        enabled: list[str] = []
        executing: list[str] = []
        for case in self._tree():
            for number in executions(case):
                found = execution_of(case, number)
                if found is None:
                    continue
                item = self._parts.store.item(item_id(case.id, number))
                if item is None or item.state is ItemState.STARTED:
                    executing.append(found.run.task)
                elif item.state in WAITING:
                    enabled.append(found.run.task)
        return Standing(enabled, executing)

    @property
    def children(self) -> dict[str, dict[str, int]]:
        """The markings of the cases below this one that have not ended, by their ids."""
        return {case.id: case.marking for case in self._tree() if case.id != CASE and not case.ended}

    @property
    def triggers(self) -> list[str]:
        """The events from outside that tasks of living cases may wait for."""
        nets = (self._net_of(case) for case in self._tree() if not case.ended)
        return list(dict.fromkeys(name for net in nets for name in net.triggers))

    def fired(self) -> list[str]:
        """The tasks that fired since this was asked before, in order."""
        fired = []
        for case in self._tree():
            entries = self._parts.store.journal(case.id, self._told[case.id])
            self._told[case.id] += len(entries)
            fired += [(entry.at, note.task) for entry in entries for note in entry.notes if note.what == "fired"]
        # The clock ticks whenever it is looked at, so no two entries of different cases share a moment.
        return [task for _, task in sorted(fired, key=lambda each: each[0])]

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

    def trigger(self, name: str, data: Any) -> None:
        """Something happens outside: every living case that knows such an event is told."""
        _check(data)
        told = [case.id for case in self._tree() if not case.ended and name in self._net_of(case).triggers]
        if not told:
            known = ", ".join(self.triggers) or "none"
            raise InvalidInput(f"no task waits for {name} (there is {known})", code="unknown_trigger")
        for case_id in told:
            self._happen(TriggerPosted(name, data, PLAYER), case_id)

    def add_instance(self, work: Work, data: Any) -> None:
        """Adds one more instance to the task that this is an instance of. Raises a `Refusal`."""
        _check(data)
        self._parts.worklist.add_instance(work.item, data, PLAYER, administrator=True)
        self._settle()

    def make_call(self, work: Work) -> CallAnswered | CallFailed:
        """Really calls the connector, and lets the case know what came of it."""
        call, attempt = work.call, self._attempt(work)
        assert call is not None, f"{work.task.name} has no call to make"
        outcome = self._parts.connectors.call(request_of(call, attempt))
        event = event_of(call, attempt, outcome)
        self._happen(event)
        return event

    def _works_of(self, case: Case) -> Iterator[Work]:
        store, net = self._parts.store, self._net_of(case)
        calls = {call.item: call for call in store.calls_of(case.id)}
        for number in executions(case):
            item = item_id(case.id, number)
            found, call, record = execution_of(case, number), calls.get(item), store.item(item)
            if found is None:
                continue
            task = net.tasks[found.run.task]
            if call is not None:
                yield Work(item, task, True, call.input, call)
            elif record is not None and record.state in LIVE:
                yield Work(item, task, record.state is ItemState.STARTED, record.input)

    def _tree(self) -> list[Case]:
        """The case and all below it, also those that have ended."""
        tree = [self.case]
        for case in tree:
            cursor = None
            while True:
                page = self._parts.store.cases(CaseQuery(parent=case.id, limit=500, after=cursor))
                tree += sorted(page.cases, key=lambda child: child_number(child.id))
                cursor = page.next
                if cursor is None:
                    break
        return tree

    def _net_of(self, case: Case) -> Net:
        return self._parts.runner.specification_of(case).nets[case.net]

    def _attempt(self, work: Work) -> int:
        return self._failed[work.item] + 1

    def _happen(self, event: CallAnswered | CallFailed | CaseCancelled | TriggerPosted, case_id: str = CASE) -> None:
        if isinstance(event, CallAnswered | CallFailed):
            case_id = case_of(event.item)
        if isinstance(event, CallFailed):
            self._failed[event.item] += 1
        self._parts.store.append(SHARD, [Envelope(case_id, event)])
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
