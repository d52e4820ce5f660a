"""Events of work items. Starting fires the task; what waits is decided anew after every change of the marking."""

from engine.case import BUSY, EARLY, CaseStatus, RunState
from engine.data.expressions import ExpressionFailed
from engine.draft import Draft
from engine.effects import MoveItem, SettleItem
from engine.errors import Conflict
from engine.events import (
    ClaimsAnswered,
    ItemCancelled,
    ItemCompleted,
    ItemFailed,
    ItemMoved,
    ItemSkipped,
    ItemStarted,
    ItemUpdated,
)
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.net import ahead, cancellation, firing, guards, mutexes
from engine.net.guards import PostconditionUnmet
from engine.net.settling import withdraw_surplus
from engine.steps import distribution


def started(draft: Draft, event: ItemStarted) -> None:
    """A person starts an item: the task takes its tokens, and rivals that can no longer be taken are withdrawn.

    Raises `Conflict` when the item no longer waits (somebody was faster), and when its mutex is held.
    """
    found = _living(draft, event.item)
    _refuse_if_held(draft, found)
    distribution.check(draft, found, event.by)
    distribution.start(draft, found, event.by)


def completed(draft: Draft, event: ItemCompleted) -> None:
    """A completed item's output is mapped and its tokens flow, unless its run has ended before."""
    number = number_of(event.item)
    found = execution_of(draft.case, number)
    if draft.case.status is not CaseStatus.RUNNING or found is None or not _counts(found):
        draft.effects.append(SettleItem(event.item, applied=False))
        draft.note("discarded", number=number, detail=f"the case is {draft.case.status}")
        return
    if found.run.state in EARLY:
        ahead.complete(draft, found)
        return
    distribution.remember(draft, found.run.task, completed=event.by)
    if found.instance is None:
        applied = firing.complete(draft, found.number, event.output)
    else:
        applied = firing.end_instance(draft, found.number, number, ItemState.COMPLETED, event.output)
    draft.effects.append(SettleItem(event.item, applied))


def failed(draft: Draft, event: ItemFailed) -> None:
    """A person gives an item up: the exception `item_failed`, or the end of one of several instances."""
    found = _living(draft, event.item)
    _refuse_if_early(found)
    draft.effects.append(MoveItem(event.item, ItemState.FAILED))
    if found.instance is None or firing.fails_its_task(draft, found.number):
        if found.run.state is RunState.ENABLED and not firing.start(draft, found.number):
            return
        raise_exception(draft, ExceptionKind.ITEM_FAILED, found.run.task, found.execution, event.reason)
        return
    _refuse_if_held(draft, found)
    if firing.start(draft, found.number):
        firing.end_instance(draft, found.number, found.execution, ItemState.FAILED)


def skipped(draft: Draft, event: ItemSkipped) -> None:
    """An item counts as done: its task fires and completes without output.

    Raises `Conflict` as `started` does, and when what its task is to ensure does not hold.
    """
    found = _living(draft, event.item)
    _refuse_if_early(found)
    _refuse_if_held(draft, found)
    _refuse_if_not_ensured(draft, found)
    if not firing.start(draft, found.number):
        return
    draft.effects.append(MoveItem(event.item, ItemState.SKIPPED))
    if found.instance is None:
        firing.complete(draft, found.number, None, mapped=False)
    else:
        firing.end_instance(draft, found.number, found.execution, ItemState.SKIPPED)


def cancelled(draft: Draft, event: ItemCancelled) -> None:
    """Cancel Task (WCP-19): an enabled task is withdrawn, an executing one stopped; no token goes on from it.

    Of several instances one is stopped; the others go on.
    """
    found = _living(draft, event.item)
    task = draft.task(found.run.task)
    if found.instance is None and draft.specification.handler(draft.net, task, ExceptionKind.ITEM_ABORTED) is not None:
        _refuse_if_held(draft, found)
        if found.run.state is not RunState.ENABLED or firing.start(draft, found.number):
            draft.effects.append(MoveItem(event.item, ItemState.CANCELLED))
            raise_exception(
                draft, ExceptionKind.ITEM_ABORTED, task.name, found.execution, f"{event.by} has cancelled it"
            )
    elif found.instance is None:
        if found.run.state is RunState.ENABLED:
            firing.take_tokens(draft, task)
        cancellation.leave(draft, found.number, RunState.CANCELLED)
    else:
        _refuse_if_held(draft, found)
        draft.effects.append(MoveItem(event.item, ItemState.CANCELLED))
        if firing.start(draft, found.number):
            firing.end_instance(draft, found.number, found.execution, ItemState.CANCELLED)


def claims_answered(draft: Draft, event: ClaimsAnswered) -> None:
    """It is known which items are claimed: the surplus ones are withdrawn."""
    if draft.case.status is CaseStatus.RUNNING:
        withdraw_surplus(draft, draft.task(event.task), frozenset(event.claimed))


def moved(draft: Draft, event: ItemMoved | ItemUpdated) -> None:
    """A move that touches no token stands in the journal; the case stays as it is."""


def _counts(found: Execution) -> bool:
    return found.run.state in BUSY or found.run.state in (RunState.RELEASED, RunState.AHEAD_STARTED)


def _refuse_if_held(draft: Draft, found: Execution) -> None:
    task = draft.task(found.run.task)
    if found.run.state is RunState.ENABLED and not mutexes.is_free(draft, task):
        raise Conflict(f"task {task.name} has to wait: its mutex {task.mutex} is held", code="mutex_held")


def _refuse_if_early(found: Execution) -> None:
    if found.run.state in EARLY:
        message = f"task {found.run.task} is not enabled yet: what is done ahead of time can be completed or cancelled"
        raise Conflict(message, code="not_enabled_yet")


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
    if found.run.state is RunState.ANNOUNCED:
        raise Conflict(f"item {item} is shown early: task {found.run.task} is not enabled yet", code="not_enabled_yet")
    return found
