"""Events of work items. Starting fires the task; what waits is decided anew after every change of the marking."""

from engine.case import BUSY, CaseStatus, RunState
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
    ItemUpdated,
)
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_data_exception, raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.net import cancellation, firing, guards, mutexes, work
from engine.net.guards import PostconditionUnmet
from engine.net.settling import withdraw_surplus
from engine.spec.model import Initiator


def distributed(draft: Draft, event: Distributed) -> None:
    """The answer to whom an item goes. Where the system starts items, its owner has it started at once."""
    found = execution_of(draft.case, number_of(event.item))
    if found is None or draft.case.ended:
        draft.note("ignored", number=number_of(event.item), detail="the item is gone")
        return
    task = draft.task(found.run.task)
    if event.owner is not None:
        draft.effects.append(MoveItem(event.item, ItemState.ALLOCATED, offered_to=event.offered_to, owner=event.owner))
        draft.note("allocated", task.name, found.execution, event.owner)
        if task.interaction.start is Initiator.SYSTEM and mutexes.is_free(draft, task):
            _start(draft, found, event.owner)
    elif event.offered_to:
        draft.effects.append(MoveItem(event.item, ItemState.OFFERED, offered_to=event.offered_to))
        draft.note("offered", task.name, found.execution, event.offered_to)
    else:
        draft.note("unoffered", task.name, found.execution)


def started(draft: Draft, event: ItemStarted) -> None:
    """A person starts an item: the task takes its tokens, and rivals that can no longer be taken are withdrawn.

    Raises `Conflict` when the item no longer waits (somebody was faster), and when its mutex is held.
    """
    found = _living(draft, event.item)
    _refuse_if_held(draft, found)
    _start(draft, found, event.by)


def completed(draft: Draft, event: ItemCompleted) -> None:
    """A completed item's output is mapped and its tokens flow, unless its run has ended before."""
    number = number_of(event.item)
    found = execution_of(draft.case, number)
    if draft.case.status is not CaseStatus.RUNNING or found is None or not _counts(found):
        draft.effects.append(SettleItem(event.item, applied=False))
        draft.note("discarded", number=number, detail=f"the case is {draft.case.status}")
        return
    if found.instance is None:
        applied = firing.complete(draft, found.number, event.output)
    else:
        applied = firing.end_instance(draft, found.number, number, ItemState.COMPLETED, event.output)
    draft.effects.append(SettleItem(event.item, applied))


def failed(draft: Draft, event: ItemFailed) -> None:
    """A person gives an item up: the exception `item_failed`, or the end of one of several instances."""
    found = _living(draft, event.item)
    draft.effects.append(MoveItem(event.item, ItemState.FAILED))
    if found.instance is None or firing.fails_its_task(draft, found.number):
        raise_exception(draft, ExceptionKind.ITEM_FAILED, found.run.task, found.execution, event.reason)
        return
    _refuse_if_held(draft, found)
    firing.start(draft, found.number)
    if not draft.case.ended:
        firing.end_instance(draft, found.number, found.execution, ItemState.FAILED)


def skipped(draft: Draft, event: ItemSkipped) -> None:
    """An item counts as done: its task fires and completes without output.

    Raises `Conflict` as `started` does, and when what its task is to ensure does not hold.
    """
    found = _living(draft, event.item)
    _refuse_if_held(draft, found)
    _refuse_if_not_ensured(draft, found)
    draft.effects.append(MoveItem(event.item, ItemState.SKIPPED))
    firing.start(draft, found.number)
    if draft.case.ended:
        return
    if found.instance is None:
        firing.complete(draft, found.number, None, mapped=False)
    else:
        firing.end_instance(draft, found.number, found.execution, ItemState.SKIPPED)


def cancelled(draft: Draft, event: ItemCancelled) -> None:
    """Cancel Task (WCP-19): an enabled task is withdrawn, an executing one stopped; no token goes on from it.

    Of several instances one is stopped; the others go on.
    """
    found = _living(draft, event.item)
    if found.instance is None:
        if found.run.state is RunState.ENABLED:
            firing.take_tokens(draft, draft.task(found.run.task))
        cancellation.leave(draft, found.number, RunState.CANCELLED)
    else:
        _refuse_if_held(draft, found)
        draft.effects.append(MoveItem(event.item, ItemState.CANCELLED))
        firing.start(draft, found.number)
        if not draft.case.ended:
            firing.end_instance(draft, found.number, found.execution, ItemState.CANCELLED)


def claims_answered(draft: Draft, event: ClaimsAnswered) -> None:
    """It is known which items are claimed: the surplus ones are withdrawn."""
    if draft.case.status is CaseStatus.RUNNING:
        withdraw_surplus(draft, draft.task(event.task), frozenset(event.claimed))


def moved(draft: Draft, event: ItemMoved | ItemUpdated) -> None:
    """A move that touches no token stands in the journal; the case stays as it is."""


def _start(draft: Draft, found: Execution, by: str) -> None:
    task = draft.task(found.run.task)
    given = None
    if found.instance is None:
        try:
            given = work.input_of(task, draft.variables)
        except (ValidationFailed, ExpressionFailed) as failure:
            raise_data_exception(draft, task.name, found.execution, failure)
            return
    # An instance keeps what it was given when it was created: its element is its own (data pattern 4).
    firing.start(draft, found.number)
    if draft.case.ended:
        return
    if found.instance is not None:
        draft.note("started", task.name, found.execution)
    draft.effects.append(MoveItem(draft.item(found.execution), ItemState.STARTED, owner=by, input=given))


def _counts(found: Execution) -> bool:
    return found.run.state in BUSY or found.run.state is RunState.RELEASED


def _refuse_if_held(draft: Draft, found: Execution) -> None:
    task = draft.task(found.run.task)
    if found.run.state is RunState.ENABLED and not mutexes.is_free(draft, task):
        raise Conflict(f"task {task.name} has to wait: its mutex {task.mutex} is held", code="mutex_held")


def _refuse_if_not_ensured(draft: Draft, found: Execution) -> None:
    """What counts as done without being done must leave what its task is to ensure. Raises `Conflict`."""
    if found.instance is None:
        try:
            guards.check_postcondition(draft.task(found.run.task), draft.variables, {})
        except (PostconditionUnmet, ExpressionFailed) as failure:
            raise Conflict(str(failure), code="postcondition_unmet") from failure


def _living(draft: Draft, item: str) -> Execution:
    status = draft.case.status
    if status is CaseStatus.SUSPENDED:
        raise Conflict(f"case {draft.case.id} is suspended", code="case_suspended")
    found = execution_of(draft.case, number_of(item))
    if found is None or status is not CaseStatus.RUNNING:
        raise Conflict(f"item {item} no longer waits: its task is done or withdrawn", code="item_state_conflict")
    return found
