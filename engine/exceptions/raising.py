"""Raising a workflow exception: it is journaled with its cause; what nobody handles fails the case, visibly."""

from engine.case import CaseStatus, Failure
from engine.draft import Draft
from engine.exceptions.kinds import ExceptionKind
from engine.net.ending import end

LONGEST_MESSAGE = 2_000
"""Characters of a cause that are kept: enough to read, too few to fill a case with a page of HTML."""


def raise_exception(draft: Draft, kind: ExceptionKind, task: str, number: int, message: str) -> None:
    """Raises an exception at a task (and its run, when it has one)."""
    cause = message[:LONGEST_MESSAGE]
    draft.note("raised", task, number, {"kind": kind, "message": cause})
    item = draft.item(number) if number else None
    draft.case.failure = Failure(kind, cause, task, item)
    end(draft, CaseStatus.FAILED)
