"""The moves of a work item: one table, and one function for each move that changes more than the state.

A move takes the item as it stands and gives the item as it will stand, or refuses. The store commits the new one only
if the old one is still what it holds, so of many who try the same at once exactly one succeeds.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec.structs import replace

from engine.effects import MoveItem
from engine.errors import Conflict, Forbidden
from engine.items.privileges import Asker, PersonPrivilege, TaskPrivilege
from engine.items.work_item import LIVE, WAITING, ItemState, WorkItem


class Move(StrEnum):
    """What a person can do with an item."""

    CLAIM = "claim"
    REJECT_OFFER = "reject-offer"
    OFFER = "offer"
    ALLOCATE = "allocate"
    START = "start"
    SAVE = "save"
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    UPDATE = "update"
    DELEGATE = "delegate"
    DEALLOCATE = "deallocate"
    REALLOCATE_STATEFUL = "reallocate-stateful"
    REALLOCATE_STATELESS = "reallocate-stateless"
    ESCALATE = "escalate"
    EDIT = "edit"
    PILE = "pile"
    UNPILE = "unpile"
    CHAIN = "chain"
    UNCHAIN = "unchain"
    REDO = "redo"
    PRE_DO = "pre-do"


class Right(StrEnum):
    """Who may make a move: whom an item is offered to, its owner, either of them, anybody; or who administers items."""

    OFFERED = "offered"
    OWNER = "owner"
    CONCERNED = "concerned"
    ANYBODY = "anybody"
    ADMINISTRATOR = "administrator"


class Rule(NamedTuple):
    """From which states a move is allowed, where it leads, and who may make it.

    `to` None: where it was, or where the move's function says. `administered`: who administers items may make it for
    anybody, and needs no privilege. `granted` must be granted by the task, `privilege` be the person's own. `steps`:
    the case takes a step in the request.
    """

    states: frozenset[ItemState]
    to: ItemState | None
    right: Right
    administered: bool = False
    granted: TaskPrivilege | None = None
    privilege: PersonPrivilege | None = None
    steps: bool = False


_CREATED, _OFFERED, _ALLOCATED = ItemState.CREATED, ItemState.OFFERED, ItemState.ALLOCATED
_STARTED, _SUSPENDED = ItemState.STARTED, ItemState.SUSPENDED


def _only(*states: ItemState) -> frozenset[ItemState]:
    return frozenset(states)


RULES: dict[Move, Rule] = {
    Move.CLAIM: Rule(_only(_OFFERED), _ALLOCATED, Right.OFFERED),
    Move.REJECT_OFFER: Rule(_only(_OFFERED), None, Right.OFFERED),
    Move.OFFER: Rule(WAITING, _OFFERED, Right.ADMINISTRATOR),
    Move.ALLOCATE: Rule(WAITING, _ALLOCATED, Right.ADMINISTRATOR),
    Move.START: Rule(_only(_OFFERED, _ALLOCATED), _STARTED, Right.CONCERNED, steps=True),
    Move.SAVE: Rule(_only(_STARTED), None, Right.OWNER),
    Move.COMPLETE: Rule(_only(_STARTED), ItemState.COMPLETED, Right.OWNER),
    Move.FAIL: Rule(_only(_STARTED), ItemState.FAILED, Right.OWNER, steps=True),
    Move.SKIP: Rule(
        WAITING, ItemState.SKIPPED, Right.CONCERNED, administered=True, granted=TaskPrivilege.SKIP, steps=True
    ),
    Move.CANCEL: Rule(LIVE, ItemState.CANCELLED, Right.ADMINISTRATOR, steps=True),
    Move.SUSPEND: Rule(
        _only(_OFFERED, _ALLOCATED, _STARTED),
        _SUSPENDED,
        Right.OWNER,
        administered=True,
        granted=TaskPrivilege.SUSPEND,
    ),
    Move.RESUME: Rule(_only(_SUSPENDED), None, Right.OWNER, administered=True),
    Move.UPDATE: Rule(_only(_STARTED), None, Right.ADMINISTRATOR),
    Move.DELEGATE: Rule(_only(_ALLOCATED), _ALLOCATED, Right.OWNER, administered=True, granted=TaskPrivilege.DELEGATE),
    Move.DEALLOCATE: Rule(_only(_ALLOCATED), None, Right.OWNER, administered=True, granted=TaskPrivilege.DEALLOCATE),
    Move.REALLOCATE_STATEFUL: Rule(
        _only(_STARTED), _STARTED, Right.OWNER, administered=True, granted=TaskPrivilege.REALLOCATE_STATEFUL
    ),
    Move.REALLOCATE_STATELESS: Rule(
        _only(_STARTED), _STARTED, Right.OWNER, administered=True, granted=TaskPrivilege.REALLOCATE_STATELESS
    ),
    Move.ESCALATE: Rule(LIVE, None, Right.ADMINISTRATOR),
    Move.EDIT: Rule(LIVE, None, Right.OWNER, administered=True, privilege=PersonPrivilege.REORDER),
    Move.PILE: Rule(_only(_OFFERED, _ALLOCATED, _STARTED), None, Right.CONCERNED, granted=TaskPrivilege.PILE),
    Move.UNPILE: Rule(frozenset(ItemState), None, Right.ANYBODY),
    Move.CHAIN: Rule(_only(_OFFERED, _ALLOCATED, _STARTED), None, Right.CONCERNED, privilege=PersonPrivilege.CHAIN),
    Move.UNCHAIN: Rule(frozenset(ItemState), None, Right.ANYBODY),
    Move.REDO: Rule(
        _only(ItemState.COMPLETED, ItemState.SKIPPED),
        None,
        Right.OWNER,
        administered=True,
        privilege=PersonPrivilege.MANAGE_CASES,
        steps=True,
    ),
    Move.PRE_DO: Rule(
        LIVE, None, Right.CONCERNED, administered=True, privilege=PersonPrivilege.MANAGE_CASES, steps=True
    ),
}
"""All moves. Where nothing is said of a state, a move is refused with 409 (`item_state_conflict`).

