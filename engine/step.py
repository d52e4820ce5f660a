"""The one door of the kernel: a case and an event give the case after it, what to write down, and what to do.

`step` is a pure function: the same specification, case, event and time always give the same result. What it needs
beyond them it asks for as an effect, and the answer comes back as an event.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from engine import events
from engine.case import Case, CaseStatus
from engine.draft import Draft
from engine.effects import Append, Effect
from engine.events import Continued, Event
from engine.journal import Note
from engine.net.settling import settle
from engine.spec.model import Specification
from engine.steps import (
    calls,
    cases,
    children,
    detours,
    distribution,
    exceptions,
    exlets,
    instances,
    items,
    migration,
    shared,
    suspension,
    timers,
    triggers,
)


class Step(NamedTuple):
    """What an event did: the case after it, the notes for its journal entry, and what is to be done."""

    case: Case
    at: int
    notes: tuple[Note, ...]
    effects: tuple[Effect, ...]


STEPS: dict[type, Callable[[Draft, Any], None]] = {
    events.CaseSubmitted: cases.submitted,
    events.CaseCancelled: cases.cancelled,
    events.Continued: cases.continued,
    events.CaseFaulted: cases.faulted,
    events.CaseRetried: cases.retried,
    events.CaseMigrated: migration.migrated,
    events.CaseSuspended: suspension.suspended,
    events.CaseResumed: suspension.resumed,
    events.TriggerPosted: triggers.posted,
    events.TimerFired: timers.fired,
    events.DueAnswered: timers.due_answered,
    events.InstanceAdded: instances.added,
    events.InstancesGathered: instances.gathered,
    events.SpecificationAnswered: children.specification_answered,
    events.ChildEnded: children.ended,
    events.SharedAnswered: shared.answered,
    events.SharedChanged: shared.changed,
    events.SharedClosed: shared.closed,
    events.DataGiven: cases.data_given,
    events.ItemStarted: items.started,
    events.ItemCompleted: items.completed,
    events.ItemFailed: items.failed,
    events.ItemSkipped: items.skipped,
    events.ItemCancelled: items.cancelled,
    events.ItemRedone: detours.redone,
    events.TaskBroughtForward: detours.brought_forward,
    events.OutputAnswered: detours.output_answered,
    events.ItemMoved: items.moved,
    events.ItemUpdated: items.moved,
    events.Distributed: distribution.distributed,
    events.ItemReturned: distribution.returned,
    events.ItemTaken: distribution.taken,
    events.AllocatedAnswered: distribution.allocated_answered,
    events.ClaimsAnswered: items.claims_answered,
    events.CallAnswered: calls.answered,
    events.CallFailed: calls.failed,
    events.ExceptionRaised: exceptions.raised,
    events.RuleAnswered: exlets.rule_answered,
    events.PointFound: exlets.point_found,
    events.WorkletPicked: children.worklet_picked,
    events.WorkletReplaced: children.worklet_replaced,
}


def step(specification: Specification, case: Case, event: Event, at: int) -> Step:
    """One step of a case. `at` is the event's time in milliseconds since 1970; the given case is left as it is.

    `specification` is the one the case runs; of a migration it is the one the case is to run from now on.

    Raises a `Refusal` where a person asked for a move that the case no longer allows; nothing has changed then.
    """
    draft = Draft(specification, case, at)
    if not isinstance(event, Continued):
        draft.case.unrested = 0
    if not suspension.keeps(draft, event):
        _handle(draft, event)
        for kept in suspension.taken_again(draft, event):
            _handle(draft, kept)
    if draft.postponed and not draft.case.continuing:
        draft.case.continuing = True
        draft.effects.append(Append(Continued()))
    draft.case.revision += 1
    draft.case.updated_at = draft.at
    return Step(draft.case, draft.at, tuple(draft.notes), tuple(draft.effects))


def _handle(draft: Draft, event: Event) -> None:
    """What an event does to a case, and what follows from it by itself."""
    STEPS[type(event)](draft, event)
    if draft.case.handling:
        exlets.advance(draft)
    if draft.case.status is CaseStatus.RUNNING and (draft.touched or draft.unsettled or draft.case.is_idle):
        settle(draft)
    draft.unsettled = False
    if draft.freed and draft.case.status is CaseStatus.RUNNING:
        distribution.start_allocated(draft)
