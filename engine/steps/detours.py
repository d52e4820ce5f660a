"""Events of detours that touch tokens: work is done again, or ahead of its time."""

from engine.case import CaseStatus
from engine.draft import Draft
from engine.effects import SettleItem
from engine.errors import Conflict
from engine.events import ItemRedone, OutputAnswered, TaskBroughtForward
from engine.executions import execution_of
from engine.names import number_of
from engine.net import ahead, firing, redoing


def redone(draft: Draft, event: ItemRedone) -> None:
    """A completed item is done again. Raises `Conflict` (`cannot_redo`, `case_suspended`, `case_not_running`)."""
    _refuse_unless_running(draft)
    redoing.redo(draft, event)


def brought_forward(draft: Draft, event: TaskBroughtForward) -> None:
    """A task's item is made ahead of time. Raises `Conflict` (`cannot_pre_do`, ...)."""
    _refuse_unless_running(draft)
    ahead.bring_forward(draft, event.task)


def output_answered(draft: Draft, event: OutputAnswered) -> None:
    """What came of an item that was completed ahead of time is applied."""
    found = execution_of(draft.case, number_of(event.item))
    applied = found is not None and not draft.case.ended and firing.complete(draft, found.number, event.output)
    draft.effects.append(SettleItem(event.item, applied))


def _refuse_unless_running(draft: Draft) -> None:
    case = draft.case
    if case.status is CaseStatus.SUSPENDED:
        raise Conflict(f"case {case.id} is suspended", code="case_suspended")
    if case.status is not CaseStatus.RUNNING:
        raise Conflict(f"case {case.id} is {case.status}", code="case_not_running")
