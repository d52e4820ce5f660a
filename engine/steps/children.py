"""Events of child cases: their specification was found, and they have ended."""

from engine.case import BUSY, CaseStatus, RunState
from engine.draft import Draft
from engine.effects import StartChild
from engine.errors import Conflict
from engine.events import ChildEnded, SpecificationAnswered, WorkletPicked, WorkletReplaced
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import child_id
from engine.net import cancellation, firing, work
from engine.spec.model import Decomposition
from engine.steps import exlets


def specification_answered(draft: Draft, event: SpecificationAnswered) -> None:
    """The child begins with the version that was found, and stays with it."""
    if exlets.waits_for_child(draft, event.number):
        exlets.worklet_found(draft, event)
        return
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
    if exlets.waits_for_child(draft, event.number):
        exlets.worklet_ended(draft, event)
        return
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


def worklet_picked(draft: Draft, event: WorkletPicked) -> None:
    """The task runs the worklet that the rules picked, or what is written for when they pick none."""
    found = execution_of(draft.case, event.number)
    if found is None or draft.case.status is not CaseStatus.RUNNING:
        draft.note("ignored", number=event.number, detail="nobody waits for this worklet any more")
        return
    runs = draft.task(found.run.task).decomposition
    assert runs is not None, "only a composite task runs a worklet"
    if event.worklet is not None:
        runs = Decomposition(specification=event.worklet, version=event.version)
    elif runs.net is None and runs.specification is None:
        _failed(draft, found, "no rule picks a worklet, and there is none for when no rule does")
        return
    picked = {"worklet": event.worklet, "rules": event.path}
    draft.note("picked", found.run.task, found.execution, picked)
    by_name = draft.task(found.run.task).input is None
    draft.effects += work.run_child(draft, runs, event.number, event.data, by_name=by_name)


def worklet_replaced(draft: Draft, event: WorkletReplaced) -> None:
    """The worklet that a task runs is called off and chosen anew, by the rules as they are now.

    Raises `Conflict` (`no_worklet`) where the task runs none.
    """
    found = execution_of(draft.case, event.number)
    task = draft.task(found.run.task) if found is not None else None
    picked = task is not None and task.decomposition is not None and task.decomposition.picked
    if found is None or not picked or found.instance is not None or draft.case.status is not CaseStatus.RUNNING:
        raise Conflict(f"{draft.item(event.number)} runs no worklet that could be replaced", code="no_worklet")
    draft.note("replaced", found.run.task, found.execution, event.by)
    exlets.restart(draft, found.number, lost=False)


def _failed(draft: Draft, found: Execution, message: str) -> None:
    """The child of a task failed, and so the task; of several instances only that one, where the task says so."""
    if found.instance is None or firing.fails_its_task(draft, found.number):
        raise_exception(draft, ExceptionKind.CHILD_FAILED, found.run.task, found.execution, message)
    else:
        draft.note("cause", found.run.task, found.execution, message)
        firing.end_instance(draft, found.number, found.execution, ItemState.FAILED)
