"""Timers: of a task that waits or was started, of one that is to wait, of the case. They are due once.

When a timer is due is worked out before anything changes, like everything that can fail. Where only working days
count, the calendar is asked, and the answer is an event.
"""

from typing import NamedTuple

from engine.case import PendingTimer, RunState, TimerKind
from engine.data.mapping import MISSING, Source, ValidationFailed
from engine.data.moments import MomentInvalid, later, moment
from engine.draft import Draft
from engine.effects import AskDue, ClearTimer, Effect, SetTimer
from engine.errors import Problem
from engine.spec.model import Task, TimerStart, When

_RUNNING_IN = {
    RunState.ENABLED: frozenset({TimerStart.ENABLED}),
    RunState.REPEATING: frozenset({TimerStart.ENABLED}),
    # What starts by itself is enabled and started in one.
    RunState.EXECUTING: frozenset(TimerStart),
}


class Due(NamedTuple):
    """A timer that is to run: what for (of a task, the `nth` of its timers), and when it is due (or the question)."""

    kind: TimerKind
    nth: int
    due: int
    question: AskDue | None = None


def of_run(draft: Draft, task: Task, state: RunState) -> list[Due]:
    """The timers that begin with a run in this state. Raises `ValidationFailed`, `ExpressionFailed`."""
    late = task.offer.late if task.offer is not None else None
    dues = []
    if late is not None and late.after is not None:
        dues.append(Due(TimerKind.LATE, 0, later(draft.at, late.after)))
    if task.timers:
        starts = _RUNNING_IN[state]
        dues += [
            due_of(draft, timer.when, TimerKind.TASK, nth)
            for nth, timer in enumerate(task.timers)
            if timer.start in starts
        ]
    return dues


def of_start(draft: Draft, task: Task) -> list[Due]:
    """The timers that begin when a waiting run is started. Raises `ValidationFailed`, `ExpressionFailed`."""
    return [
        due_of(draft, timer.when, TimerKind.TASK, nth)
        for nth, timer in enumerate(task.timers)
        if timer.start is TimerStart.STARTED
    ]


def due_of(draft: Draft, when: When, kind: TimerKind, nth: int = 0) -> Due:
    """When something is due, counted from now. Raises `ValidationFailed`, `ExpressionFailed`."""
    try:
        if when.at is not None:
            return Due(kind, nth, moment(_text(draft, when.at)))
        assert when.after is not None, "a moment or a duration"
        after = _text(draft, when.after)
        due = later(draft.at, after)
    except MomentInvalid as invalid:
        raise ValidationFailed((Problem("timer", str(invalid)),)) from invalid
    if when.workdays is None:
        return Due(kind, nth, due)
    return Due(kind, nth, 0, AskDue(0, draft.at, after, when.workdays))


def run(draft: Draft, dues: list[Due], number: int = 0) -> None:
    """Lets timers run, for a run or for the case as a whole."""
    for kind, nth, due, question in dues:
        timer = draft.next_number()
        draft.case.timers[timer] = PendingTimer(kind, number, nth, due)
        effect: Effect = SetTimer(timer, due)
        if question is not None:
            effect = AskDue(timer, question.start, question.after, question.workdays)
        draft.effects.append(effect)


def clear(draft: Draft, number: int) -> None:
    """Stops the timers of a run."""
    if draft.case.timers:
        for timer, pending in list(draft.case.timers.items()):
            if pending.run == number:
                _stop(draft, timer, pending)


def clear_of_kind(draft: Draft, number: int, kind: TimerKind) -> None:
    """Stops the timers of a run that are for one thing."""
    for timer, pending in list(draft.case.timers.items()):
        if pending.run == number and pending.kind is kind:
            _stop(draft, timer, pending)


def clear_all(draft: Draft) -> None:
    """Stops all timers of the case."""
    for timer, pending in list(draft.case.timers.items()):
        _stop(draft, timer, pending)


def _stop(draft: Draft, timer: int, pending: PendingTimer) -> None:
    del draft.case.timers[timer]
    if pending.due:
        draft.effects.append(ClearTimer(timer, pending.due))


def _text(draft: Draft, source: Source) -> str:
    value = source.read(draft.variables, draft.variables)
    if not isinstance(value, str):
        found = "nothing" if value is MISSING or value is None else repr(value)
        raise ValidationFailed((Problem("timer", f"a moment or a duration is a text, not {found}"),))
    return value
