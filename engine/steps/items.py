"""Events of work items. Starting fires the task; what waits is decided anew after every change of the marking."""

from engine.case import CaseStatus, Run, RunState
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import MoveItem, SettleItem
from engine.errors import Conflict
from engine.events import (
    ClaimsAnswered,
    Distributed,
    ItemCancelled,
    ItemCompleted,
    ItemFailed,
    ItemMoved,
    ItemSkipped,
    ItemStarted,
)
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.net import firing
from engine.net.ending import drop
from engine.net.settling import withdraw_surplus
from engine.spec.model import Initiator


def distributed(draft: Draft, event: Distributed) -> None:
    """The answer to whom an item goes. Where the system starts items, its owner has it started at once."""
    number = number_of(event.item)
    run = draft.case.runs.get(number)
    if run is None:
        draft.note("ignored", number=number, detail="the item is gone")
        return
    if event.owner is not None:
        draft.effects.append(MoveItem(event.item, ItemState.ALLOCATED, offered_to=event.offered_to, owner=event.owner))
        draft.note("allocated", run.task, number, event.owner)
        if draft.task(run.task).interaction.start is Initiator.SYSTEM:
            _start(draft, number, run, event.owner)
    elif event.offered_to:
        draft.effects.append(MoveItem(event.item, ItemState.OFFERED, offered_to=event.offered_to))
        draft.note("offered", run.task, number, event.offered_to)
    else:
        draft.note("unoffered", run.task, number)


def started(draft: Draft, event: ItemStarted) -> None:
    """A person starts an item: the task takes its tokens, and rivals that can no longer be taken are withdrawn.

    Raises `Conflict` when the item no longer waits: somebody was faster.
    """
    number = number_of(event.item)
    _start(draft, number, _waiting(draft, event.item), event.by)


def completed(draft: Draft, event: ItemCompleted) -> None:
    """A completed item's output is mapped and its tokens flow, unless its run has ended before."""
    number = number_of(event.item)
    run = draft.case.runs.get(number)
    if draft.case.status is not CaseStatus.RUNNING or run is None or run.state is not RunState.EXECUTING:
        draft.effects.append(SettleItem(event.item, applied=False))
        draft.note("discarded", number=number, detail=f"the case is {draft.case.status}")
        return
    applied = firing.complete(draft, number, event.output)
    draft.effects.append(SettleItem(event.item, applied))


def failed(draft: Draft, event: ItemFailed) -> None:
    """A person gives an item up: the exception `item_failed`."""
    number = number_of(event.item)
    run = _living(draft, event.item)
    draft.effects.append(MoveItem(event.item, ItemState.FAILED, by=event.by))
    raise_exception(draft, ExceptionKind.ITEM_FAILED, run.task, number, event.reason)


def skipped(draft: Draft, event: ItemSkipped) -> None:
    """An item counts as done: its task fires and completes without output."""
    number = number_of(event.item)
    run = _waiting(draft, event.item)
    firing.take_tokens(draft, draft.task(run.task))
    draft.case.runs[number] = Run(run.task, RunState.EXECUTING)
    draft.effects.append(MoveItem(event.item, ItemState.SKIPPED, by=event.by))
    firing.complete(draft, number, None, mapped=False)


def cancelled(draft: Draft, event: ItemCancelled) -> None:
    """Cancel Task (WCP-19): an enabled task is withdrawn, an executing one stopped; no token goes on from it."""
    number = number_of(event.item)
    run = _living(draft, event.item)
    if run.state is RunState.ENABLED:
        firing.take_tokens(draft, draft.task(run.task))
    drop(draft, number, ItemState.CANCELLED)


def claims_answered(draft: Draft, event: ClaimsAnswered) -> None:
    """It is known which items are claimed: the surplus ones are withdrawn."""
    withdraw_surplus(draft, draft.task(event.task), frozenset(event.claimed))


def moved(draft: Draft, event: ItemMoved) -> None:
    """A move that touches no token stands in the journal; the case stays as it is."""


def _start(draft: Draft, number: int, run: Run, by: str) -> None:
    task = draft.task(run.task)
    item = draft.item(number)
    try:
        given = firing.input_of(draft, task)
    except (ValidationFailed, ExpressionFailed) as failure:
        firing.raise_data_exception(draft, task, number, failure)
        return
    firing.take_tokens(draft, task)
    draft.case.runs[number] = Run(run.task, RunState.EXECUTING)
    draft.effects.append(MoveItem(item, ItemState.STARTED, by=by, owner=by, input=given))
    draft.note("fired", run.task, number)


def _waiting(draft: Draft, item: str) -> Run:
    run = _living(draft, item)
    if run.state is not RunState.ENABLED:
        raise Conflict(f"item {item} is started already", code="item_state_conflict")
    return run


def _living(draft: Draft, item: str) -> Run:
    status = draft.case.status
    if status is CaseStatus.SUSPENDED:
        raise Conflict(f"case {draft.case.id} is suspended", code="case_suspended")
    run = draft.case.runs.get(number_of(item))
    if run is None or status is not CaseStatus.RUNNING:
        raise Conflict(f"item {item} no longer waits: its task is done or withdrawn", code="item_state_conflict")
    return run
