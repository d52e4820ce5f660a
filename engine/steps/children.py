"""Events of child cases: their specification was found, and they have ended."""

from engine.case import BUSY, CaseStatus, RunState
from engine.draft import Draft
from engine.effects import StartChild
from engine.events import ChildEnded, SpecificationAnswered
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import child_id
from engine.net import cancellation, firing


def specification_answered(draft: Draft, event: SpecificationAnswered) -> None:
    """The child begins with the version that was found, and stays with it."""
    found = execution_of(draft.case, event.number)
    if found is None or draft.case.status is not CaseStatus.RUNNING:
        draft.note("ignored", number=event.number, detail="nobody waits for this child any more")
        return
    if event.version is None:
        _failed(draft, found, f"there is no specification {event.specification} to run")
        return
    child = child_id(draft.case.id, event.number)
    draft.effects.append(StartChild(child, event.specification, event.version, event.net, event.data))


def ended(draft: Draft, event: ChildEnded) -> None:
    """The end of a child is the outcome of the composite task that started it."""
    found = execution_of(draft.case, event.number)
    waited_for = found is not None and found.run.state in BUSY | {RunState.RELEASED}
    if found is None or not waited_for or draft.case.status is not CaseStatus.RUNNING:
        draft.note("ignored", number=event.number, detail="nobody waits for this child any more")
        return
    status = CaseStatus(event.status)
    if status is CaseStatus.FAILED:
        _failed(draft, found, f"case {child_id(draft.case.id, event.number)} failed: {event.cause}")
    elif found.instance is not None:
        firing.end_instance(draft, found.number, found.execution, ItemState(status), event.result)
    elif status is CaseStatus.COMPLETED:
        firing.complete(draft, found.number, event.result)
    else:
        # As with an item that is cancelled, no token goes on from the task.
        cancellation.leave(draft, found.number, RunState.CANCELLED)


def _failed(draft: Draft, found: Execution, message: str) -> None:
    """The child of a task failed, and so the task; of several instances only that one, where the task says so."""
    if found.instance is None or firing.fails_its_task(draft, found.number):
        raise_exception(draft, ExceptionKind.CHILD_FAILED, found.run.task, found.execution, message)
    else:
        draft.note("cause", found.run.task, found.execution, message)
        firing.end_instance(draft, found.number, found.execution, ItemState.FAILED)
