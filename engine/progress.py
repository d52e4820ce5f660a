"""A case on its way through one or more events that are committed together.

Whoever moves a case (a drainer, a request that starts an item, `play`) feeds events to a `Progress` and commits what
comes out. Questions of the kernel are answered here, in the same commit, and stand in the journal.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from engine import calendars
from engine.case import Case, CaseStatus
from engine.case_words import words_of_case
from engine.data.gathers import GATHERS, GatherFailed
from engine.effects import (
    Append,
    AskAllocated,
    AskClaims,
    AskDue,
    AskOutput,
    AskPoint,
    AskRule,
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
    PickWorklet,
    PlaceCall,
    Question,
    RelabelItem,
    RepeatCall,
    ResumeItem,
    SetTimer,
    SettleItem,
    StartChild,
    SuspendItem,
)
from engine.errors import NotFound
from engine.events import (
    AllocatedAnswered,
    CaseMigrated,
    ClaimsAnswered,
    Distributed,
    DueAnswered,
    Envelope,
    Event,
    InstancesGathered,
    OutputAnswered,
    PointFound,
    SharedAnswered,
    SpecificationAnswered,
)
from engine.exceptions import worklets
from engine.exceptions.rollback import point_in
from engine.exceptions.rule_book import Rules, seen_by_rules
from engine.items import moves
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry
from engine.net import sharing
from engine.spec.model import Specification
from engine.step import step
from engine.store import codec
from engine.store.folders import Folders
from engine.store.port import Commit, DeadLetter, PackedCase, Submission
from engine.submission import first_event

_NAMES_ITEM = MoveItem | RelabelItem | SettleItem | AskOutput | SuspendItem | ResumeItem | Distribute

NOT_PACKED = PackedCase(b"", b"", b"")
"""What stands in a commit until it is finished."""

READING = frozenset({CaseStatus.RUNNING, CaseStatus.SUSPENDED})
"""The states in which a case reads anew what it shares, before each event."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What may have to be looked up while a case moves.

    `items` gives items by id, `results` what the instances of a run gave by index, `specification` the latest version
    of a specification, or the one that is named. `folders` hold what cases share; `rules` say what to do about
    exceptions, and `journal` what happened to a case so far.
    """

    items: Callable[[Iterable[str]], Mapping[str, WorkItem]]
    results: Callable[[str], Mapping[int, dict[str, Any]]]
    specification: Callable[[str, str | None], Specification | None]
    folders: Folders
    rules: Rules
    journal: Callable[[str], Sequence[Entry]]


class Distributor(Protocol):
    """Knows the people: who gets an item."""

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it."""


