"""Events of multiple instances: one more is added, and what they gave was gathered."""

from msgspec.structs import replace

from engine.case import BUSY, CaseStatus, RunState
from engine.draft import Draft
from engine.errors import Conflict
from engine.events import InstanceAdded, InstancesGathered
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import execution_of
from engine.names import number_of
from engine.net import firing, instances


def added(draft: Draft, event: InstanceAdded) -> None:
    """One more instance (WCP-15). Raises `Conflict` where the task allows none, has as many as it may, or is done."""
    found = execution_of(draft.case, number_of(event.item))
    if (
        found is None
        or found.run.instances is None
        or found.run.state not in BUSY | {RunState.ENABLED}
        or draft.case.status is not CaseStatus.RUNNING
    ):
        raise Conflict(f"item {event.item} is none of several instances that are still waited for", code="no_instances")
    rule = instances.of(draft.task(found.run.task))
    if not rule.dynamic:
        raise Conflict(
            f"task {found.run.task} has `creation: static`: no instance can be added", code="instances_static"
        )
    group = found.run.instances
    if group.planned >= rule.most:
        raise Conflict(f"task {found.run.task} has {group.planned} instances, the most it may", code="instances_full")
    group = instances.add(draft, draft.task(found.run.task), group, event.data)
    draft.case.runs[found.number] = replace(found.run, instances=group)
    draft.note("added", found.run.task, group.number(group.planned - 1))
    instances.grow(draft, found.number)


def gathered(draft: Draft, event: InstancesGathered) -> None:
    """What the instances gave was joined: the run goes on with it, or it cannot be joined so."""
    run = draft.case.runs.get(event.number)
    if run is None or run.state not in BUSY or draft.case.status is not CaseStatus.RUNNING:
        draft.note("ignored", number=event.number, detail="nobody waits for these results any more")
        return
    if event.error is not None:
        raise_exception(draft, ExceptionKind.VALIDATION_ERROR, run.task, event.number, event.error)
        return
    firing.finish_gathered(draft, event.number, event.values, forced=event.forced)
