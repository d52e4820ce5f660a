"""Cancellation: runs are stopped, regions emptied (WCP-19, WCP-20, WCP-25, WCP-26).

A run that ends this way leaves the case at once; what it had out (an item, a call, a child case, or as many of them
as it has instances) is cleared away in bounded chunks.
"""

from msgspec.structs import replace

from engine.case import BUSY, LEFT, WAITING, RunState
from engine.draft import SWEPT_PER_STEP, Draft
from engine.effects import Append, DropCall, ForgetResults, MoveItem, SettleItem
from engine.events import CaseCancelled
from engine.items.work_item import ItemState
from engine.names import child_id
from engine.net import mutexes, timers
from engine.spec.model import Kind, Region, Task

STOPPED = BUSY | {RunState.RELEASED}
"""The runs that emptying a region stops. One that waits for a person holds no token: it is withdrawn with them."""


def leave(draft: Draft, number: int, state: RunState) -> None:
    """Ends a run before it is done; `state` is one of `LEFT`, and what it had out goes to it too."""
    run = draft.case.runs[number]
    draft.note(state, run.task, number)
    timers.clear(draft, number)
    draft.unsettled = True
    if run.state is RunState.AHEAD_COMPLETED:
        draft.effects.append(SettleItem(draft.item(number), applied=False))
        draft.note("discarded", run.task, number, "its task was never enabled")
    if run.state in WAITING and draft.task(run.task).delay is not None:
        # It has nothing out yet.
        del draft.case.runs[number]
        return
    draft.case.runs[number] = replace(run, state=state)
    mutexes.release(draft, draft.task(run.task), number)
    _clear(draft, number)


def empty(draft: Draft, region: Region, *, sparing: int = 0) -> None:
    """Empties a region: its places lose their tokens, the runs of its tasks are cancelled, but for one."""
    for place in region.places:
        if draft.case.marking.pop(place, 0):
            draft.touched.add(place)
    for name in region.tasks:
        if draft.case.due.pop(name, None) is not None:
            draft.touched.update(draft.task(name).inputs)
    names = frozenset(region.tasks)
    for number, run in list(draft.case.runs.items()):
        if run.task in names and number != sparing and run.state in STOPPED:
            leave(draft, number, RunState.CANCELLED)


def stop_runs(draft: Draft) -> None:
    """Cancels all runs of a case."""
    for number, run in list(draft.case.runs.items()):
        if run.state not in LEFT:
            leave(draft, number, RunState.CANCELLED)


def sweep(draft: Draft) -> None:
    """Goes on clearing away what ended runs have left, all runs where the case has ended."""
    for number, run in list(draft.case.runs.items()):
        if draft.swept >= SWEPT_PER_STEP:
            draft.postponed = True
            return
        if run.state in LEFT:
            _clear(draft, number)
        elif draft.case.ended:
            leave(draft, number, RunState.CANCELLED)


def _clear(draft: Draft, number: int) -> None:
    """Clears away what a run has out, as far as the bound of the step allows."""
    run = draft.case.runs[number]
    task, state = draft.task(run.task), ItemState(run.state)
    room = max(SWEPT_PER_STEP - draft.swept, 0)
    instances = run.instances
    if instances is None:
        if room:
            _stop(draft, task, number, state)
            del draft.case.runs[number]
        else:
            draft.postponed = True
        return
    left = max(instances.created - room, 0)
    for index in range(left, instances.created):
        _stop(draft, task, instances.number(index), state)
    if left:
        draft.case.runs[number] = replace(run, instances=replace(instances, created=left, elements=None))
        draft.postponed = True
    else:
        del draft.case.runs[number]
        draft.unsettled = True
        if task.instances is not None and task.instances.gathers:
            draft.effects.append(ForgetResults(draft.item(number)))


def _stop(draft: Draft, task: Task, number: int, state: ItemState) -> None:
    draft.swept += 1
    if task.kind is Kind.HUMAN:
        draft.effects.append(MoveItem(draft.item(number), state))
    elif task.kind is Kind.AUTOMATED:
        draft.effects.append(DropCall(draft.item(number)))
    else:
        # Nobody is named: the child knows by it that its parent needs no answer.
        draft.effects.append(Append(CaseCancelled("", "the case above it went on"), child_id(draft.case.id, number)))