class Progress:
    """One case between being read and being committed."""

    __slots__ = (
        "_began_with",
        "_changed",
        "_distributor",
        "_packer",
        "_read",
        "_reads",
        "case",
        "commit",
        "specification",
    )

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
        self.commit = Commit(case, case, NOT_PACKED)
        self._began_with = specification
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
        self.commit.words = self._changed_words()
        self._forget_what_came_and_went()
        return self.commit

    def knows(self, items: Mapping[str, WorkItem]) -> None:
        """Gives items that were read already, so that they need not be read again."""
        self._read.update(items)

    def _changed_words(self) -> tuple[frozenset[str], frozenset[str]] | None:
        """The words by which the case was found, and those by which it is now; None where they stay the same."""
        before, after = self.commit.before, self.case
        net, net_before = self.specification.nets[after.net], self._began_with.nets[before.net]
        if before.data is after.data and net.searched == net_before.searched:
            return None
        left, entered = words_of_case(net_before, before.data), words_of_case(net, after.data)
        return None if left == entered else (left, entered)

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
            case SuspendItem(item):
                self._changed[item] = moves.put_aside(self._item(item))
            case ResumeItem(item):
                self._changed[item] = moves.taken_up(self._item(item))
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
            case (
                Distribute()
                | AskAllocated()
                | AskClaims()
                | AskOutput()
                | AskSpecification()
                | AskDue()
                | GatherInstances()
                | AskShared()
                | AskRule()
                | PickWorklet()
                | AskPoint()
            ):
                return self._answer(effect)
        return None

    def _answer(self, question: Question) -> Event:
        match question:
            case Distribute():
                return self._distributed(question)
            case AskAllocated(task, items):
                allocated = (each for each in map(self._item, items) if each.state is ItemState.ALLOCATED)
                return AllocatedAnswered(task, tuple((each.id, each.owner) for each in allocated if each.owner))
            case AskClaims(task, items):
                claimed = tuple(i for i in items if self._item(i).owner is not None)
                return ClaimsAnswered(task, claimed)
            case AskOutput(item):
                return OutputAnswered(item, self._item(item).output)
            case AskSpecification(number, identifier, version, data, by_name):
                found = self._reads.specification(identifier, version)
                if found is None:
                    return SpecificationAnswered(number, identifier, None, "", data)
                if by_name:
                    data = worklets.inputs_of(found.main, data)
                return SpecificationAnswered(number, identifier, found.version, found.root, data)
            case AskDue(number, start, after, workdays):
                return DueAnswered(number, calendars.due(start, after, workdays))
            case GatherInstances():
                return self._gathered(question)
            case AskRule():
                return self._reads.rules.conclude(self.case.specification, question, self._seen_by_rules(question.item))
            case PickWorklet():
                return self._reads.rules.pick(self.case.specification, question, self._variables())
            case AskPoint(number, point):
                return self._point(number, point)
            case AskShared(places, watch, begins):
                if watch:
                    # Before it is read, so that no change falls between.
                    for place in sorted(set(places.values())):
                        self._reads.folders.watch(place, self.case.id)
                return SharedAnswered(self._reads.folders.values(places), begins)

    def _distributed(self, question: Distribute) -> Distributed:
        """To whom an item goes. Who has rejected it is not asked again."""
        item = self._item(question.item)
        if question.while_in is not None and item.state not in question.while_in:
            return Distributed(question.item, moot=True)
        if item.rejected_by:
            question = replace(question, without=(*question.without, *item.rejected_by))
        had = self._read.get(question.item)
        if question.elsewhere and had is not None and had.owner is not None:
            # It has been taken from him by now.
            question = replace(question, without=(*question.without, had.owner))
        if question.among_offered:
            question = replace(question, only=item.offered_to)
        answer = self._distributor.distribute(question)
        return answer if question.while_in is None else replace(answer, again=True)

    def _variables(self) -> dict[str, Any]:
        return {**self.specification.nets[self.case.net].nulls, **self.case.data}

    def _seen_by_rules(self, item_id: str | None) -> dict[str, Any]:
        """What conditions of rules see: the variables, and the item where a person has one."""
        item = self._items_now([item_id]).get(item_id) if item_id is not None else None
        return {**self._variables(), "item": seen_by_rules(item)}

    def _items_now(self, item_ids: list[str]) -> Mapping[str, WorkItem]:
        """Items as they are by now, as far as there are such."""
        known = {each: self._changed.get(each) or self._read.get(each) for each in item_ids}
        missing = [each for each, item in known.items() if item is None]
        found = self._reads.items(missing) if missing else {}
        return {each: item for each, item in {**known, **found}.items() if item is not None}

    def _point(self, number: int, point: str) -> PointFound:
        """How the case stood, by its journal: what is committed, and what this commit adds."""
        entries = [*self._reads.journal(self.case.id), *self.commit.entries]
        return point_in(number, point, self.case.id, entries, self._specification_of)

    def _specification_of(self, identifier: str, version: str) -> Specification:
        found = self._reads.specification(identifier, version)
        if found is None:
            raise NotFound(f"no specification {identifier} version {version}", code="specification_not_found")
        return found

    def _version(self, version: str) -> Specification:
        return self._specification_of(self.case.specification, version)

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
        named = [effect.item for effect in effects if isinstance(effect, _NAMES_ITEM)]
        named += [item for effect in effects if isinstance(effect, AskClaims | AskAllocated) for item in effect.items]
        unknown = [item for item in named if item not in self._changed and item not in self._read]
        created = {effect.item.id for effect in effects if isinstance(effect, CreateItem)}
        missing = [item for item in unknown if item not in created]
        if missing:
            self._read.update(self._reads.items(missing))

    def _item(self, item_id: str) -> WorkItem:
        changed = self._changed.get(item_id)
        return changed if changed is not None else self._read[item_id]
