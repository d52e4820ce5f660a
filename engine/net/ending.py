"""Ending a case: explicit termination (WCP-43), implicit termination (WCP-11), deadlock, cancellation (WCP-20)."""

from engine.case import CaseStatus, Run
from engine.draft import Draft
from engine.effects import Append, DropCall, MoveItem
from engine.events import Continued
from engine.items.work_item import ItemState
from engine.spec.model import END, Kind

SWEPT_PER_STEP = 200
"""Runs that one step may clear away: a commit touches two to three keys for each, and no more than 500 in all."""


def end(draft: Draft, status: CaseStatus) -> None:
    """The case ends: what remains of it is cancelled. A failed one keeps its marking, which shows where it failed."""
    draft.case.status = status
    draft.case.ended_at = draft.at
    if status is not CaseStatus.FAILED:
        draft.case.marking.clear()
    draft.touched.clear()
    draft.note("ended", detail=status)
    sweep(draft)


def sweep(draft: Draft) -> None:
    """Clears away what an ended case has left running, in bounded chunks."""
    runs = draft.case.runs
    for number in list(runs)[:SWEPT_PER_STEP]:
        drop(draft, number, ItemState.CANCELLED)
    if runs:
        draft.effects.append(Append(Continued()))


def drop(draft: Draft, number: int, state: ItemState) -> Run:
    """Takes a run out of the case; its item goes to `state`, its call is forgotten."""
    run = draft.case.runs.pop(number)
    item = draft.item(number)
    if draft.task(run.task).kind is Kind.HUMAN:
        draft.effects.append(MoveItem(item, state))
    else:
        draft.effects.append(DropCall(item))
    draft.note(state, run.task, number)
    return run


def complete_or_deadlock(draft: Draft) -> None:
    """Decides what it means that nothing runs and nothing can be taken any more."""
    case = draft.case
    remaining = sum(case.marking.values()) - case.marking.get(END, 0)
    if draft.net.implicit_termination and remaining == 0:
        end(draft, CaseStatus.COMPLETED)
    else:
        case.status = CaseStatus.DEADLOCKED
        draft.note("deadlocked", detail=dict(case.marking))
