"""Ending a case: explicit termination (WCP-43), implicit termination (WCP-11), deadlock, cancellation (WCP-20)."""

from typing import Any

from engine.case import Case, CaseStatus, Ending, Handling
from engine.draft import Draft
from engine.effects import Append, DropCall, SettleItem
from engine.events import CaseCancelled, ChildEnded, ItemCompleted, SharedClosed
from engine.exceptions.outcomes import ABANDONED, note_outcome
from engine.names import child_id, child_number, number_of
from engine.net import timers
from engine.net.cancellation import stop_runs, sweep
from engine.spec.model import Net, Scope, Specification

COMPENSATION = "compensation"
"""What is being handled when a case compensates what it has done before it ends."""


def end(draft: Draft, status: CaseStatus, *, tell_parent: bool = True) -> None:
    """The case ends: what remains of it is cancelled. A failed one keeps its marking, which shows where it failed.

    What it has done is compensated before, unless it is complete.
    """
    case = draft.case
    _stop_handling(draft)
    if case.done and case.ending is None and status is not CaseStatus.COMPLETED:
        _compensate_first(draft, Ending(status, tell_parent))
        return
    case.status, case.ending, case.done = status, None, ()
    case.ended_at = draft.at
    if status is not CaseStatus.FAILED:
        case.marking.clear()
        case.due.clear()
    _discard_kept(draft, status)
    timers.clear_all(draft)
    draft.touched.clear()
    draft.note("ended", detail=status)
    if case.parent is None and _may_share_in_its_tree(draft.specification):
        draft.effects.append(Append(SharedClosed()))
    sweep(draft)
    if case.parent is not None and tell_parent:
        result = result_of(case, draft.net) if status is CaseStatus.COMPLETED else {}
        cause = f"{case.failure.kind}: {case.failure.message}" if case.failure else None
        draft.effects.append(Append(ChildEnded(child_number(case.id), status, result, cause), case.parent))


def _compensate_first(draft: Draft, ending: Ending) -> None:
    """The case is to end: everything stops, and what it has done is undone, the last first."""
    case = draft.case
    case.status, case.ending = CaseStatus.RUNNING, ending
    draft.note("ending", detail=ending.status)
    _discard_kept(draft, ending.status)
    if ending.status is not CaseStatus.FAILED:
        case.marking.clear()
        case.due.clear()
    timers.clear_all(draft)
    draft.touched.clear()
    stop_runs(draft)
    case.handling[draft.next_number()] = Handling(COMPENSATION, "", 0, 0, "", compensating=tuple(reversed(case.done)))
    draft.unsettled = True


def _discard_kept(draft: Draft, status: CaseStatus) -> None:
    """What a case kept for later comes too late."""
    case = draft.case
    for kept in case.kept:
        if isinstance(kept, ItemCompleted):
            draft.effects.append(SettleItem(kept.item, applied=False))
            draft.note("discarded", number=number_of(kept.item), detail=f"the case is {status}")
    case.triggers, case.kept = (), ()


def _stop_handling(draft: Draft) -> None:
    """Nothing is done about exceptions any more; what that waits for is called off."""
    for handled in draft.case.handling.values():
        for number, _ in handled.waits:
            draft.effects.append(Append(CaseCancelled("", "the case above it ended"), child_id(draft.case.id, number)))
        if handled.call:
            draft.effects.append(DropCall(draft.item(handled.call)))
        if handled.kind != COMPENSATION:
            note_outcome(draft, ABANDONED, handled)
    draft.case.handling.clear()


def _may_share_in_its_tree(specification: Specification) -> bool:
    """Whether cases of one tree may have shared something: of this specification, or of one that it runs."""
    for net in specification.nets.values():
        if any(each.shared is not None and each.shared.scope is Scope.CASE for each in net.shared.values()):
            return True
        below = (task.decomposition for task in net.tasks.values())
        if any(each is not None and each.specification is not None for each in below):
            return True
    return False


def result_of(case: Case, net: Net) -> dict[str, Any]:
    """What a completed case gives: its output variables, null where one was never set."""
    return {name: case.data.get(name) for name, variable in net.variables.items() if variable.output}
