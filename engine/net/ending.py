"""Ending a case: explicit termination (WCP-43), implicit termination (WCP-11), deadlock, cancellation (WCP-20)."""

from typing import Any

from engine.case import Case, CaseStatus
from engine.draft import Draft
from engine.effects import Append, SettleItem
from engine.events import ChildEnded, ItemCompleted, SharedClosed
from engine.names import child_number, number_of
from engine.net import joins, timers
from engine.net.cancellation import sweep
from engine.spec.model import END, Net, Scope, Specification


def end(draft: Draft, status: CaseStatus, *, tell_parent: bool = True) -> None:
    """The case ends: what remains of it is cancelled. A failed one keeps its marking, which shows where it failed."""
    case = draft.case
    case.status = status
    case.ended_at = draft.at
    if status is not CaseStatus.FAILED:
        case.marking.clear()
        case.due.clear()
    for kept in case.kept:
        if isinstance(kept, ItemCompleted):
            draft.effects.append(SettleItem(kept.item, applied=False))
            draft.note("discarded", number=number_of(kept.item), detail=f"the case is {status}")
    case.triggers, case.kept = (), ()
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


def complete_or_deadlock(draft: Draft) -> None:
    """Decides what it means that nothing runs and nothing can start by itself any more."""
    case, state = draft.case, draft.state
    awaited = [task for waiting in draft.net.triggers.values() for task in waiting]
    if any(joins.enabled(task, state) for task in (*awaited, *draft.net.guarded)):
        # An event may come from outside, or data that a precondition waits for.
        return
    remaining = sum(case.marking.values()) - case.marking.get(END, 0)
    if draft.net.implicit_termination and remaining == 0:
        end(draft, CaseStatus.COMPLETED)
    else:
        case.status = CaseStatus.DEADLOCKED
        draft.note("deadlocked", detail=dict(case.marking))
