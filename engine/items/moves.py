"""The moves of a work item: one table, and one function for each move that a person makes.

Each function takes the item as it stands and gives the item as it will stand, or refuses. The store commits the new
one only if the old one is still what it holds, so of many who try the same at once exactly one succeeds.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec.structs import replace

from engine.effects import MoveItem
from engine.errors import Conflict, Forbidden
from engine.items.work_item import LIVE, WAITING, ItemState, WorkItem


class Move(StrEnum):
    """What a person can do with an item."""

    CLAIM = "claim"
    REJECT_OFFER = "reject-offer"
    OFFER = "offer"
    ALLOCATE = "allocate"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    UPDATE = "update"


class Right(StrEnum):
    """Who may make a move: those an item is offered to, its owner, either of them, or who administers items.

    `OWNER_OR_ADMINISTRATOR`: who administers items may do it for anybody.
    """

    OFFERED = "offered"
    OWNER = "owner"
    OFFERED_OR_OWNER = "offered_or_owner"
    OWNER_OR_ADMINISTRATOR = "owner_or_administrator"
    ADMINISTRATOR = "administrator"


class Rule(NamedTuple):
    """From which states a move is allowed, where it leads, who may make it, and whether the case takes a step.

    `to` None: back to where it was.
    """

    states: frozenset[ItemState]
    to: ItemState | None
    right: Right
    steps: bool


RULES: dict[Move, Rule] = {
    Move.CLAIM: Rule(frozenset({ItemState.OFFERED}), ItemState.ALLOCATED, Right.OFFERED, False),
    Move.REJECT_OFFER: Rule(frozenset({ItemState.OFFERED}), ItemState.OFFERED, Right.OFFERED, False),
    Move.OFFER: Rule(WAITING, ItemState.OFFERED, Right.ADMINISTRATOR, False),
    Move.ALLOCATE: Rule(WAITING, ItemState.ALLOCATED, Right.ADMINISTRATOR, False),
    Move.START: Rule(
        frozenset({ItemState.OFFERED, ItemState.ALLOCATED}), ItemState.STARTED, Right.OFFERED_OR_OWNER, True
    ),
    Move.COMPLETE: Rule(frozenset({ItemState.STARTED}), ItemState.COMPLETED, Right.OWNER, False),
    Move.FAIL: Rule(frozenset({ItemState.STARTED}), ItemState.FAILED, Right.OWNER, True),
    Move.SKIP: Rule(WAITING, ItemState.SKIPPED, Right.ADMINISTRATOR, True),
    Move.CANCEL: Rule(LIVE, ItemState.CANCELLED, Right.ADMINISTRATOR, True),
    Move.SUSPEND: Rule(
        frozenset({ItemState.OFFERED, ItemState.ALLOCATED, ItemState.STARTED}),
        ItemState.SUSPENDED,
        Right.OWNER_OR_ADMINISTRATOR,
        False,
    ),
    Move.RESUME: Rule(frozenset({ItemState.SUSPENDED}), None, Right.OWNER_OR_ADMINISTRATOR, False),
    Move.UPDATE: Rule(frozenset({ItemState.STARTED}), None, Right.ADMINISTRATOR, False),
}


def check(item: WorkItem, move: Move, *, by: str, administrator: bool = False) -> Rule:
    """The rule of a move, when this person may make it now.

    Raises `Conflict` (`item_state_conflict`) where the state does not allow it, `Forbidden` (`not_your_item`) where
    the right is missing.
    """
    rule = RULES[move]
    if item.state not in rule.states:
        wanted = " or ".join(sorted(rule.states))
        raise Conflict(
            f"item {item.id} is {item.state}; {move} is possible only while it is {wanted}", code="item_state_conflict"
        )
    offered = item.state is ItemState.OFFERED and by in item.offered_to
    owned = item.owner == by
    allowed = {
        Right.OFFERED: offered,
        Right.OWNER: owned,
        Right.OFFERED_OR_OWNER: owned or offered,
        Right.OWNER_OR_ADMINISTRATOR: owned or administrator,
        Right.ADMINISTRATOR: administrator,
    }
    if not allowed[rule.right]:
        raise Forbidden(f"{by} may not {move} item {item.id}", code="not_your_item")
    return rule


def claim(item: WorkItem, by: str, at: int) -> WorkItem:
    """An offered item becomes one person's own, and is gone from the others."""
    check(item, Move.CLAIM, by=by)
    return _moved(item, ItemState.ALLOCATED, owner=by, allocated_at=at)


