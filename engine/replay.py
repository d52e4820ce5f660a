"""Replay: a case and its items made again from the journal, by the same kernel that made them first.

Every entry holds its event, the moment, and a digest of the case after it. Replay feeds the events to `step` and
compares; answers to questions stand in the journal as events of their own, so nobody is asked again.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from engine.case import Case, CaseStatus
from engine.effects import CreateItem, Effect, MoveItem, RelabelItem, ResumeItem, SettleItem, SuspendItem
from engine.events import CaseMigrated, CaseSubmitted, ItemCompleted, ItemMoved, ItemUpdated
from engine.items import moves
from engine.items.moves import Asked, Move
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import SEMANTICS, Entry
from engine.names import parent_of
from engine.spec.model import Specification
from engine.step import Step, step
from engine.store import codec


class ReplayDiffers(Exception):
    """A replayed case is not the recorded one. `entry` is the number of the first entry that differs, from 0."""

    def __init__(self, entry: int, reason: str) -> None:
        super().__init__(f"journal entry {entry}: {reason}")
        self.entry = entry
        self.reason = reason


class Replayed(NamedTuple):
    """A case as its journal tells it, with the items of its people by id."""

    case: Case
    items: dict[str, WorkItem]


Versions = Callable[[str], Specification]
"""Gives a version of the specification that a case runs."""

Find = Callable[[str, str], Specification]
"""Gives a version of a specification, by both names."""

Watch = Callable[[Entry, Step], None]
"""Is told of every entry what its step did."""


def replay(
    specification: Specification,
    stub: Case,
    entries: Iterable[Entry],
    versions: Versions | None = None,
    watch: Watch | None = None,
) -> Replayed:
    """The case that a journal leads to from its stub. Raises `ReplayDiffers` at the first entry that does not agree.

    `specification` is the version it began with; `versions` gives those it went to later, if it did.
    """
    case = stub
    items = _Items()
    packer = codec.CasePacker()
    for number, entry in enumerate(entries):
        if entry.semantics != SEMANTICS:
            raise ReplayDiffers(number, f"it was written by kernel semantics {entry.semantics}, this is {SEMANTICS}")
        if isinstance(entry.event, ItemMoved):
            items.move(entry.event, entry.at)
            continue
        if isinstance(entry.event, ItemUpdated):
            items.update(entry.event, entry.at)
            continue
        if isinstance(entry.event, ItemCompleted):
            items.complete(entry.event)
        if isinstance(entry.event, CaseMigrated):
            assert versions is not None, "a case that was migrated is replayed with the versions it went to"
            specification = versions(entry.event.version)
        done = step(specification, case, entry.event, entry.at)
        case = done.case
        for effect in done.effects:
            items.follow(effect, done.at)
        if packer.pack(case).digest != entry.digest:
            raise ReplayDiffers(number, f"the case after {type(entry.event).__name__} is not the recorded one")
        if watch is not None:
            watch(entry, done)
    return Replayed(case, items.by_id)


def replay_journal(case_id: str, entries: Sequence[Entry], find: Find, watch: Watch | None = None) -> Replayed:
    """The case that a journal tells of, by the journal alone. `find` gives a version of a specification.

    Raises `ReplayDiffers` at the first entry that does not agree, and what `find` raises.
    """
    # Where it could not be handled at once the journal says so first.
    begins = next(((entry, entry.event) for entry in entries if isinstance(entry.event, CaseSubmitted)), None)
    if begins is None:
        raise ReplayDiffers(0, "the submission of the case is not in it")
    entry, first = begins
    stub = stub_of_event(case_id, first, entry.correlation_id)
    return replay(find(first.specification, first.version), stub, entries, partial(find, first.specification), watch)


def stub_of_event(case_id: str, event: CaseSubmitted, correlation_id: str) -> Case:
    """The stub of a case that begins with this event."""
    return Case(
        id=case_id,
        specification=event.specification,
        specification_version=event.version,
        net=event.net,
        status=CaseStatus.SUBMITTED,
        created_at=event.created_at,
        correlation_id=correlation_id,
        submitted_by=event.by,
        parent=parent_of(case_id),
    )


def first_version(case: Case, entries: Iterable[Entry]) -> str:
    """The version of its specification that a case began with."""
    migrated = (entry.event.before for entry in entries if isinstance(entry.event, CaseMigrated))
    return next(migrated, case.specification_version)


def stub_of(case: Case, version: str | None = None) -> Case:
    """The stub that a case began with. `version` is the one it began with, where that is not the present one."""
    return Case(
        id=case.id,
        specification=case.specification,
        specification_version=version or case.specification_version,
        net=case.net,
        status=CaseStatus.SUBMITTED,
        created_at=case.created_at,
        correlation_id=case.correlation_id,
        submitted_by=case.submitted_by,
        parent=case.parent,
    )


class _Items:
    """The items of a case while its journal is replayed.

    An item is completed in the request, its event handled later. If the case was cancelled in between, the journal
    tells of the end first; `overtaken` keeps what such an item was, because the completion had come before.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, WorkItem] = {}
        self._overtaken: dict[str, WorkItem] = {}

    def follow(self, effect: Effect, at: int) -> None:
        match effect:
            case CreateItem(item):
                self.by_id[item.id] = item
            case MoveItem(item_id):
                before = self.by_id[item_id]
                if before.state in LIVE:
                    self.by_id[item_id] = moves.follow(before, effect, at)
                    self._overtaken[item_id] = before
            case SuspendItem(item_id):
                self.by_id[item_id] = moves.put_aside(self.by_id[item_id])
            case ResumeItem(item_id):
                self.by_id[item_id] = moves.taken_up(self.by_id[item_id])
            case RelabelItem(item_id, version):
                self.by_id[item_id] = moves.relabel(self.by_id[item_id], version)
            case SettleItem(item_id, applied):
                self.by_id[item_id] = moves.settle(self.by_id[item_id], applied)

    def complete(self, event: ItemCompleted) -> None:
        item = self.by_id[event.item]
        started = item if item.state is ItemState.STARTED else self._overtaken[event.item]
        self.by_id[event.item] = moves.complete(started, event.output, event.by, event.at)

    def update(self, event: ItemUpdated, at: int) -> None:
        self._make(event.item, moves.recorded(Move.UPDATE, event.by, at, data=event.data))

    def move(self, event: ItemMoved, at: int) -> None:
        to = tuple(event.to.split(",")) if event.to else ()
        self._make(event.item, moves.recorded(Move(event.move), event.by, at, to, event.data))

    def _make(self, item: str, asked: Asked) -> None:
        self.by_id[item] = moves.make(self.by_id[item], asked)