Whose pile or chain it is decides, beside the table, who may end it.
"""


class Asked(NamedTuple):
    """A move as it is asked for: by whom, when (ms since 1970), to whom, and what else it says."""

    move: Move
    asker: Asker
    at: int
    to: tuple[str, ...] = ()
    data: Mapping[str, Any] = {}


Changes = dict[str, Any]


def check(item: WorkItem, move: Move, asker: Asker) -> Rule:
    """The rule of a move, when this person may make it now.

    Raises `Conflict` (`item_state_conflict`) where the state does not allow it, `Forbidden` (`not_your_item`,
    `privilege_missing`) where the right is missing.
    """
    rule = RULES[move]
    if item.state not in rule.states:
        wanted = " or ".join(sorted(rule.states))
        raise Conflict(
            f"item {item.id} is {item.state}; {move} is possible only while it is {wanted}", code="item_state_conflict"
        )
    overrides = asker.administrator and (rule.administered or rule.right is Right.ADMINISTRATOR)
    if overrides:
        return rule
    offered = item.state is ItemState.OFFERED and asker.participant in item.offered_to
    owned = item.owner == asker.participant
    allowed = {
        Right.OFFERED: offered,
        Right.OWNER: owned,
        Right.CONCERNED: owned or offered,
        Right.ANYBODY: True,
        Right.ADMINISTRATOR: False,
    }
    if not allowed[rule.right]:
        raise Forbidden(f"{asker.participant} may not {move} item {item.id}", code="not_your_item")
    for privilege, held in ((rule.granted, asker.granted), (rule.privilege, asker.privileges)):
        if privilege is not None and privilege not in held:
            raise Forbidden(
                f"{asker.participant} may not {move} item {item.id}: the privilege {privilege} is missing",
                code="privilege_missing",
            )
    return rule


def make(item: WorkItem, asked: Asked) -> WorkItem:
    """The item after a move that touches no token. Raises as `check` does."""
    rule = check(item, asked.move, asked.asker)
    assert not rule.steps, f"{asked.move} takes a step of the case"
    changes = CHANGES[asked.move](item, asked)
    return _moved(item, changes.pop("state", rule.to or item.state), **changes)


def recorded(move: Move, by: str, at: int, to: tuple[str, ...] = (), data: Mapping[str, Any] | None = None) -> Asked:
    """A move that stands in a journal: it was allowed when it was made, by rights that may be others by now."""
    everything = Asker(by, True, frozenset(TaskPrivilege), frozenset(PersonPrivilege))
    return Asked(move, everything, at, to, data or {})


def _claim(item: WorkItem, asked: Asked) -> Changes:
    """An offered item becomes one person's own, and is gone from the others."""
    return {"owner": asked.asker.participant, "allocated_at": asked.at}


def _reject_offer(item: WorkItem, asked: Asked) -> Changes:
    """A person does not want an offered item. When nobody is left it waits for an administrator, unoffered."""
    by = asked.asker.participant
    left = tuple(person for person in item.offered_to if person != by)
    state = ItemState.OFFERED if left else ItemState.CREATED
    return {"state": state, "offered_to": left, "rejected_by": (*item.rejected_by, by)}


def _offer(item: WorkItem, asked: Asked) -> Changes:
    """An administrator offers a waiting item to these people."""
    return {"offered_to": tuple(sorted(set(asked.to))), "owner": None, "offered_at": asked.at}


def _allocate(item: WorkItem, asked: Asked) -> Changes:
    """An administrator gives a waiting item to one person."""
    [owner] = asked.to
    return {"owner": owner, "allocated_at": asked.at}


def _save(item: WorkItem, asked: Asked) -> Changes:
    """The owner keeps what he has so far; nobody checks it before he completes the item."""
    return {"output": asked.data["output"]}


def _suspend(item: WorkItem, asked: Asked) -> Changes:
    """An item is put aside: nobody can go on with it until it is resumed."""
    return {"suspended_from": item.state}


def _resume(item: WorkItem, asked: Asked) -> Changes:
    """A suspended item is what it was before."""
    assert item.suspended_from is not None, f"item {item.id} was never suspended"
    return {"state": item.suspended_from, "suspended_from": None}


