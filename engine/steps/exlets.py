"""Carrying out exlets: what is done about an exception, step by step, across the waits for what it needs.

An exlet is begun by the answer of the rules. Each primitive is done once: what is left of it stands in the case. It
waits only for worklets, for calls and for compensating tasks, and goes on as soon as they are over, also while the case
that it has suspended stands still. What cannot be done fails the case, with both reasons.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from engine.case import BUSY, LEFT, WAITING, CaseStatus, Handling, Run, RunState
from engine.draft import SWEPT_PER_STEP, Draft
from engine.effects import (
    Append,
    AskPoint,
    AskSpecification,
    Call,
    Distribute,
    DropCall,
    MoveItem,
    PlaceCall,
    RepeatCall,
    ResumeItem,
    StartChild,
    SuspendItem,
)
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseCancelled,
    CaseResumed,
    CaseSuspended,
    ChildEnded,
    Event,
    PointFound,
    RuleAnswered,
    SpecificationAnswered,
)
from engine.exceptions import worklets
from engine.exceptions.exlets import people_of, runs_of, written_as
from engine.exceptions.kinds import BENIGN, ExceptionKind
from engine.exceptions.outcomes import HANDLED, UNHANDLED, note_outcome
from engine.exceptions.primitives import SETTLING, Action, Primitive, Target
from engine.exceptions.raising import DATA_FAILURES, fail_case, raise_data_exception
from engine.items.work_item import ItemState
from engine.names import child_id, root_of
from engine.net import cancellation, completion, distribution, firing, joins, timers, work
from engine.net.ending import COMPENSATION, end
from engine.net.settling import withdraw
from engine.spec.model import STEERING_CONNECTOR, Initiator, Interaction, Join, Kind, Task
from engine.steps import suspension

STEERING_TIMEOUT_S = 600.0
STEERING_ATTEMPTS = 10
STEERING_PAUSE_MS = 5_000
"""Telling all cases of a specification something takes a call of its own, which is made again so often."""


def rule_answered(draft: Draft, event: RuleAnswered) -> None:
    """It is known what the rules say; else the specification says what to do, or nobody does."""
    handled = draft.case.handling.get(event.number)
    if handled is None:
        draft.note("ignored", number=event.number, detail="nothing is to be done about it any more")
        return
    if event.error is not None:
        draft.note("refused", handled.task, handled.execution, event.error)
    exlet = event.conclusion
    if exlet is None:
        task = draft.net.tasks.get(handled.task)
        exlet = draft.specification.handler(draft.net, task, handled.kind)
    if exlet is None:
        _nobody_handles(draft, event.number, handled)
        return
    said = {"kind": handled.kind, "exlet": written_as(exlet), **({"rules": event.path} if event.path else {})}
    draft.note("handling", handled.task, handled.execution, said)
    draft.case.handling[event.number] = replace(handled, exlet=exlet)
    _go_on(draft, event.number)


def advance(draft: Draft) -> None:
    """Goes on where a compensating task is over, or a step has more to do. It is called after every event."""
    for number, handled in list(draft.case.handling.items()):
        undone = handled.undoing and handled.undoing not in draft.case.runs
        if undone:
            draft.case.handling[number] = handled = replace(handled, undoing=0)
        under_way = handled.reached and not draft.postponed
        if undone or under_way or (handled.kind == COMPENSATION and not handled.undoing):
            _go_on(draft, number)


# -- what an exlet waits for ---------------------------------------------------------------------------------------


def waits_for_child(draft: Draft, number: int) -> bool:
    """Whether a child case is a worklet of an exlet."""
    return any(number == each for handled in draft.case.handling.values() for each, _ in handled.waits)


def waits_for_steering(draft: Draft, number: int) -> bool:
    """Whether a call tells other cases what an exlet says."""
    return any(number == handled.call for handled in draft.case.handling.values())


def waits_for_call(draft: Draft, number: int) -> bool:
    """Whether a call is one of an exlet, or of a task that compensates."""
    return any(number in (handled.call, handled.undoing) for handled in draft.case.handling.values())


def worklet_found(draft: Draft, event: SpecificationAnswered) -> None:
    """A worklet begins with the version that was found."""
    number, handled, index = _waiting(draft, event.number)
    if event.version is None:
        _could_not(draft, number, handled, f"there is no specification {event.specification} to run")
        return
    child = child_id(draft.case.id, event.number)
    draft.note("worklet", handled.task, event.number, f"{event.specification} {event.version}")
    draft.effects.append(StartChild(child, event.specification, event.version, event.net, event.data))


def worklet_ended(draft: Draft, event: ChildEnded) -> None:
    """A worklet has ended: what it gives is taken back, and with the last one the exlet goes on."""
    number, handled, index = _waiting(draft, event.number)
    if event.status != CaseStatus.COMPLETED:
        child = child_id(draft.case.id, event.number)
        _could_not(draft, number, handled, f"worklet {child} {event.status}{f': {event.cause}' if event.cause else ''}")
        return
    assert handled.under_way is not None, "a worklet belongs to a step"
    run = runs_of(handled.under_way)[index]
    try:
        changes = worklets.taken_from(draft.specification, draft.net, run, event.result, draft.variables)
    except DATA_FAILURES as failure:
        _could_not(draft, number, handled, str(failure))
        return
    draft.set_data(changes)
    draft.note("compensated", handled.task, event.number, sorted(changes) if changes else None)
    left = tuple(each for each in handled.waits if each[0] != event.number)
    draft.case.handling[number] = replace(handled, waits=left)
    _go_on(draft, number)


def steered(draft: Draft, event: CallAnswered | CallFailed, number: int) -> None:
    """All cases of the specification were told, or they could not be."""
    found = next((each for each in draft.case.handling.items() if each[1].call == number), None)
    assert found is not None, "an exlet waits for this call"
    key, handled = found
    if isinstance(event, CallFailed):
        if event.retryable and event.attempt < STEERING_ATTEMPTS:
            draft.effects.append(RepeatCall(event.item, event.attempt, draft.at + STEERING_PAUSE_MS))
            return
        _could_not(draft, key, handled, f"not all cases could be told: {event.message}")
        return
    draft.effects.append(DropCall(event.item))
    assert handled.under_way is not None, "a call belongs to a step"
    action = handled.under_way.action
    draft.note("told", detail={"all": str(action), **(event.output if isinstance(event.output, dict) else {})})
    draft.case.handling[key] = replace(handled, call=0)
    _CARRIED_OUT[action, Target.CASE](draft, key, Primitive(action, Target.CASE))
    _go_on(draft, key)


def point_found(draft: Draft, event: PointFound) -> None:
    """It is known how the case stood: what began since is stopped, what was done since is compensated."""
    handled = draft.case.handling.get(event.number)
    if handled is None:
        draft.note("ignored", number=event.number, detail="nothing is to be done about it any more")
        return
    if not event.found:
        assert handled.under_way is not None, "a rollback is under way"
        _could_not(draft, event.number, handled, f"the case was never at {handled.under_way.detail}")
        return
    case = draft.case
    for number, run in list(case.runs.items()):
        if run.state not in LEFT and (number == event.begun or number not in event.runs):
            cancellation.leave(draft, number, RunState.CANCELLED)
    case.marking.clear()
    case.due.clear()
    since = tuple(each for each in reversed(case.done) if each.number not in event.done)
    case.done = tuple(each for each in case.done if each.number in event.done)
    case.handling[event.number] = replace(handled, waits=(), lost=False, point=event, compensating=since)
    _go_on(draft, event.number)


def _waiting(draft: Draft, child: int) -> tuple[int, Handling, int]:
    for number, handled in draft.case.handling.items():
        for waited, index in handled.waits:
            if waited == child:
                return number, handled, index
    raise AssertionError(f"no exlet waits for child {child}")


# -- the way of an exlet -------------------------------------------------------------------------------------------


def _go_on(draft: Draft, number: int) -> None:
    """Does what can be done now."""
    while True:
        handled = draft.case.handling.get(number)
        if handled is None or handled.waits or handled.call or handled.undoing:
            return
        if handled.compensating:
            _undo(draft, number, handled)
        elif handled.point is not None:
            _go_back(draft, handled.point)
            draft.case.handling[number] = replace(handled, point=None)
        elif handled.reached:
            assert handled.under_way is not None, "only a step comes to instances"
            _CARRIED_OUT[handled.under_way.action, handled.under_way.target](draft, number, handled.under_way)
            if draft.postponed:
                return
        elif handled.exlet:
            step, left = handled.exlet[0], handled.exlet[1:]
            draft.case.handling[number] = replace(handled, exlet=left, under_way=step)
            draft.note("does", handled.task, handled.execution, written_as((step,))[0])
            _CARRIED_OUT[step.action, step.target](draft, number, step)
            if draft.case.handling.get(number, handled).reached:
                return
            if step.target is Target.ITEM and step.action in SETTLING:
                _settled(draft, number)
        else:
            _finish(draft, number, handled)
            return


def _settled(draft: Draft, number: int) -> None:
    handled = draft.case.handling.get(number)
    if handled is not None:
        draft.case.handling[number] = replace(handled, lost=False)


def _finish(draft: Draft, number: int, handled: Handling) -> None:
    """Everything was done. What nothing was decided about ends here: no token goes on from it."""
    del draft.case.handling[number]
    draft.unsettled = True
    if handled.kind == COMPENSATION:
        ending = draft.case.ending
        assert ending is not None, "what is compensated is to end"
        end(draft, ending.status, tell_parent=ending.tell_parent)
        return
    still = completion.unmet(draft, handled)
    if still is not None:
        note_outcome(draft, UNHANDLED, handled, still)
        fail_case(draft, handled.kind, still)
        return
    note_outcome(draft, HANDLED, handled)
    if handled.lost:
        _leave(draft, handled, RunState.FAILED)
    if handled.kind == ExceptionKind.DEADLOCK and draft.case.status is CaseStatus.RUNNING and _is_stuck(draft):
        _deadlocked(draft)


def _nobody_handles(draft: Draft, number: int, handled: Handling) -> None:
    """What nobody handles fails the item and then the case; some of it the case survives."""
    del draft.case.handling[number]
    draft.unsettled = True
    for key, each in draft.case.handling.items():
        if each.undoing and each.undoing == handled.run:
            # What cannot be compensated must not keep the rest from it.
            draft.note("uncompensated", handled.task, handled.execution, f"{handled.kind}: {handled.message}")
            cancellation.leave(draft, handled.run, RunState.FAILED)
            draft.case.handling[key] = each
            return
    note_outcome(draft, UNHANDLED, handled)
    if handled.kind == ExceptionKind.DEADLOCK:
        _deadlocked(draft)
    elif handled.kind in BENIGN:
        if handled.lost:
            _leave(draft, handled, RunState.CANCELLED)
    else:
        run = draft.case.runs.get(handled.run)
        if run is not None and run.instances is None and draft.task(run.task).kind is Kind.HUMAN:
            draft.effects.append(MoveItem(draft.item(handled.run), ItemState.FAILED))
        fail_case(draft, handled.kind, handled.message, handled.task, handled.execution)


def _could_not(draft: Draft, number: int, handled: Handling, reason: str) -> None:
    """What was to be done about an exception cannot be done: the case fails, with both reasons."""
    del draft.case.handling[number]
    note_outcome(draft, UNHANDLED, handled, reason)
    message = f"{handled.message}; and what was to be done about it could not be: {reason}"
    fail_case(draft, handled.kind, message, handled.task, handled.execution)


def _is_stuck(draft: Draft) -> bool:
    state = draft.state
    return draft.case.is_idle and not any(
        joins.enabled(task, state) for task in draft.net.tasks.values() if task.inputs
    )


def _deadlocked(draft: Draft) -> None:
    draft.case.status = CaseStatus.DEADLOCKED
    draft.note("deadlocked", detail=dict(draft.case.marking))


# -- on the item ---------------------------------------------------------------------------------------------------


def _of(draft: Draft, number: int) -> tuple[Handling, Run | None]:
    """The exception, and the run that it was raised at, if that is still there."""
    handled = draft.case.handling[number]
    run = draft.case.runs.get(handled.run)
    return handled, run if run is not None and run.state not in LEFT else None


def _nothing(draft: Draft, handled: Handling, step: Primitive) -> None:
    draft.note("ignored", handled.task, handled.execution, f"there is nothing to {step.action}")


def _suspend_item(draft: Draft, number: int, step: Primitive) -> None:
    _hold(draft, number, step, SuspendItem, CaseSuspended)


def _continue_item(draft: Draft, number: int, step: Primitive) -> None:
    _hold(draft, number, step, ResumeItem, CaseResumed)


def _hold(
    draft: Draft,
    number: int,
    step: Primitive,
    item: Callable[[str], SuspendItem | ResumeItem],
    child: Callable[[str], CaseSuspended | CaseResumed],
) -> None:
    """Items are put aside or taken up again, child cases suspended or resumed. A call cannot be held."""
    handled, run = _of(draft, number)
    if run is None or handled.lost or draft.task(run.task).kind is Kind.AUTOMATED:
        _nothing(draft, handled, step)
        draft.case.handling[number] = replace(handled, reached=0)
        return
    found = _out(handled.run, run)
    reached = handled.reached + SWEPT_PER_STEP
    draft.postponed = draft.postponed or reached < len(found)
    draft.case.handling[number] = replace(handled, reached=reached if reached < len(found) else 0)
    for execution in found[handled.reached : reached]:
        if draft.task(run.task).kind is Kind.HUMAN:
            draft.effects.append(item(draft.item(execution)))
        else:
            draft.effects.append(Append(child(""), child_id(draft.case.id, execution)))


def _out(number: int, run: Run) -> Sequence[int]:
    """What a run has out."""
    if run.instances is None:
        return [number]
    return [run.instances.number(index) for index in range(run.instances.created)]


def _remove_item(draft: Draft, number: int, step: Primitive) -> None:
    _leave(draft, draft.case.handling[number], RunState.CANCELLED)


def _fail_item(draft: Draft, number: int, step: Primitive) -> None:
    _leave(draft, draft.case.handling[number], RunState.FAILED)


def _leave(draft: Draft, handled: Handling, state: RunState) -> None:
    """The path ends there: the tokens are taken, and none goes on."""
    run = draft.case.runs.get(handled.run)
    if run is None and not handled.run and handled.task:
        task = draft.task(handled.task)
        if joins.enabled(task, draft.state):
            firing.take_tokens(draft, task)
            draft.note(state, handled.task)
    elif run is not None and run.state not in LEFT:
        task = draft.task(run.task)
        if run.state in WAITING and joins.enabled(task, draft.state):
            firing.take_tokens(draft, task)
        cancellation.leave(draft, handled.run, state)


def _restart_item(draft: Draft, number: int, step: Primitive) -> None:
    """A started item begins again with its owner; what is lost, a call and a child case are executed anew."""
    handled, run = _of(draft, number)
    if not handled.run and handled.task:
        draft.touched.update(draft.task(handled.task).inputs)
        draft.unsettled = True
        return
    if run is None:
        _nothing(draft, handled, step)
        return
    restart(draft, handled.run, lost=handled.lost)


def restart(draft: Draft, number: int, *, lost: bool) -> int:
    """Begins a run again, with the tokens it took; gives the number that it has then. `lost`: what it had out is over.

    A started item of a person stays his; all else is a new execution with a new number, and so with a new key.
    """
    run = draft.case.runs[number]
    task = draft.task(run.task)
    if run.state in WAITING:
        withdraw(draft, number)
        draft.touched.update(task.inputs)
        return number
    if run.state is RunState.EXECUTING and task.kind is Kind.HUMAN and run.instances is None and not lost:
        try:
            given = work.input_of(task, draft.variables)
            dues = timers.of_start(draft, task)
        except DATA_FAILURES as failure:
            raise_data_exception(draft, task.name, number, failure, live=True)
            return number
        timers.clear(draft, number)
        timers.run(draft, dues, number)
        draft.effects.append(MoveItem(draft.item(number), ItemState.STARTED, input=given))
        draft.note("restarted", task.name, number)
        return number
    cancellation.leave(draft, number, RunState.CANCELLED)
    again = firing.do_again(draft, task, run, "restarted")
    for key, handled in list(draft.case.handling.items()):
        if handled.undoing == number:
            draft.case.handling[key] = replace(handled, undoing=again)
    return again


def _complete_item(draft: Draft, number: int, step: Primitive) -> None:
    handled, run = _of(draft, number)
    if not handled.run and handled.task:
        if joins.enabled(draft.task(handled.task), draft.state):
            firing.pass_by(draft, draft.task(handled.task))
    elif run is not None:
        complete_by_force(draft, handled.run, skipped=step.action is Action.SKIP, ensured=False)
    else:
        _nothing(draft, handled, step)


def complete_by_force(draft: Draft, number: int, *, skipped: bool = False, ensured: bool = True) -> None:
    """A run counts as done. What it has out is skipped, or completed by force where it was started.

    `ensured=False`: whatever its task is to ensure, which may be what went wrong.
    """
    run = draft.case.runs[number]
    task = draft.task(run.task)
    waited = run.state is not RunState.EXECUTING
    if not firing.start(draft, number):
        return
    if task.instances is not None:
        firing.conclude(draft, number, forced=True)
        return
    if task.kind is Kind.HUMAN:
        state = ItemState.SKIPPED if waited or skipped else ItemState.FORCE_COMPLETED
        draft.effects.append(MoveItem(draft.item(number), state))
    elif task.kind is Kind.COMPOSITE:
        draft.effects.append(Append(CaseCancelled("", "its time is over"), child_id(draft.case.id, number)))
    firing.complete(draft, number, None, mapped=False, ensured=ensured)


def _reoffer(draft: Draft, number: int, step: Primitive) -> None:
    found = _given_back(draft, number, step)
    if found is not None:
        task, item = found
        draft.effects.append(MoveItem(item, ItemState.CREATED))
        if task.offer is not None:
            _ask(draft, number, lambda: distribution.question(draft, task, item, draft.variables))


def _reallocate(draft: Draft, number: int, step: Primitive) -> None:
    found = _given_back(draft, number, step)
    if found is None:
        return
    task, item = found
    draft.effects.append(MoveItem(item, ItemState.CREATED))
    by_system = Interaction(Initiator.SYSTEM, Initiator.SYSTEM, task.interaction.start)
    if step.detail is None:
        if task.offer is not None:
            _ask(
                draft,
                number,
                lambda: replace(
                    distribution.question(draft, task, item, draft.variables), interaction=by_system, elsewhere=True
                ),
            )
    else:
        _ask(draft, number, lambda: _named(draft, task, item, step, by_system))


def _escalate(draft: Draft, number: int, step: Primitive) -> None:
    handled = draft.case.handling[number]
    found = _given_back(draft, number, step)
    if found is not None:
        task, item = found
        draft.note("escalated", task.name, handled.execution, step.detail)
        draft.effects.append(MoveItem(item, ItemState.CREATED))
        _ask(draft, number, lambda: _named(draft, task, item, step, task.interaction))


def _ask(draft: Draft, number: int, question: Callable[[], Distribute]) -> None:
    """Asks to whom an item goes; names that cannot be read mean that this could not be done."""
    try:
        draft.effects.append(question())
    except DATA_FAILURES as failure:
        _could_not(draft, number, draft.case.handling[number], str(failure))


def _named(draft: Draft, task: Task, item: str, step: Primitive, interaction: Interaction) -> Distribute:
    """The question about people whom an exlet names."""
    asked = people_of(step)

    def names(kind: str) -> tuple[str, ...]:
        return worklets.names_of(draft.specification, draft.net, asked.get(kind, ()), draft.variables)

    return Distribute(
        item,
        task.name,
        roles=names("roles"),
        participants=names("participants"),
        positions=names("positions"),
        groups=names("groups"),
        capabilities=names("capabilities"),
        interaction=interaction,
        specification=draft.case.specification,
        at=draft.at,
        allocator=task.allocator,
    )


def _given_back(draft: Draft, number: int, step: Primitive) -> tuple[Task, str] | None:
    """The item at which the exception was raised is nobody's any more; one that is lost is made anew."""
    handled, run = _of(draft, number)
    if run is None or draft.task(run.task).kind is not Kind.HUMAN or draft.task(run.task).instances is not None:
        _nothing(draft, handled, step)
        return None
    if handled.lost:
        again = restart(draft, handled.run, lost=True)
        item = draft.item(again)
        # Whom it goes to is what this step says, not what its task does.
        draft.effects = [each for each in draft.effects if not isinstance(each, Distribute) or each.item != item]
        draft.case.handling[number] = replace(handled, run=again, execution=again)
        return (draft.task(run.task), item) if again in draft.case.runs else None
    return _handed_back(draft, handled.run, run)


