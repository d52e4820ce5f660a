"""Events from outside that tasks wait for: a transient one is lost where none waits, a persistent one is kept."""

from engine.case import CaseStatus
from engine.draft import Draft
from engine.events import TriggerPosted
from engine.exceptions.raising import DATA_FAILURES
from engine.net import firing, guards, joins, mutexes
from engine.net.settling import waiting_runs
from engine.spec.model import Task

MOST_KEPT = 1_000
"""Persistent triggers that a case keeps: somebody who posts without end must not fill it."""


def posted(draft: Draft, event: TriggerPosted) -> None:
    """The first task that waits for it, in the order of the document, consumes it (WCP-23, WCP-24)."""
    # A case that begins later keeps what is meant for it.
    if draft.case.status not in (CaseStatus.RUNNING, CaseStatus.SUBMITTED) or draft.case.ending is not None:
        draft.note("ignored", detail=f"the case is {draft.case.status}")
        return
    tasks = draft.net.triggers.get(event.name, ())
    for task in tasks if draft.case.status is CaseStatus.RUNNING else ():
        if _waits(draft, task):
            draft.note("triggered", task.name, detail=event.name)
            begin = firing.fire if _starts_by_itself(draft, task) else firing.enable
            begin(draft, task, (event.data,))
            return
    keeping = any(task.trigger is not None and task.trigger.persistent for task in tasks)
    if keeping and len(draft.case.triggers) < MOST_KEPT:
        draft.case.triggers = (*draft.case.triggers, (event.name, event.data))
        draft.unsettled = True
        draft.note("kept", detail=event.name)
    else:
        draft.note("lost", detail=event.name if not keeping else f"{event.name}: {MOST_KEPT} triggers are kept already")


def _waits(draft: Draft, task: Task) -> bool:
    """Whether the task needs only this event to start (a person's: to be shown)."""
    if draft.blocked(task.name):
        return False
    if not _starts_by_itself(draft, task):
        return guards.times(draft, task) > len(waiting_runs(draft, task))
    return joins.enabled(task, draft.state) and mutexes.is_free(draft, task) and guards.holds(draft, task)


def _starts_by_itself(draft: Draft, task: Task) -> bool:
    try:
        return firing.starts_by_itself(draft, task)
    except DATA_FAILURES:
        # Beginning it meets the same failure, and raises it at the task.
        return True
