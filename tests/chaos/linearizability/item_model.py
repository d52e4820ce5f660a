"""One work item as everybody may think of it: as if one call after another were made of it.

The rules are those of `docs/specification.md`: who may make which move in which state. They are written down here a
second time, and on purpose not taken from `engine.items.moves`, which they are to judge.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.history import Answer, Call, Operation


@dataclass(frozen=True, slots=True)
class Item:
    """What can be seen of an item. `output` is written down, so that it can be hashed."""

    state: str
    owner: str | None
    offered_to: frozenset[str]
    output: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is still to be done."""
        return self.state in ("created", "offered", "allocated", "started")


@dataclass(frozen=True, slots=True)
class Happening:
    """A call on an item. `seen` is what a reading showed, `people` to whom it was offered."""

    call: Call
    seen: Item | None = None
    people: frozenset[str] = frozenset()


NOT_VISIBLE = 404
FORBIDDEN = 403
CONFLICT = 409
BUSY = "item_busy"
"""Others were faster again and again: this is said in any state, and changes nothing."""


def apply(item: Item, happening: Happening) -> Item | None:
    """The item after a call; None when it cannot have been answered so."""
    call = happening.call
    if call.operation is Operation.READ:
        return _read(item, happening)
    if call.operation is Operation.CANCEL:
        # The case is cancelled some time after it was asked for.
        return replace(item, state="cancelled") if item.is_live and call.answer is not Answer.REFUSED else item
    if call.answer is Answer.REFUSED:
        return item if _may_refuse(item, call) else None
    return MOVES[call.operation](item, happening)


def _read(item: Item, happening: Happening) -> Item | None:
    if happening.call.answer is Answer.UNKNOWN:
        return item
    if happening.call.status == NOT_VISIBLE:
        return None if _sees(item, happening.call.client) else item
    return item if happening.seen == item else None


def _claim(item: Item, happening: Happening) -> Item | None:
    me = happening.call.client
    return replace(item, state="allocated", owner=me) if item.state == "offered" and me in item.offered_to else None


def _reject(item: Item, happening: Happening) -> Item | None:
    left = item.offered_to - {happening.call.client}
    if item.state != "offered" or left == item.offered_to:
        return None
    return replace(item, state="offered" if left else "created", offered_to=left)


def _start(item: Item, happening: Happening) -> Item | None:
    me = happening.call.client
    offered = item.state == "offered" and me in item.offered_to
    mine = item.state == "allocated" and item.owner == me
    return replace(item, state="started", owner=me) if offered or mine else None


def _complete(item: Item, happening: Happening) -> Item | None:
    me, output = happening.call.client, written(happening.call.output)
    if item.owner != me:
        return None
    if item.state == "completed":
        # The repeat of what was done is answered as it was at first.
        return item if item.output == output else None
    return replace(item, state="completed", output=output) if item.state == "started" else None


def _offer(item: Item, happening: Happening) -> Item | None:
    if item.state not in ("created", "offered", "allocated"):
        return None
    return replace(item, state="offered", owner=None, offered_to=happening.people)


MOVES: dict[Operation, Callable[[Item, Happening], Item | None]] = {
    Operation.CLAIM: _claim,
    Operation.REJECT: _reject,
    Operation.START: _start,
    Operation.COMPLETE: _complete,
    Operation.OFFER: _offer,
}

STATES = {
    Operation.CLAIM: {"offered"},
    Operation.REJECT: {"offered"},
    Operation.START: {"offered", "allocated"},
    Operation.COMPLETE: {"started"},
    Operation.OFFER: {"created", "offered", "allocated"},
}


def _may_refuse(item: Item, call: Call) -> bool:
    """Whether a call may be refused in this way: the move is not possible, not this person's, or he sees nothing."""
    if call.code == BUSY:
        return True
    if call.status == NOT_VISIBLE:
        return not _sees(item, call.client)
    possible = item.state in STATES[call.operation]
    if call.status == CONFLICT:
        return not possible
    return call.status == FORBIDDEN and possible and MOVES[call.operation](item, Happening(call)) is None


def _sees(item: Item, person: str) -> bool:
    return person == item.owner or person in item.offered_to


def written(output: Any) -> str | None:
    """An output as it is compared."""
    return None if output is None else repr(output)