def _update(item: WorkItem, asked: Asked) -> Changes:
    """Parts of what a started item was given are changed from outside, while its owner works on it."""
    given = item.given if item.given is not None else item.input
    return {"input": {**item.input, **asked.data}, "given": given}


def _delegate(item: WorkItem, asked: Asked) -> Changes:
    """What was one person's to do is another one's; it was not started (resource pattern 27)."""
    return _allocate(item, asked)


def _deallocate(item: WorkItem, asked: Asked) -> Changes:
    """An item is given back (resource pattern 29): it is offered to the others it had been offered to before.

    Who gave it back does not get it again before it is started. Nobody left: it waits for an administrator.
    """
    assert item.owner is not None, f"item {item.id} is allocated to nobody"
    ignored = (*item.ignored, item.owner)
    left = tuple(person for person in item.offered_to if person not in ignored)
    state = ItemState.OFFERED if left else ItemState.CREATED
    return {"state": state, "offered_to": left, "owner": None, "ignored": ignored, "offered_at": asked.at}


def _reallocate_stateful(item: WorkItem, asked: Asked) -> Changes:
    """Another person goes on with a started item where its owner left it (resource pattern 30)."""
    return _allocate(item, asked)


def _reallocate_stateless(item: WorkItem, asked: Asked) -> Changes:
    """Another person begins a started item anew, with what it was started with (resource pattern 31)."""
    reset = {"input": item.given, "given": None} if item.given is not None else {}
    return {**_allocate(item, asked), **reset, "output": None}


def _escalate(item: WorkItem, asked: Asked) -> Changes:
    """An item goes to somebody else, whatever is done with it (resource pattern 28): to one, or to some to choose."""
    data = {"suspended_from": None, "offered_to": tuple(sorted(set(asked.to)))}
    if len(asked.to) == 1:
        return {**data, "state": ItemState.ALLOCATED, "owner": asked.to[0], "allocated_at": asked.at}
    return {**data, "state": ItemState.OFFERED, "owner": None, "offered_at": asked.at}


def _edit(item: WorkItem, asked: Asked) -> Changes:
    """How urgent an item is: its owner may change its priority, an administrator also when it is due.

    Raises `Forbidden` (`not_your_item`) where somebody else changes when it is due.
    """
    if "due_at" in asked.data and not asked.asker.administrator:
        who = asked.asker.participant
        raise Forbidden(f"{who} may not change when item {item.id} is due", code="not_your_item")
    return {name: asked.data[name] for name in ("priority", "due_at") if name in asked.data}


def _noted(item: WorkItem, asked: Asked) -> Changes:
    """Nothing of the item changes; its journal says who did what."""
    return {}


CHANGES: dict[Move, Callable[[WorkItem, Asked], Changes]] = {
    Move.CLAIM: _claim,
    Move.REJECT_OFFER: _reject_offer,
    Move.OFFER: _offer,
    Move.ALLOCATE: _allocate,
    Move.SAVE: _save,
    Move.SUSPEND: _suspend,
    Move.RESUME: _resume,
    Move.UPDATE: _update,
    Move.DELEGATE: _delegate,
    Move.DEALLOCATE: _deallocate,
    Move.REALLOCATE_STATEFUL: _reallocate_stateful,
    Move.REALLOCATE_STATELESS: _reallocate_stateless,
    Move.ESCALATE: _escalate,
    Move.EDIT: _edit,
    Move.PILE: _noted,
    Move.UNPILE: _noted,
    Move.CHAIN: _noted,
    Move.UNCHAIN: _noted,
}
"""What the moves that touch no token change, beside the state."""


def complete(item: WorkItem, output: Any, by: str, at: int) -> WorkItem:
    """The owner completes a started item. From here on it stays completed, by this person, with this output."""
    check(item, Move.COMPLETE, Asker(by))
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
    if effect.to is ItemState.CREATED:
        return _moved(item, effect.to, offered_to=(), owner=None, suspended_from=None)
    changes: Changes = {_WHEN.get(effect.to, "ended_at"): at, "suspended_from": None}
    if effect.to is ItemState.OFFERED:
        changes["owner"] = None
    if effect.to is ItemState.STARTED:
        changes["ignored"] = ()
    if effect.offered_to is not None:
        changes["offered_to"] = effect.offered_to
    if effect.owner is not None:
        changes["owner"] = effect.owner
    if effect.input is not None:
        changes["input"] = effect.input
    return _moved(item, effect.to, **changes)


def put_aside(item: WorkItem) -> WorkItem:
    """The item as an exlet puts it aside; one that nobody could work on stays as it is."""
    if item.state not in RULES[Move.SUSPEND].states:
        return item
    return _moved(item, ItemState.SUSPENDED, suspended_from=item.state)


def taken_up(item: WorkItem) -> WorkItem:
    """The item as an exlet takes it up again, where it was put aside."""
    if item.suspended_from is None:
        return item
    return _moved(item, item.suspended_from, suspended_from=None)


def _moved(item: WorkItem, to: ItemState, **changes: Any) -> WorkItem:
    return replace(item, state=to, version=item.version + 1, **changes)
