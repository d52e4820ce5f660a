"""Completion: a net has reached its end, and what it is to ensure holds; or what remains of it waits, or is stuck."""

from engine.case import CaseStatus, Handling
from engine.draft import Draft
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import DATA_FAILURES, kind_of, raise_data_exception
from engine.net import guards, joins
from engine.net.ending import end
from engine.spec.model import END


def complete(draft: Draft) -> None:
    """The case completes; unless what its net is to ensure does not hold, which is an exception of the case."""
    if any(map(_is_of_the_whole, draft.case.handling.values())):
        # What is being done about it may lead elsewhere.
        return
    try:
        guards.check_completion(draft)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, "", 0, failure)
        return
    end(draft, CaseStatus.COMPLETED)


def unmet(draft: Draft, handled: Handling) -> str | None:
    """Why the case still cannot complete, after something was done about just that."""
    if not _is_of_the_whole(handled) or not is_at_end(draft):
        return None
    try:
        guards.check_completion(draft)
    except DATA_FAILURES as failure:
        return f"{kind_of(failure)} still, after it was handled: {failure}"
    return None


def is_at_end(draft: Draft) -> bool:
    """Whether nothing of the net is left to be done."""
    if draft.net.implicit_termination:
        return not draft.case.runs and sum(draft.case.marking.values()) == draft.case.marking.get(END, 0)
    return END in draft.case.marking


def completes_or_waits(draft: Draft) -> bool:
    """What it means that nothing runs and nothing can start by itself any more.

    The case is complete, or something may still happen; returns False where it is deadlocked.
    """
    case, state = draft.case, draft.state
    awaited = [task for waiting in draft.net.triggers.values() for task in waiting]
    if case.handling or any(joins.enabled(task, state) for task in (*awaited, *draft.net.guarded)):
        # Something is being done about it, an event may come from outside, or data that a precondition waits for.
        return True
    remaining = sum(case.marking.values()) - case.marking.get(END, 0)
    if draft.net.implicit_termination and remaining == 0:
        complete(draft)
        return True
    return False


def _is_of_the_whole(handled: Handling) -> bool:
    return not handled.task and handled.kind in (ExceptionKind.CONSTRAINT_VIOLATION, ExceptionKind.VALIDATION_ERROR)