def _handed_back(draft: Draft, number: int, run: Run) -> tuple[Task, str] | None:
    task = draft.task(run.task)
    if task.kind is not Kind.HUMAN or run.instances is not None:
        draft.note("ignored", run.task, number, "only a single item of a person can go to somebody else")
        return None
    if run.state is RunState.EXECUTING:
        # It keeps its tokens, and waits for the next person to start it.
        draft.case.runs[number] = replace(run, state=RunState.REPEATING)
    return task, draft.item(number)


# -- on the case, on those above it, on all of the specification -----------------------------------------------------


def _suspend_case(draft: Draft, number: int, step: Primitive) -> None:
    suspension.suspended(draft, CaseSuspended(""))


def _continue_case(draft: Draft, number: int, step: Primitive) -> None:
    suspension.resumed(draft, CaseResumed(""))


def _remove_case(draft: Draft, number: int, step: Primitive) -> None:
    end(draft, CaseStatus.CANCELLED)


def _fail_case(draft: Draft, number: int, step: Primitive) -> None:
    handled = draft.case.handling[number]
    fail_case(draft, handled.kind, handled.message, handled.task, handled.execution)


def _tell_ancestors(draft: Draft, number: int, step: Primitive) -> None:
    """What is done to the root is done to all below it: to all that is above this case, and to what it runs."""
    root = root_of(draft.case.id)
    if root == draft.case.id:
        _nothing(draft, draft.case.handling[number], step)
        return
    wish: dict[Action, Event] = {
        Action.SUSPEND: CaseSuspended(""),
        Action.CONTINUE: CaseResumed(""),
        Action.REMOVE: CaseCancelled("", f"case {draft.case.id} asked for it"),
    }
    draft.effects.append(Append(wish[step.action], root))


