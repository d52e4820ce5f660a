"""Events of the case as a whole: it begins, goes on, is suspended, resumed, cancelled, stands still after a fault."""

from engine.case import LEFT, Case, CaseStatus, TimerKind
from engine.case_input import given_data_problems, input_problems
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.events import CaseCancelled, CaseFaulted, CaseRetried, CaseSubmitted, Continued, DataGiven
from engine.exceptions.outcomes import note_unhandled
from engine.exceptions.raising import DATA_FAILURES, LONGEST_MESSAGE, DataFailure, fail_case, kind_of
from engine.net import cancellation, firing, guards, instances, marking, sharing, timers
from engine.net.ending import end
from engine.spec.model import START


def submitted(draft: Draft, event: CaseSubmitted) -> None:
    """The case begins: its variables are set and the start condition gets its token."""
    case = draft.case
    if case.status is not CaseStatus.SUBMITTED or case.timers:
        draft.note("ignored", detail="the case has begun already")
        return
    case.status = CaseStatus.RUNNING
    draft.set_data({name: v.default for name, v in draft.net.variables.items() if v.has_default})
    draft.set_data(event.data)
    # What a person gives was checked when it came; what a parent gives is checked here.
    problems = input_problems(draft.net, event.data) if case.parent is not None else []
    if problems:
        _cannot_begin(draft, ValidationFailed(tuple(problems)))
        return
    if event.not_before > draft.at:
        case.status = CaseStatus.SUBMITTED
        timers.run(draft, [timers.Due(TimerKind.START, 0, event.not_before)])
        draft.note("waits", detail=event.not_before)
        return
    begin(draft)


def begin(draft: Draft) -> None:
    """The case begins, once it is known what stands in the variables that it shares."""
    if not draft.net.shared:
        begin_net(draft)
        return
    draft.case.status = CaseStatus.SUBMITTED
    ask_shared(draft, begins=True)


def ask_shared(draft: Draft, *, begins: bool = False) -> None:
    """Asks for what the case shares."""
    try:
        draft.effects.append(sharing.question(draft, begins=begins))
    except DATA_FAILURES as failure:
        _cannot_begin(draft, failure)


def begin_net(draft: Draft) -> None:
    """The net begins: the start condition gets its token, and the time until the deadline runs."""
    draft.case.status = CaseStatus.RUNNING
    if draft.net.requires is not None:
        try:
            guards.check_beginning(draft)
        except DATA_FAILURES as failure:
            _cannot_begin(draft, failure)
            return
    deadline = draft.specification.deadline
    if deadline is not None and draft.case.parent is None:
        try:
            timers.run(draft, [timers.due_of(draft, deadline, TimerKind.DEADLINE)])
        except (ValidationFailed, ExpressionFailed) as failure:
            _cannot_begin(draft, failure)
            return
    marking.add(draft.case.marking, START)
    draft.touched.add(START)
    for task in draft.net.early:
        firing.announce(draft, task)


def _cannot_begin(draft: Draft, failure: DataFailure) -> None:
    """There is no case yet in which anything could be done about it."""
    kind = kind_of(failure)
    message = str(failure)[:LONGEST_MESSAGE]
    draft.note("raised", detail={"kind": kind, "message": message})
    note_unhandled(draft, kind, "", 0, message)
    fail_case(draft, kind, str(failure))


def data_given(draft: Draft, event: DataGiven) -> None:
    """Somebody outside sets variables of the case; what waits for them is looked at again."""
    if draft.case.ended:
        draft.note("ignored", detail=f"the case is {draft.case.status}")
        return
    problems = given_data_problems(draft.net, event.data)
    if problems:
        # The case went to another version meanwhile.
        draft.note("refused", detail="; ".join(f"{path}: {message}" for path, message in problems))
        return
    draft.set_data(event.data)
    draft.note("given", detail=sorted(event.data))


def cancelled(draft: Draft, event: CaseCancelled) -> None:
    """The whole case is cancelled (WCP-20), and those below it. Nobody is named where the case above does it."""
    if draft.case.ended or draft.case.ending is not None:
        draft.note("ignored", detail=f"the case is {draft.case.status}" if draft.case.ended else "it is about to end")
        return
    end(draft, CaseStatus.CANCELLED, tell_parent=bool(event.by))


def continued(draft: Draft, event: Continued) -> None:
    """A step that had reached its bound goes on: with clearing away, with instances, or with what can be taken."""
    draft.case.continuing = False
    cancellation.sweep(draft)
    if draft.case.ended:
        return
    for number, run in list(draft.case.runs.items()):
        group = run.instances
        growing = group is not None and group.created < group.planned and run.state not in LEFT
        growing = growing and not any(each.lost and each.run == number for each in draft.case.handling.values())
        if growing and number in draft.case.runs:
            instances.grow(draft, number)
    draft.touched.update(draft.case.marking)
    draft.unsettled = True


def faulted(draft: Draft, event: CaseFaulted) -> None:
    """An event of this case could not be handled. It stands still until somebody retries or cancels."""
    if not draft.case.ended:
        stand_still(draft.case)
        draft.note("faulted", detail=event.error)


def retried(draft: Draft, event: CaseRetried) -> None:
    """A faulted case goes on as it stood before; what was set aside follows."""
    case = draft.case
    if case.status is not CaseStatus.FAULTED or case.before_fault is None:
        draft.note("ignored", detail=f"the case is {case.status}")
        return
    case.status, case.before_fault = case.before_fault, None
    draft.note("retried", detail="without the event that raised" if event.drop else None)


def stand_still(case: Case) -> None:
    """A case that is faulted remembers how it stood."""
    if case.status is not CaseStatus.FAULTED:
        case.before_fault = case.status
    case.status = CaseStatus.FAULTED
