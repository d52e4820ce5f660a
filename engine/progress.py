"""A case on its way through one or more events that are committed together.

Whoever moves a case (a drainer, a request that starts an item, `play`) feeds events to a `Progress` and commits what
comes out. Questions of the kernel are answered here, in the same commit, and stand in the journal.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine import calendars
from engine.case import Case, CaseStatus
from engine.data.gathers import GATHERS, GatherFailed
from engine.effects import (
    Append,
    AskClaims,
    AskDue,
    AskShared,
    AskSpecification,
    ClearTimer,
    CloseShared,
    CreateItem,
    Distribute,
    DropCall,
    Effect,
    ForgetResults,
    GatherInstances,
    KeepResult,
    MoveItem,
    PlaceCall,
    Question,
    RelabelItem,
    RepeatCall,
    SetTimer,
    SettleItem,
    StartChild,
)
from engine.errors import NotFound
from engine.events import (
    CaseMigrated,
    ClaimsAnswered,
    Distributed,
    DueAnswered,
    Envelope,
    Event,
    InstancesGathered,
    SharedAnswered,
    SpecificationAnswered,
)
from engine.items import moves
from engine.items.work_item import LIVE, WorkItem
from engine.journal import Entry
from engine.net import sharing
from engine.spec.model import Specification
from engine.step import step
from engine.store import codec
from engine.store.folders import Folders
from engine.store.port import Commit, DeadLetter, Submission
from engine.submission import first_event

READING = frozenset({CaseStatus.RUNNING, CaseStatus.SUSPENDED})
"""The states in which a case reads anew what it shares, before each event."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What may have to be looked up while a case moves.

    `items` gives items by id, `results` what the instances of a run gave by index, `specification` the latest version
    of a specification, or the one that is named. `folders` hold what cases share.
    """

    items: Callable[[Iterable[str]], Mapping[str, WorkItem]]
    results: Callable[[str], Mapping[int, dict[str, Any]]]
    specification: Callable[[str, str | None], Specification | None]
    folders: Folders


class Distributor(Protocol):
    """Knows the people: who gets an item."""

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it."""