def _tell_all(draft: Draft, number: int, step: Primitive) -> None:
    """The other cases of the specification are told by a call, whatever their shards; then this one does the same."""
    asked = draft.next_number()
    given = {"specification": draft.case.specification, "wish": str(step.action), "root": root_of(draft.case.id)}
    call = Call(
        draft.item(asked),
        "",
        STEERING_CONNECTOR,
        {},
        given,
        STEERING_TIMEOUT_S,
        STEERING_ATTEMPTS,
        draft.at,
        draft.case.correlation_id,
    )
    draft.effects.append(PlaceCall(call))
    draft.case.handling[number] = replace(draft.case.handling[number], call=asked)


def _compensate(draft: Draft, number: int, step: Primitive) -> None:
    """Runs worklets beside each other, as child cases."""
    handled, case = draft.case.handling[number], draft.case
    if case.depth >= draft.specification.max_depth:
        _could_not(draft, number, handled, f"worklets nest deeper than max_depth {draft.specification.max_depth}")
        return
    waits = []
    for index, run in enumerate(runs_of(step)):
        try:
            given = worklets.given_to(draft.specification, draft.net, run, draft.variables)
        except DATA_FAILURES as failure:
            _could_not(draft, number, handled, str(failure))
            return
        child = draft.next_number()
        waits.append((child, index))
        by_name = "input" not in run
        if "net" not in run:
            draft.effects.append(AskSpecification(child, run["worklet"], run.get("version"), given, by_name))
            continue
        net = draft.specification.nets.get(run["net"])
        if net is None:
            _could_not(draft, number, handled, f"there is no net {run['net']}")
            return
        given = worklets.inputs_of(net, given) if by_name else given
        draft.note("worklet", handled.task, child, run["net"])
        draft.effects.append(
            StartChild(child_id(case.id, child), case.specification, case.specification_version, net.name, given)
        )
    case.handling[number] = replace(handled, waits=tuple(waits))


