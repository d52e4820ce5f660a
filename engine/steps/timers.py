"""Events of timers: one is due, and it is known when one will be."""

from collections.abc import Callable

from msgspec.structs import replace

from engine.case import WAITING, PendingTimer, RunState, TimerKind
from engine.draft import Draft
from engine.effects import SetTimer
from engine.events import DueAnswered, TimerFired
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import DATA_FAILURES, raise_data_exception, raise_exception
from engine.net import cancellation, firing
from engine.net.distribution import escalation
from engine.spec.model import Timer, TimerAction
from engine.steps import cases, distribution, exlets


def due_answered(draft: Draft, event: DueAnswered) -> None:
    """It is known when a timer is due."""
    pending = draft.case.timers.get(event.number)
    if pending is None:
        draft.note("ignored", number=event.number, detail="the timer was stopped")
        return
    draft.case.timers[event.number] = replace(pending, due=event.due)
    draft.effects.append(SetTimer(event.number, event.due))


def fired(draft: Draft, event: TimerFired) -> None:
    """A timer is due. One that was stopped meanwhile does nothing."""
    pending = draft.case.timers.get(event.number)
    if pending is None or pending.due != event.due:
        draft.note("ignored", number=event.number, detail="the timer was stopped")
        return
    del draft.case.timers[event.number]
    match pending.kind:
        case TimerKind.START:
            cases.begin(draft)
        case TimerKind.DEADLINE:
            raise_exception(draft, ExceptionKind.TIMEOUT, "", 0, "the case is not complete by its deadline")
        case TimerKind.DELAY:
            _delay_is_over(draft, pending)
        case TimerKind.OFFER:
            distribution.offer_timed_out(draft, pending.run)
        case TimerKind.LATE:
            distribution.late(draft, pending.run)
        case TimerKind.TASK:
            run = draft.case.runs[pending.run]
            timer = draft.task(run.task).timers[pending.nth]
            draft.note("timer", run.task, pending.run, timer.action)
            _ACTIONS[timer.action](draft, pending.run, timer)


def _delay_is_over(draft: Draft, pending: PendingTimer) -> None:
    run = draft.case.runs[pending.run]
    draft.case.runs[pending.run] = replace(run, state=RunState.READY)
    draft.touched.update(draft.task(run.task).inputs)
    draft.unsettled = True


def _remind(draft: Draft, number: int, timer: Timer) -> None:
    """That it was due stands in the journal, and the commit keeps a notice of it (`engine.store.happenings`)."""


def _skip(draft: Draft, number: int, timer: Timer) -> None:
    if draft.case.runs[number].state in (RunState.ENABLED, RunState.REPEATING):
        _complete(draft, number, timer)


def _complete(draft: Draft, number: int, timer: Timer) -> None:
    exlets.complete_by_force(draft, number)


def _cancel(draft: Draft, number: int, timer: Timer) -> None:
    run = draft.case.runs[number]
    if run.state in WAITING:
        firing.take_tokens(draft, draft.task(run.task))
    cancellation.leave(draft, number, RunState.CANCELLED)


def _raise(draft: Draft, number: int, timer: Timer) -> None:
    run = draft.case.runs[number]
    message = f"{run.task} is not done in the time it has since it was {timer.start}"
    raise_exception(draft, ExceptionKind.TIMEOUT, run.task, number, message, run=number, live=True)


def _escalate(draft: Draft, number: int, timer: Timer) -> None:
    """The item goes to others, whoever has it (resource pattern 28). Who they are is asked for."""
    run = draft.case.runs[number]
    assert timer.offer is not None, "a timer that escalates says to whom"
    try:
        draft.effects.append(escalation(draft, draft.task(run.task), draft.item(number), timer.offer))
    except DATA_FAILURES as failure:
        raise_data_exception(draft, run.task, number, failure, live=True)


_ACTIONS: dict[TimerAction, Callable[[Draft, int, Timer], None]] = {
    TimerAction.REMIND: _remind,
    TimerAction.SKIP: _skip,
    TimerAction.COMPLETE: _complete,
    TimerAction.CANCEL: _cancel,
    TimerAction.ESCALATE: _escalate,
    TimerAction.EXCEPTION: _raise,
}
