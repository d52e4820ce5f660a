"""A case of a net, moved through a store by the real runner, with two clerks who are offered everything.

The store is the one in memory or the one on a real Redis: `play` runs each test on both.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.case import Case, CaseStatus
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseCancelled,
    CaseResumed,
    CaseSuspended,
    DataGiven,
    Distributed,
    Envelope,
    Event,
    TriggerPosted,
)
from engine.exceptions.rule_book import Rules
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry
from engine.names import child_number, number_of, shard_of
from engine.progress import Distributor
from engine.replay import first_version, replay, stub_of
from engine.runner import Runner
from engine.spec.model import Initiator, Specification
from engine.store.port import CaseQuery, Reported, Store, Taken
from engine.submission import submission
from engine.worklist import Worklist

MOST_DRAINS = 100
CASE = "c"


class _Clerks:
    """Offers everything to the same two people; who is named has it alone, and what is allocated the first has."""

    def distribute(self, question: Distribute) -> Distributed:
        people = question.participants or ("ann", "bob")
        if question.interaction.allocate is Initiator.SYSTEM:
            return Distributed(question.item, owner=people[0])
        return Distributed(question.item, people)


class _Documents:
    """The documents of these specifications; of several versions of one the last counts as the latest."""

    def __init__(self, specifications: tuple[Specification, ...]) -> None:
        self.deployed = specifications

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        found = [s.document for s in self.deployed if (s.id, s.version) == (identifier, version)]
        return found[0] if found else None

    def latest_version(self, identifier: str) -> str | None:
        versions = [s.version for s in self.deployed if s.id == identifier]
        return versions[-1] if versions else None


class Played:
    """One case. Tasks are named; of several items of one task the oldest is meant.

    `forward` lets the store's clock go on a millisecond, where it is the test's.
    """

    def __init__(
        self,
        store: Store,
        forward: Callable[[], None],
        case_id: str,
        specifications: tuple[Specification, ...] = (),
        above: "Played | None" = None,
        rules: Rules | None = None,
        people: Callable[[], Distributor] | None = None,
    ) -> None:
        self.id = case_id
        self._forward = forward
        self._store = store
        self._documents: _Documents = above._documents if above is not None else _Documents(specifications)
        # What a case above has compiled need not be compiled again for each of hundreds below it.
        self._definitions: Definitions = above._definitions if above is not None else Definitions(self._documents)
        self._rules: Rules | None = rules or (above._rules if above is not None else None)
        self._people: Callable[[], Distributor] = people or (above._people if above is not None else _Clerks)
        self._runner = Runner(store, self._definitions, self._people, rules=self._rules)
        self._worklist = Worklist(store, self._runner)

    @classmethod
    def started(
        cls,
        store: Store,
        forward: Callable[[], None],
        specification: Specification,
        data: Mapping[str, Any],
        others: tuple[Specification, ...] = (),
        rules: Rules | None = None,
        people: Callable[[], Distributor] = _Clerks,
        case_id: str = CASE,
    ) -> "Played":
        """A new case of a specification; `others` are deployed beside it."""
        case = cls(store, forward, case_id, (specification, *others), rules=rules, people=people)
        store.submit([submission(specification, case_id, data, by="ann", correlation_id="", at=store.now())])
        case.drain()
        return case

    def children(self) -> list["Played"]:
        """The child cases, also those that have ended, in the order in which they were started."""
        found = self._store.cases(CaseQuery(parent=self.id, limit=500)).cases
        identifiers = sorted((case.id for case in found), key=child_number)
        return [Played(self._store, self._forward, each, above=self) for each in identifiers]

    # -- what stands ---------------------------------------------------------------------------------------------

    @property
    def case(self) -> Case:
        case = self._store.case(self.id)
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
        return self._store.journal(self.id)

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
        return [item.task for item in self._store.items_of(self.id) if item.state is ItemState.OFFERED]

    @property
    def called(self) -> list[str]:
        """The tasks that wait for their connector, one name for each call."""
        return [call.task for call in self._store.calls_of(self.id)]

    def call(self, task: str) -> str:
        """The oldest call of a task."""
        return self.calls(task)[0]

    def calls(self, task: str) -> list[str]:
        """The calls of a task, oldest first."""
        return sorted((c.item for c in self._store.calls_of(self.id) if c.task == task), key=number_of)

    @property
    def live(self) -> list[WorkItem]:
        """The items that wait or are under way, oldest first."""
        return [item for item in self._store.items_of(self.id) if item.state in LIVE]

    def items(self, task: str) -> list[WorkItem]:
        return [item for item in self._store.items_of(self.id) if item.task == task]

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
        self.drain()

    def complete_together(self, *items: str) -> None:
        """The completions arrive before the case has taken any of them."""
        for item in items:
            self._worklist.complete(item, {}, "ann")
        self.drain()

    def complete(self, item: str, by: str = "ann", **output: Any) -> None:
        self._worklist.complete(item, output, by)
        self.drain()

    def do(self, task: str, **output: Any) -> None:
        """A person starts and completes an item."""
        self.complete(self.start(task), **output)

    def answer(self, task: str, **output: Any) -> None:
        """The connector answers the oldest call of a task."""
        self.answer_call(self.call(task), **output)

    def answer_call(self, call: str, **output: Any) -> None:
        self.happens(CallAnswered(call, 1, output))

    def answer_together(self, *calls: str) -> None:
        """The outcomes arrive before the case has taken any of them."""
        self._store.append(self._shard, [Envelope(self.id, CallAnswered(call, 1, {})) for call in calls])
        self.drain()

    def happen_together(self, *events: Event | str) -> None:
        """Events arrive before the case has taken any of them; the id of an item stands for its completion."""
        for event in events:
            if isinstance(event, str):
                self._worklist.complete(event, {}, "ann")
            else:
                self._store.append(self._shard, [Envelope(self.id, event)])
        self.drain()

    def take_calls(self, by: str) -> list[Taken]:
        """A worker takes the calls that wait."""
        return self._store.take_calls(self._shard, by, 500)

    def hand_back(self, by: str, *taken: Taken) -> None:
        """A worker gives calls back, so that another one may take them."""
        self._store.hand_back(self._shard, by, taken)

    def report(self, by: str, *outcomes: CallAnswered | CallFailed) -> None:
        """A worker reports outcomes of calls of instances that it took, as often as they are named."""
        self._store.report(self._shard, by, [Reported(outcome, "", instance=True) for outcome in outcomes])
        self.drain()

    def fail_call(self, call: str, *, retryable: bool = False) -> None:
        """The connector gives a call up, or has only failed this time."""
        self.happens(CallFailed(call, 1, "refused", "no", retryable))

    def trigger(self, name: str, data: Any = None) -> None:
        """Something happens outside."""
        self.happens(TriggerPosted(name, data, "ann"))

    def give(self, **data: Any) -> None:
        """Somebody sets variables of the case."""
        self.happens(DataGiven(data, "ann"))

    def suspend(self) -> None:
        self.happens(CaseSuspended("ann"))

    def resume(self) -> None:
        self.happens(CaseResumed("ann"))

    def add_instance(self, item: str, data: Any = None, by: str | None = None) -> None:
        """An instance is added by its owner, or (nobody named) by who administers items."""
        self._worklist.add_instance(item, data, by or "admin", administrator=by is None)
        self.drain()

    def skip(self, task: str) -> None:
        self._worklist.skip(self.waiting(task), "admin", administrator=True)
        self.drain()

    def fail(self, item: str, reason: str = "no") -> None:
        """A person gives a started item up."""
        self._worklist.fail(item, reason, "ann")
        self.drain()

    def waiting(self, task: str) -> str:
        """The oldest item of a task that waits to be started."""
        waits = (ItemState.OFFERED, ItemState.ALLOCATED, ItemState.CREATED)
        return next(each.id for each in self.items(task) if each.state in waits)

    def deploy(self, specification: Specification) -> None:
        """Another specification, or a further version of one, is deployed while the case runs."""
        self._documents.deployed = (*self._documents.deployed, specification)

    def reject_offer(self, item: str, by: str = "ann") -> None:
        self._worklist.reject_offer(item, by)

    def offer(self, item: str, *to: str) -> None:
        """An administrator offers an item."""
        self._worklist.offer(item, to, "admin")

    def allocate(self, item: str, to: str) -> None:
        """An administrator gives an item to somebody."""
        self._worklist.allocate(item, to, "admin")

    def suspend_item(self, item: str, by: str = "ann") -> None:
        self._worklist.suspend(item, by)

    def resume_item(self, item: str, by: str = "ann") -> None:
        self._worklist.resume(item, by)

    def cancel_item(self, item: str) -> None:
        self._worklist.cancel(item, "ann")
        self.drain()

    def cancel(self) -> None:
        self.happens(CaseCancelled("ann"))

    def check_replay(self) -> None:
        """The journals of this case and of all below it lead to the cases and the items as they are stored."""
        journal = self.journal
        version = first_version(self.case, journal)
        began_with = self._definitions.get(self.case.specification, version)
        replayed = replay(began_with, stub_of(self.case, version), journal, self._version)
        assert replayed.case == self.case
        assert [replayed.items[item] for item in sorted(replayed.items, key=number_of)] == self._store.items_of(self.id)
        for child in self.children():
            child.check_replay()

    @property
    def runner(self) -> Runner:
        """What moves it."""
        return self._runner

    @property
    def specification(self) -> Specification:
        """The specification this case runs."""
        return self._definitions.get(self.case.specification, self.case.specification_version)

    def migrate(self, version: str) -> None:
        """Goes on with another version."""
        self._worklist.migrate(self.id, version, "ann")
        self.drain()

    def _version(self, version: str) -> Specification:
        return self._definitions.get(self.case.specification, version)

    @property
    def due_calls(self) -> list[str]:
        """The calls that a worker would make now or later, of whatever case."""
        far = self._store.take_calls(self._shard, "nobody", 1_000)
        return [taken.call.item for taken in far]

    def happens(self, event: Event) -> None:
        """An event of this case arrives, and is handled."""
        self._store.append(self._shard, [Envelope(self.id, event)])
        self.drain()

    @property
    def _shard(self) -> int:
        return shard_of(self.id, self._store.shards)

    def drain(self) -> None:
        """All events that wait are handled."""
        for _ in range(MOST_DRAINS):
            self._forward()
            drained = self._runner.drain(self._shard, "test")
            if drained is not None and not drained.unfinished:
                dead = self._store.dead_letters(self._shard)
                assert not dead, dead[0].traceback
                return
        raise AssertionError("the case never comes to rest")


Play = Callable[..., Played]
"""Starts a case of a net; what else is given by name are its data."""
