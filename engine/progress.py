"""A case on its way through one or more events that are committed together.

Whoever moves a case (a drainer, a request that starts an item, `play`) feeds events to a `Progress` and commits what
comes out. Questions of the kernel are answered here, in the same commit, and stand in the journal.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from engine.case import Case
from engine.effects import (
    Append,
    AskClaims,
    CreateItem,
    Distribute,
    DropCall,
    Effect,
    MoveItem,
    PlaceCall,
    RepeatCall,
    SettleItem,
)
from engine.events import ClaimsAnswered, Distributed, Envelope, Event
from engine.items import moves
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry, digest_of
from engine.spec.model import Specification
from engine.step import step
from engine.store import codec
from engine.store.port import Commit, DeadLetter

LoadItems = Callable[[Iterable[str]], Mapping[str, WorkItem]]


class Distributor(Protocol):
    """Knows the people: who gets an item."""

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it."""


class Progress:
    """One case between being read and being committed."""

    __slots__ = ("_changed", "_distributor", "_load_items", "_packed", "_read", "case", "commit", "specification")

    def __init__(
        self, specification: Specification, case: Case, distributor: Distributor, load_items: LoadItems
    ) -> None:
        self.specification = specification
        self.case = case
        self.commit = Commit(case, case, b"")
        self._distributor = distributor
        self._load_items = load_items
        self._read: dict[str, WorkItem] = {}
        self._changed: dict[str, WorkItem] = {}

    def take(self, event: Event, at: int, correlation_id: str = "") -> None:
        """Takes one event and all that follows from it, or raises and leaves everything as it was before the event.

        Raises a `Refusal` where a person asked for what the case no longer allows.
        """
        commit, read, changed = self.commit, self._read.copy(), self._changed.copy()
        marks = [
            (collected, len(collected))
            for collected in (commit.entries, commit.placed, commit.repeated, commit.dropped, commit.appended)
        ]
        case = self.case
        try:
            self._take(event, at, correlation_id)
        except BaseException:
            # Half an event must not be committed with the whole ones before it.
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
        self.commit.packed = codec.pack_case(self.case)
        self.commit.items = {item_id: (self._read.get(item_id), after) for item_id, after in self._changed.items()}
        return self.commit

    def knows(self, items: Mapping[str, WorkItem]) -> None:
        """Gives items that were read already, so that they need not be read again."""
        self._read.update(items)

    def _take(self, event: Event, at: int, correlation_id: str) -> None:
        events: list[Event] = [event]
        while events:
            current = events.pop(0)
            done = step(self.specification, self.case, current, at)
            self.case = done.case
            digest = digest_of(codec.pack_case(done.case))
            self.commit.entries.append(
                Entry(done.at, current, done.notes, digest=digest, correlation_id=correlation_id)
            )
            for effect in done.effects:
                answer = self._follow(effect, done.at)
                if answer is not None:
                    events.append(answer)

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
            case SettleItem(item, applied):
                self._changed[item] = moves.settle(self._item(item), applied)
            case Append(event):
                commit.appended.append(Envelope(self.case.id, event, self.case.correlation_id))
            case Distribute():
                return self._distributor.distribute(effect)
            case AskClaims(task, items):
                claimed = tuple(i for i in items if self._item(i).state is ItemState.ALLOCATED)
                return ClaimsAnswered(task, claimed)
        return None

    def _item(self, item_id: str) -> WorkItem:
        changed = self._changed.get(item_id)
        if changed is not None:
            return changed
        if item_id not in self._read:
            self._read.update(self._load_items([item_id]))
        return self._read[item_id]
