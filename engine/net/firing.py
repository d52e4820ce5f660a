"""Firing: a task takes its tokens and starts; it completes and gives tokens on.

Everything that can fail (mappings, templates, predicates) is worked out before the first token moves, so a task that
raises leaves the marking as it was.
"""

from typing import Any

from engine.case import Run, RunState
from engine.data.expressions import ExpressionFailed, TemplateFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import Call, DropCall, PlaceCall
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.net import joins, marking, splits
from engine.spec.model import Flow, Kind, Task


def take_tokens(draft: Draft, task: Task) -> None:
    """Takes the tokens that one firing of the task needs."""
    for place in joins.taken(task, draft.case.marking):
        marking.remove(draft.case.marking, place)
        draft.touched.add(place)


def start_automated(draft: Draft, task: Task) -> None:
    """Fires an automated task: its call is placed."""
    call = task.call
    assert call is not None, f"automated task {task.name} without a connector passed verification"
    try:
        given = input_of(draft, task)
        config = call.config.value if call.config.static else call.config.render(draft.variables)
    except (ValidationFailed, TemplateFailed, ExpressionFailed) as failure:
        raise_data_exception(draft, task, 0, failure)
        return
    take_tokens(draft, task)
    number = draft.next_number()
    draft.case.runs[number] = Run(task.name, RunState.EXECUTING)
    draft.created += 1
    draft.effects.append(
        PlaceCall(
            Call(
                draft.item(number),
                task.name,
                call.connector,
                config,
                given,
                call.timeout_s,
                call.retry.attempts,
                draft.at,
                draft.case.correlation_id,
            )
        )
    )
    draft.note("fired", task.name, number)


def pass_through(draft: Draft, task: Task) -> None:
    """Fires and completes a routing task at once."""
    try:
        flows = splits.chosen(task, draft.variables)
    except ExpressionFailed as failure:
        raise_data_exception(draft, task, 0, failure)
        return
    take_tokens(draft, task)
    _give(draft, flows)
    draft.note("fired", task.name)


def complete(draft: Draft, number: int, output: Any, *, mapped: bool = True) -> bool:
    """Completes a run: its output is mapped into the case's data and its tokens flow, or an exception is raised.

    `mapped=False` completes it without output (a skipped item). Returns whether the tokens have flowed.
    """
    task = draft.task(draft.case.runs[number].task)
    try:
        changes = task.output.apply(output, draft.variables) if mapped and task.output is not None else {}
        flows = splits.chosen(task, {**draft.variables, **changes})
    except (ValidationFailed, ExpressionFailed) as failure:
        raise_data_exception(draft, task, number, failure)
        return False
    draft.set_data(changes)
    del draft.case.runs[number]
    if task.kind is Kind.AUTOMATED:
        draft.effects.append(DropCall(draft.item(number)))
    _give(draft, flows)
    draft.note("completed", task.name, number, sorted(changes) if changes else None)
    return True


def input_of(draft: Draft, task: Task) -> dict[str, Any]:
    """The input of a task, mapped from the case's data."""
    return task.input.apply(draft.variables) if task.input is not None else {}


def raise_data_exception(
    draft: Draft, task: Task, number: int, failure: ValidationFailed | TemplateFailed | ExpressionFailed
) -> None:
    """Raises what a failed expression, template or mapping means: data that breaks a rule of the specification."""
    kind = (
        ExceptionKind.CONSTRAINT_VIOLATION if isinstance(failure, ExpressionFailed) else ExceptionKind.VALIDATION_ERROR
    )
    raise_exception(draft, kind, task.name, number, str(failure))


def _give(draft: Draft, flows: tuple[Flow, ...]) -> None:
    for flow in flows:
        marking.add(draft.case.marking, flow.place)
        draft.touched.add(flow.place)
