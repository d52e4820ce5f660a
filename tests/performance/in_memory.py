"""Cases moved without Redis and without workers: by the step alone, or by the runner on the store in memory.

Every call is answered at once, by an event of its own, as a connector's answer would be.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.data.gathers import GATHERS
from engine.definitions import Definitions
from engine.effects import Append, Call, Distribute, GatherInstances, KeepResult, PlaceCall
from engine.events import CallAnswered, CaseSubmitted, Distributed, Event, InstancesGathered
from engine.net.instances import of
from engine.runner import Runner
from engine.spec.model import Specification
from engine.spec.read import load_document
from engine.step import step
from engine.store.memory import MemoryStore
from engine.store.port import Reported
from engine.submission import submission

OWNER = "bench"
AT = 1_700_000_000_000

MOST_DRAINS = 100_000
"""A case that is not at rest after so many drains never will be."""

Output = Callable[[Call], dict[str, Any]]
"""What the connector gives back for a call."""


def nothing(call: Call) -> dict[str, Any]:
    """A connector that gives nothing back."""
    return {}


class Stepped:
    """One case, moved by `step` alone: nothing is packed, written down or kept.

    `calls` are those that wait for their answers, oldest first.
    """

    def __init__(self, specification: Specification, data: Mapping[str, Any], case_id: str = "c") -> None:
        self.calls: deque[Call] = deque()
        self._specification = specification
        self._results: dict[int, dict[str, Any]] = {}
        self._following: deque[Event] = deque()
        self.case = submission(specification, case_id, data, by=OWNER, correlation_id="", at=AT).stub
        self.take(CaseSubmitted(dict(data), OWNER))

    def answer(self, output: dict[str, Any]) -> None:
        """The connector answers the oldest call."""
        self.take(CallAnswered(self.calls.popleft().item, 1, output))

    def take(self, event: Event) -> None:
        """The case takes an event and all that follow from it."""
        self._take(event)
        while self._following:
            self._take(self._following.popleft())

    def _take(self, event: Event) -> None:
        done = step(self._specification, self.case, event, AT)
        self.case = done.case
        for effect in done.effects:
            if isinstance(effect, PlaceCall):
                self.calls.append(effect.call)
            elif isinstance(effect, Append):
                self._following.append(effect.event)
            elif isinstance(effect, KeepResult):
                self._results[effect.index] = effect.values
            elif isinstance(effect, GatherInstances):
                self._following.append(self._gathered(effect))

    def _gathered(self, question: GatherInstances) -> InstancesGathered:
        gathers = of(self._specification.main.tasks[question.task]).gathers
        in_order = [self._results[index] for index in sorted(self._results)]
        joined = {g.variable: GATHERS[g.with_]([each[g.variable] for each in in_order]) for g in gathers}
        return InstancesGathered(question.number, joined)


class Stored:
    """A store in memory with a runner: cases are submitted, drained and answered as workers do it, in one thread."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.store = MemoryStore(1, _now)
        self.specification = load_document(document)
        self._runner = Runner(self.store, Definitions(_Documents(document)), _Nobody)

    def submit(self, identifiers: Iterable[str], data: Mapping[str, Any]) -> list[Call]:
        """Submits cases and moves them; gives the calls that were placed."""
        at = self.store.now()
        cases = [submission(self.specification, i, data, by=OWNER, correlation_id="", at=at) for i in identifiers]
        self.store.submit(cases)
        return self._drained()

    def answer(self, calls: Sequence[Call], output: Output) -> list[Call]:
        """Takes calls, answers them together and moves their cases; gives the calls that were placed."""
        taken = self.store.take_calls(0, OWNER, len(calls), calls)
        assert len(taken) == len(calls), "nobody else takes calls"
        self.store.report(0, OWNER, [_reported(each.call, each.attempt, output(each.call)) for each in taken])
        return self._drained()

    def _drained(self) -> list[Call]:
        calls: list[Call] = []
        for _ in range(MOST_DRAINS):
            drained = self._runner.drain(0, OWNER)
            assert drained is not None, "nobody else drains"
            calls += drained.calls
            if not drained.unfinished:
                return calls
        raise AssertionError("the cases never come to rest")


class _Documents:
    """One specification, deployed."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def document(self, identifier: str, version: str) -> Mapping[str, Any]:
        return self._document

    def latest_version(self, identifier: str) -> str:
        return str(self._document["version"])


class _Nobody:
    """No person has anything to do."""

    def distribute(self, question: Distribute) -> Distributed:
        raise AssertionError(f"{question.task} is for people")


def _reported(call: Call, attempt: int, output: dict[str, Any]) -> Reported:
    return Reported(CallAnswered(call.item, attempt, output), call.correlation_id, call.instance is not None)


def _now() -> int:
    return time.time_ns() // 1_000_000