class Progress:
    """One case between being read and being committed."""

    __slots__ = ("_changed", "_distributor", "_packer", "_read", "_reads", "case", "commit", "specification")

    def __init__(
        self,
        specification: Specification,
        case: Case,
        distributor: Distributor,
        reads: Reads,
        packed_data: bytes | None = None,
    ) -> None:
        """`packed_data`: what the data of the case were unpacked from, where that is known."""
        self.specification = specification
        self.case = case
        self._packer = codec.CasePacker(case, packed_data)
        self.commit = Commit(case, case, self._packer.pack(case))
        self._distributor = distributor
        self._reads = reads
        self._read: dict[str, WorkItem] = {}
        self._changed: dict[str, WorkItem] = {}

    def take(self, event: Event, at: int, correlation_id: str = "") -> None:
        """Takes one event and all that follows from it, or raises and leaves everything as it was before the event.

        Raises a `Refusal` where a person asked for what the case no longer allows.
        """
        commit, read, changed = self.commit, self._read.copy(), self._changed.copy()
        marks = [
            (collected, len(collected))
            for collected in (
                commit.entries,
                commit.placed,
                commit.repeated,
                commit.dropped,
                commit.appended,
                commit.started,
                commit.results,
                commit.forgotten,
                commit.timers_set,
                commit.timers_cleared,
            )
        ]
        case, specification = self.case, self.specification
        try:
            self._take(event, at, correlation_id)
        except BaseException:
            # Half an event must not be committed with the whole ones before it.
            self.specification = specification
            self.case, self._read, self._changed = case, read, changed
            for collected, length in marks:
                del collected[length:]
            raise

    def set_aside(self, letter: DeadLetter, event: Event, at: int) -> None:
        """Puts an event that raised to the dead letters; the case takes `event` (it stands still) instead."""
        self.take(event, at, letter.envelope.correlation_id)
        self.commit.dead.append(letter)

    def finished(self) -> Commit:
        """What is to be committed."""
        self.commit.after = self.case
        self.commit.packed = self._packer.pack(self.case)
        self.commit.items = {item_id: (self._read.get(item_id), after) for item_id, after in self._changed.items()}
        self._forget_what_came_and_went()
        return self.commit

    def knows(self, items: Mapping[str, WorkItem]) -> None:
        """Gives items that were read already, so that they need not be read again."""
        self._read.update(items)

    def _forget_what_came_and_went(self) -> None:
        """What was placed, repeated or set, and dropped or cleared by a later event of the same commit, never was."""
        commit = self.commit
        dropped, cleared = frozenset(commit.dropped), frozenset(commit.timers_cleared)
        if dropped:
            commit.placed = [call for call in commit.placed if call.item not in dropped]
            commit.repeated = [repeat for repeat in commit.repeated if repeat.item not in dropped]
        if cleared:
            commit.timers_set = [timer for timer in commit.timers_set if timer not in cleared]

    def _take(self, event: Event, at: int, correlation_id: str) -> None:
        events: list[Event] = [*self._read_anew(), event]
        while events:
            current = events.pop(0)
            if isinstance(current, CaseMigrated):
                self.specification = self._version(current.version)
            done = step(self.specification, self.case, current, at)
            self.case = done.case
            digest = self._packer.pack(done.case).digest
            self.commit.entries.append(
                Entry(done.at, current, done.notes, digest=digest, correlation_id=correlation_id)
            )
            self._read_items(done.effects)
            for effect in done.effects:
                answer = self._follow(effect, done.at)
                if answer is not None:
                    events.append(answer)

    def _read_anew(self) -> list[Event]:
        """What the case shares may have been changed by others: the news, if there is any."""
        case, net = self.case, self.specification.nets[self.case.net]
        if not net.shared or case.status not in READING:
            return []
        found = self._reads.folders.values(sharing.places(net, case))
        changes, _ = sharing.news(net, case.data, found)
        return [SharedAnswered(found)] if changes else []

    def _follow(self, effect: Effect, at: int) -> Event | None:
        """Collects what an effect asks for; gives the answer where it is a question."""
        commit = self.commit
        match effect:
            case PlaceCall(call):
                commit.placed.append(call)
            case DropCall(item):
                commit.dropped.append(item)
            case RepeatCall():
                commit.repeated.append(effect)
            case CreateItem(item):
                self._changed[item.id] = item
            case MoveItem(item):
                current = self._item(item)
                # A person may have completed it a moment ago: that stands, and is discarded when its event comes.
                if current.state in LIVE:
                    self._changed[item] = moves.follow(current, effect, at)
            case RelabelItem(item, version):
                self._changed[item] = moves.relabel(self._item(item), version)
            case SettleItem(item, applied):
                self._changed[item] = moves.settle(self._item(item), applied)
            case Append(event, case):
                commit.appended.append(Envelope(case or self.case.id, event, self.case.correlation_id))
            case StartChild():
                commit.started.append(self._child(effect, at))
            case SetTimer(number, due):
                commit.timers_set.append((number, due))
            case ClearTimer(number, due):
                commit.timers_cleared.append((number, due))
            case KeepResult():
                commit.results.append(effect)
            case ForgetResults(run):
                commit.forgotten.append(run)
            case CloseShared(place):
                # Done at once, and again with the event if this commit fails: nothing is left there then.
                self._reads.folders.close(place)
            case Distribute() | AskClaims() | AskSpecification() | AskDue() | GatherInstances() | AskShared():
                return self._answer(effect)
        return None

    def _answer(self, question: Question) -> Event:
        match question:
            case Distribute():
                return self._distributor.distribute(question)
            case AskClaims(task, items):
                claimed = tuple(i for i in items if self._item(i).owner is not None)
                return ClaimsAnswered(task, claimed)
            case AskSpecification(number, identifier, version, data):
                found = self._reads.specification(identifier, version)
                if found is None:
                    return SpecificationAnswered(number, identifier, None, "", data)
                return SpecificationAnswered(number, identifier, found.version, found.root, data)
            case AskDue(number, start, after, workdays):
                return DueAnswered(number, calendars.due(start, after, workdays))
            case GatherInstances():
                return self._gathered(question)
            case AskShared(places, watch, begins):
                if watch:
                    # Before it is read, so that no change falls between.
                    for place in sorted(set(places.values())):
                        self._reads.folders.watch(place, self.case.id)
                return SharedAnswered(self._reads.folders.values(places), begins)

    def _version(self, version: str) -> Specification:
        found = self._reads.specification(self.case.specification, version)
        if found is None:
            message = f"no specification {self.case.specification} version {version}"
            raise NotFound(message, code="specification_not_found")
        return found

    def _child(self, start: StartChild, at: int) -> Submission:
        """The stub of a child case, and the event it begins with."""
        case = self.case
        stub = Case(
            id=start.case,
            specification=start.specification,
            specification_version=start.version,
            net=start.net,
            status=CaseStatus.SUBMITTED,
            created_at=at,
            correlation_id=case.correlation_id,
            submitted_by=case.submitted_by,
            parent=case.id,
        )
        return Submission(stub, Envelope(stub.id, first_event(stub, start.data), case.correlation_id))

    def _gathered(self, question: GatherInstances) -> InstancesGathered:
        """Joins what the instances of a run gave, in their order, whoever was first."""
        results = dict(self._reads.results(question.run))
        results |= {kept.index: kept.values for kept in self.commit.results if kept.run == question.run}
        in_order = [results[index] for index in sorted(results)]
        instances = self.specification.nets[self.case.net].tasks[question.task].instances
        assert instances is not None, f"task {question.task} has nothing to gather"
        values: dict[str, Any] = {}
        for gather in instances.gathers:
            given = [result[gather.variable] for result in in_order if gather.variable in result]
            try:
                value = values[gather.variable] = GATHERS[gather.with_](given)
            except GatherFailed as failure:
                return InstancesGathered(question.number, {}, f"gather.{gather.variable}: {failure}", question.forced)
            for path, message in gather.schema.check(value) if gather.schema is not None else ():
                error = f"gather.{gather.variable}: {path} {message}"
                return InstancesGathered(question.number, {}, error, question.forced)
        return InstancesGathered(question.number, values, None, question.forced)

    def _read_items(self, effects: Iterable[Effect]) -> None:
        """Reads all items that effects name at once: a sweep names hundreds."""
        named = [effect.item for effect in effects if isinstance(effect, MoveItem | RelabelItem | SettleItem)]
        named += [item for effect in effects if isinstance(effect, AskClaims) for item in effect.items]
        unknown = [item for item in named if item not in self._changed and item not in self._read]
        created = {effect.item.id for effect in effects if isinstance(effect, CreateItem)}
        missing = [item for item in unknown if item not in created]
        if missing:
            self._read.update(self._reads.items(missing))

    def _item(self, item_id: str) -> WorkItem:
        changed = self._changed.get(item_id)
        return changed if changed is not None else self._read[item_id]
