"""Suspending a case and all below it: it stands still, and what arrives meanwhile is kept until it goes on."""

from collections.abc import Iterator

from engine import events
from engine.case import BUSY, CaseStatus, RunState
from engine.draft import SWEPT_PER_STEP, Draft
from engine.effects import Append, Question
from engine.events import CaseResumed, CaseSuspended, Continued, Event
from engine.names import child_id, number_of
from engine.spec.model import Kind

KEPT = frozenset(
    {
        events.CallAnswered,
        events.CallFailed,
        events.ChildEnded,
        events.ExceptionRaised,
        events.ItemCompleted,
        events.ItemReturned,
        events.ItemTaken,
        events.TimerFired,
        events.TriggerPosted,
    }
)
"""What is kept while a case is suspended. Everything else is a person's wish, and is refused or done at once."""

TAKEN_PER_STEP = 64
"""Kept events that one step takes again."""


def keeps(draft: Draft, event: Event) -> bool:
    """Keeps an event that a suspended case cannot take now, or that came behind kept ones. Whether it did."""
    case = draft.case
    if (
        isinstance(event, Continued)
        and case.status is CaseStatus.SUSPENDED
        and not any(each.reached for each in case.handling.values())
    ):
        # Whoever resumes the case goes on with everything, and needs no wish from before.
        case.continuing = False
        return True
    if case.handling and _is_for_exlet(draft, event):
        # What is done about an exception goes on while the case stands still: it may be what lets it go on.
        return False
    waits = case.status is CaseStatus.RUNNING and bool(case.kept)
    if type(event) not in KEPT or not (waits or case.status is CaseStatus.SUSPENDED):
        return False
    case.kept = (*case.kept, event)
    draft.note("kept", detail="the case is suspended" if not waits else "others come before it")
    return True


def _is_for_exlet(draft: Draft, event: Event) -> bool:
    """Whether an exlet waits for an event."""
    handled = draft.case.handling.values()
    if isinstance(event, events.ChildEnded):
        return any(event.number == child for each in handled for child, _ in each.waits)
    if isinstance(event, events.CallAnswered | events.CallFailed):
        return any(number_of(event.item) in (each.call, each.undoing) for each in handled)
    return False


def taken_again(draft: Draft, event: Event) -> Iterator[Event]:
    """The kept events that a case takes now that it goes on, in the order in which they came, as many as a step may.

    They stand in the journal where they were kept. One that leads to a question is the last: the next may depend on
    the answer.
    """
    if not isinstance(event, CaseResumed | Continued):
        return
    for _ in range(TAKEN_PER_STEP):
        case = draft.case
        asks = any(isinstance(effect, Question) for effect in draft.effects)
        if not case.kept or case.status is not CaseStatus.RUNNING or draft.full or asks:
            break
        first, case.kept = case.kept[0], case.kept[1:]
        yield first
    if draft.case.kept and draft.case.status is CaseStatus.RUNNING:
        draft.postponed = True


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
    """The case goes on; it takes what it kept before anything newer (`taken_again`)."""
    if not event.after:
        if draft.case.status is not CaseStatus.SUSPENDED:
            draft.note("ignored", detail=f"the case is {draft.case.status}")
            return
        draft.case.status = CaseStatus.RUNNING
        draft.note("resumed")
        draft.postponed = True
        draft.touched.update(draft.case.marking)
        draft.freed.update(draft.net.mutexes)
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
