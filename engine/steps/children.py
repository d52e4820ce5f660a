"""Events of child cases: their specification was found, and they have ended."""

from engine.case import BUSY, CaseStatus, RunState
from engine.draft import Draft
from engine.effects import StartChild
from engine.events import ChildEnded, SpecificationAnswered
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import execution_of
from engine.items.work_item import ItemState
from engine.names import child_id
from engine.net import cancellation, firing


def specification_answered(draft: Draft, event: SpecificationAnswered) -> None:
    """The child begins with the version that was found, and stays with it."""
    found = execution_of(draft.case, event.number)
    if found is None:
        draft.note("ignored", number=event.number, detail="nobody waits for this child any more")
        return
    if event.version is None:
        message = f"there is no specification {event.specification} to run"
        raise_exception(draft, ExceptionKind.CHILD_FAILED, found.run.task, found.execution, message)
        return
    child = child_id(draft.case.id, event.number)
    draft.effects.append(StartChild(child, event.specification, event.version, event.net, event.data))


def ended(draft: Draft, event: ChildEnded) -> None:
    """The end of a child is the outcome of the composite task that started it."""
    found = execution_of(draft.case, event.number)
    if found is None or found.run.state not in BUSY | {RunState.RELEASED}:
        draft.note("ignored", number=event.number, detail="nobody waits for this child any more")
        return
    status = CaseStatus(event.status)
    if found.instance is not None and not (status is CaseStatus.FAILED and firing.fails_its_task(draft, found.number)):
        firing.end_instance(draft, found.number, found.execution, ItemState(status), event.result)
    elif status is CaseStatus.COMPLETED:
        firing.complete(draft, found.number, event.result)
    elif status is CaseStatus.FAILED:
        message = f"case {child_id(draft.case.id, event.number)} failed: {event.cause}"
        raise_exception(draft, ExceptionKind.CHILD_FAILED, found.run.task, found.execution, message)
    else:
        # As with an item that is cancelled, no token goes on from the task.
        cancellation.leave(draft, found.number, RunState.CANCELLED)
