"""Raising a workflow exception: it is journaled with its cause, and the rules are asked what to do.

What happens then is `engine.steps.exlets`: the conclusion of a rule, else the nearest `on` of the specification. What
nobody handles fails the item and then the case, visibly; some kinds (`BENIGN`) the case survives.
"""

from engine.case import CaseStatus, Failure, Handling
from engine.data.expressions import ExpressionFailed, TemplateFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import AskRule
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.outcomes import note_unhandled
from engine.executions import execution_of
from engine.net.ending import end

LONGEST_MESSAGE = 2_000
"""Characters of a cause that are kept: enough to read, too few to fill a case with a page of HTML."""

MOST_HANDLED = 100
"""Exceptions of one case that are handled at a time. One more fails it: it has become a source of them."""


class BoundExceeded(Exception):
    """What the data asks for lies outside the bounds that the specification sets."""


DATA_FAILURES = (ValidationFailed, TemplateFailed, ExpressionFailed, BoundExceeded)
"""What working out an input, a configuration, a predicate or a number of instances may raise."""

DataFailure = ValidationFailed | TemplateFailed | ExpressionFailed | BoundExceeded


def raise_exception(
    draft: Draft,
    kind: ExceptionKind,
    task: str,
    number: int,
    message: str,
    *,
    run: int | None = None,
    live: bool = False,
    trigger: str | None = None,
) -> None:
    """Raises an exception at a task, and at its item, call or child when it has one (`number`).

    `run` is the run that one belongs to, where it is not known by it. `live`: what it has out goes on nevertheless.
    `trigger` is what happened outside.
    """
    cause = message[:LONGEST_MESSAGE]
    draft.note("raised", task, number, {"kind": kind, "message": cause})
    if run is None:
        found = execution_of(draft.case, number) if number and number not in draft.case.runs else None
        run = found.number if found is not None else number if number in draft.case.runs else 0
    if any((each.kind, each.task, each.run) == (kind, task, run) for each in draft.case.handling.values()):
        draft.note("ignored", task, number, f"{kind} is being handled there already")
        return
    if len(draft.case.handling) >= MOST_HANDLED:
        note_unhandled(draft, kind, task, number, cause)
        fail_case(draft, kind, cause, task, number)
        return
    handled = draft.next_number()
    draft.case.handling[handled] = Handling(kind, task, run, number, cause, lost=bool(task) and not live, at=draft.at)
    draft.unsettled = True
    item = draft.item(number) if number else None
    draft.effects.append(AskRule(handled, kind, task, item, cause, trigger))


def raise_data_exception(
    draft: Draft, task: str, number: int, failure: DataFailure, *, run: int | None = None, live: bool = False
) -> None:
    """Raises what failed data means: it does not fit, or it breaks a rule of the specification."""
    raise_exception(draft, kind_of(failure), task, number, str(failure), run=run, live=live)


def kind_of(failure: DataFailure) -> ExceptionKind:
    """What failed data means."""
    broken = isinstance(failure, ExpressionFailed | BoundExceeded)
    return ExceptionKind.CONSTRAINT_VIOLATION if broken else ExceptionKind.VALIDATION_ERROR


def fail_case(draft: Draft, kind: str, message: str, task: str = "", number: int = 0) -> None:
    """The case fails for what nobody handles, or for what nothing could be done about."""
    item = draft.item(number) if number else None
    draft.case.failure = Failure(kind, message[:LONGEST_MESSAGE], task, item)
    end(draft, CaseStatus.FAILED)