def _roll_back(draft: Draft, number: int, step: Primitive) -> None:
    draft.case.handling[number] = replace(draft.case.handling[number], waits=((number, -1),))
    draft.effects.append(AskPoint(number, step.detail))


def _undo(draft: Draft, number: int, handled: Handling) -> None:
    """Begins the task that compensates what was completed last."""
    done, left = handled.compensating[0], handled.compensating[1:]
    draft.case.handling[number] = replace(handled, compensating=left)
    name = draft.task(done.task).compensation
    assert name is not None, f"{done.task} has nothing that compensates it"
    task, run = draft.task(name), draft.next_number()
    try:
        effects = work.prepare(draft, task, run, {**draft.variables, **done.values})
    except DATA_FAILURES as failure:
        draft.note("uncompensated", done.task, done.number, str(failure))
        return
    draft.case.runs[run] = Run(name, RunState.EXECUTING)
    draft.note("compensating", done.task, done.number, {"by": name, "run": run})
    draft.effects += effects
    draft.case.handling[number] = replace(handled, compensating=left, undoing=run)


def _go_back(draft: Draft, point: PointFound) -> None:
    """The case stands as it stood then. What was under way and is over is to be done again."""
    case = draft.case
    for place, count in point.marking.items():
        case.marking[place] = case.marking.get(place, 0) + count
    case.due.update(point.due)
    for number, (name, places) in point.runs.items():
        if number in case.runs and case.runs[number].state in BUSY and number != point.begun:
            continue
        if draft.task(name).join is Join.PARTIAL:
            case.due.pop(name, None)
        for place in places:
            case.marking[place] = case.marking.get(place, 0) + 1
    shared = {name: value for name, value in case.data.items() if name in draft.net.shared}
    draft.replace_data({**point.data, **shared})
    draft.touched.update(case.marking)
    draft.unsettled = True
    draft.note("rolled back", detail=dict(case.marking))


