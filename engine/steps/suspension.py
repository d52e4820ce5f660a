"""Suspending a case and all below it: it stands still, and what arrives meanwhile is kept until it goes on."""

from engine import events
from engine.case import BUSY, CaseStatus, RunState
from engine.draft import SWEPT_PER_STEP, Draft
from engine.effects import Append
from engine.events import CaseResumed, CaseSuspended, Event
from engine.names import child_id
from engine.spec.model import Kind

KEPT = frozenset(
    {
        events.CallAnswered,
        events.CallFailed,
        events.ChildEnded,
        events.Continued,
        events.ItemCompleted,
        events.TimerFired,
        events.TriggerPosted,
    }
)
"""What is kept while a case is suspended. Everything else is a person's wish, and is refused or done at once."""


def keeps(draft: Draft, event: Event) -> bool:
    """Keeps an event that a suspended case cannot take now. Whether it did."""
    if draft.case.status is not CaseStatus.SUSPENDED or type(event) not in KEPT:
        return False
    draft.case.kept = (*draft.case.kept, event)
    draft.note("kept", detail="the case is suspended")
    return True


def suspended(draft: Draft, event: CaseSuspended) -> None:
    """The case stands still, and so do the cases below it."""
    if not event.after:
        if draft.case.status is not CaseStatus.RUNNING:
            draft.note("ignored", detail=f"the case is {draft.case.status}")
            return
        draft.case.status = CaseStatus.SUSPENDED
        draft.note("suspended")
    if draft.case.status is CaseStatus.SUSPENDED:
        _tell_children(draft, event)


def resumed(draft: Draft, event: CaseResumed) -> None:
    """The case goes on, and takes what it kept in the order in which it came."""
    if not event.after:
        if draft.case.status is not CaseStatus.SUSPENDED:
            draft.note("ignored", detail=f"the case is {draft.case.status}")
            return
        draft.case.status = CaseStatus.RUNNING
        draft.note("resumed")
        draft.effects += [Append(kept) for kept in draft.case.kept]
        draft.case.kept = ()
        draft.touched.update(draft.case.marking)
        draft.unsettled = True
    if draft.case.status is CaseStatus.RUNNING:
        _tell_children(draft, event)


def _tell_children(draft: Draft, event: CaseSuspended | CaseResumed) -> None:
    """Passes the wish on to the children, as many as a step may; the rest are told by the next one."""
    told = 0
    for number in _children(draft):
        if number <= event.after:
            continue
        if told == SWEPT_PER_STEP:
            draft.effects.append(Append(type(event)(event.by, number - 1)))
            return
        draft.effects.append(Append(type(event)(event.by), child_id(draft.case.id, number)))
        told += 1


def _children(draft: Draft) -> list[int]:
    """The numbers of the children that may still run, in order."""
    numbers: list[int] = []
    for number, run in draft.case.runs.items():
        if draft.task(run.task).kind is not Kind.COMPOSITE or run.state not in BUSY | {RunState.RELEASED}:
            continue
        if run.instances is None:
            numbers.append(number)
        else:
            numbers += [run.instances.number(index) for index in range(run.instances.created)]
    return sorted(numbers)
