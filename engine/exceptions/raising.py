"""Raising a workflow exception: it is journaled with its cause; what nobody handles fails the case, visibly."""

from engine.case import CaseStatus, Failure
from engine.data.expressions import ExpressionFailed, TemplateFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.exceptions.kinds import ExceptionKind
from engine.net.ending import end

LONGEST_MESSAGE = 2_000
"""Characters of a cause that are kept: enough to read, too few to fill a case with a page of HTML."""


class BoundExceeded(Exception):
    """What the data asks for lies outside the bounds that the specification sets."""


DATA_FAILURES = (ValidationFailed, TemplateFailed, ExpressionFailed, BoundExceeded)
"""What working out an input, a configuration, a predicate or a number of instances may raise."""

DataFailure = ValidationFailed | TemplateFailed | ExpressionFailed | BoundExceeded


def raise_exception(draft: Draft, kind: ExceptionKind, task: str, number: int, message: str) -> None:
    """Raises an exception at a task (and its run, when it has one)."""
    cause = message[:LONGEST_MESSAGE]
    draft.note("raised", task, number, {"kind": kind, "message": cause})
    item = draft.item(number) if number else None
    draft.case.failure = Failure(kind, cause, task, item)
    end(draft, CaseStatus.FAILED)


def raise_data_exception(draft: Draft, task: str, number: int, failure: DataFailure) -> None:
    """Raises what failed data means: it does not fit, or it breaks a rule of the specification."""
    broken = isinstance(failure, ExpressionFailed | BoundExceeded)
    kind = ExceptionKind.CONSTRAINT_VIOLATION if broken else ExceptionKind.VALIDATION_ERROR
    raise_exception(draft, kind, task, number, str(failure))