_CarriedOut = Callable[[Draft, int, Primitive], None]

_CARRIED_OUT: dict[tuple[Action, Target], _CarriedOut] = {
    (Action.SUSPEND, Target.ITEM): _suspend_item,
    (Action.CONTINUE, Target.ITEM): _continue_item,
    (Action.REMOVE, Target.ITEM): _remove_item,
    (Action.FAIL, Target.ITEM): _fail_item,
    (Action.RESTART, Target.ITEM): _restart_item,
    (Action.COMPLETE, Target.ITEM): _complete_item,
    (Action.SKIP, Target.ITEM): _complete_item,
    (Action.REOFFER, Target.ITEM): _reoffer,
    (Action.REALLOCATE, Target.ITEM): _reallocate,
    (Action.ESCALATE, Target.ITEM): _escalate,
    (Action.SUSPEND, Target.CASE): _suspend_case,
    (Action.CONTINUE, Target.CASE): _continue_case,
    (Action.REMOVE, Target.CASE): _remove_case,
    (Action.FAIL, Target.CASE): _fail_case,
    (Action.COMPENSATE, Target.CASE): _compensate,
    (Action.ROLLBACK, Target.CASE): _roll_back,
    **{(action, Target.ANCESTORS): _tell_ancestors for action in (Action.SUSPEND, Action.CONTINUE, Action.REMOVE)},
    **{(action, Target.ALL): _tell_all for action in (Action.SUSPEND, Action.CONTINUE, Action.REMOVE)},
}
"""What each primitive does."""