def reject_offer(item: WorkItem, by: str, at: int) -> WorkItem:
    """A person does not want an offered item. When nobody is left it waits for an administrator, unoffered."""
    check(item, Move.REJECT_OFFER, by=by)
    left = tuple(person for person in item.offered_to if person != by)
    state = ItemState.OFFERED if left else ItemState.CREATED
    return _moved(item, state, offered_to=left, rejected_by=(*item.rejected_by, by))


def offer(item: WorkItem, to: tuple[str, ...], by: str, at: int, *, administrator: bool) -> WorkItem:
    """An administrator offers a waiting item to these people."""
    check(item, Move.OFFER, by=by, administrator=administrator)
    return _moved(item, ItemState.OFFERED, offered_to=tuple(sorted(set(to))), owner=None, offered_at=at)


def allocate(item: WorkItem, to: str, by: str, at: int, *, administrator: bool) -> WorkItem:
    """An administrator gives a waiting item to one person."""
    check(item, Move.ALLOCATE, by=by, administrator=administrator)
    return _moved(item, ItemState.ALLOCATED, owner=to, allocated_at=at)


def suspend(item: WorkItem, by: str, at: int, *, administrator: bool) -> WorkItem:
    """An item is put aside: nobody can go on with it until it is resumed."""
    check(item, Move.SUSPEND, by=by, administrator=administrator)
    return _moved(item, ItemState.SUSPENDED, suspended_from=item.state)


def resume(item: WorkItem, by: str, at: int, *, administrator: bool) -> WorkItem:
    """A suspended item is what it was before."""
    check(item, Move.RESUME, by=by, administrator=administrator)
    assert item.suspended_from is not None, f"item {item.id} was never suspended"
    return _moved(item, item.suspended_from, suspended_from=None)


def update(item: WorkItem, data: Mapping[str, Any], by: str, at: int, *, administrator: bool) -> WorkItem:
    """Parts of what a started item was given are changed from outside, while its owner works on it."""
    check(item, Move.UPDATE, by=by, administrator=administrator)
    return _moved(item, item.state, input={**item.input, **data})


def complete(item: WorkItem, output: Any, by: str, at: int) -> WorkItem:
    """The owner completes a started item. From here on it stays completed, by this person, with this output."""
    check(item, Move.COMPLETE, by=by)
    return _moved(item, ItemState.COMPLETED, output=output, ended_at=at)


def settle(item: WorkItem, applied: bool) -> WorkItem:
    """Says of a completed item whether its tokens have flowed."""
    return replace(item, applied=applied, version=item.version + 1)


def relabel(item: WorkItem, specification_version: str) -> WorkItem:
    """The item after its case went to another version of the specification."""
    return replace(item, specification_version=specification_version, version=item.version + 1)


_WHEN = {
    ItemState.OFFERED: "offered_at",
    ItemState.ALLOCATED: "allocated_at",
    ItemState.STARTED: "started_at",
}


def follow(item: WorkItem, effect: MoveItem, at: int) -> WorkItem:
    """The item as a step wants it. The kernel has already checked that the move is allowed."""
    changes: dict[str, Any] = {_WHEN.get(effect.to, "ended_at"): at} if effect.to is not ItemState.CREATED else {}
    if effect.offered_to is not None:
        changes["offered_to"] = effect.offered_to
    if effect.owner is not None:
        changes["owner"] = effect.owner
    if effect.input is not None:
        changes["input"] = effect.input
    return _moved(item, effect.to, **changes)


def _moved(item: WorkItem, to: ItemState, **changes: Any) -> WorkItem:
    return replace(item, state=to, version=item.version + 1, **changes)
