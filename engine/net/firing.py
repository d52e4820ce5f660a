"""Firing: a task takes its tokens and starts; it completes and gives tokens on.

Everything that can fail (mappings, templates, predicates) is worked out before the first token moves, so a task that
raises leaves the marking as it was.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from engine.case import BUSY, Completed, InstanceSet, Run, RunState, TimerKind
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import DropCall, ForgetResults, GatherInstances
from engine.exceptions import worklets
from engine.exceptions.raising import DATA_FAILURES, BoundExceeded, raise_data_exception
from engine.items.work_item import ItemState
from engine.net import cancellation, guards, instances, joins, marking, mutexes, splits, timers, work
from engine.spec.model import Flow, Join, Kind, OnFailure, OnThreshold, Task, Test

NOTHING_OUT = InstanceSet((), 0)
"""The instances of a run that has no item, call or child, because it could not be begun."""

Trigger = tuple[Any] | None
"""What the outside event brought that a task had waited for, in a tuple of its own: it may be null."""


def starts_by_itself(draft: Draft, task: Task) -> bool:
    """Whether nothing has to start the task: no person does it, nobody waits for its instances, or its loop is over.

    One with a delay starts when that is over. Raises one of `DATA_FAILURES`.
    """
    if task.delay is not None:
        return _ready_run(draft, task) is not None or _is_passed_by(draft, task)
    if task.kind is not Kind.HUMAN or _is_passed_by(draft, task):
        return True
    # What has no instance nobody could start.
    several = task.instances
    return several is not None and (not several.awaited or instances.plan(draft, task).planned == 0)


def fire(draft: Draft, task: Task, trigger: Trigger = None) -> None:
    """Fires a task that starts by itself."""
    try:
        passed_by = _is_passed_by(draft, task)
        ready = _ready_run(draft, task) if task.delay is not None and not passed_by else None
        if ready is not None:
            # What waited has become a run of its own.
            del draft.case.runs[ready]
        if task.kind is Kind.ROUTING or passed_by:
            _pass_through(draft, task, trigger)
        else:
            _begin(draft, task, RunState.EXECUTING, trigger)
    except DATA_FAILURES as failure:
        _give_back(draft, task, trigger)
        raise_data_exception(draft, task.name, 0, failure)


def announce(draft: Draft, task: Task) -> None:
    """The item of a task is shown to people before it can be started (early distribution, WRP-18)."""
    number = draft.next_number()
    draft.case.runs[number] = Run(task.name, RunState.ANNOUNCED)
    draft.effects += work.announced(draft, task, number)
    draft.note("announced", task.name, number)


def enable(draft: Draft, task: Task, trigger: Trigger = None) -> None:
    """The task waits for a person: its item, or one for each instance, is created, and no token is taken yet."""
    try:
        announced = _announced_run(draft, task)
        if announced is not None:
            _become_enabled(draft, task, announced, trigger)
            return
        _begin(draft, task, RunState.ENABLED, trigger)
    except DATA_FAILURES as failure:
        _give_back(draft, task, trigger)
        raise_data_exception(draft, task.name, 0, failure)


def delay(draft: Draft, task: Task) -> None:
    """The task is to start by itself when its delay is over, and takes no token before."""
    assert task.delay is not None, f"task {task.name} starts at once"
    try:
        due = timers.due_of(draft, task.delay, TimerKind.DELAY)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, 0, failure)
        return
    number = draft.next_number()
    draft.case.runs[number] = Run(task.name, RunState.ENABLED)
    draft.note("enabled", task.name, number)
    timers.run(draft, [due], number)


def start(draft: Draft, number: int) -> bool:
    """A run that waited for a person is started: it takes its tokens and its mutex, unless it has them.

    Returns whether it is; else an exception was raised.
    """
    run = draft.case.runs[number]
    if run.state not in (RunState.ENABLED, RunState.REPEATING):
        # Somebody starts a further instance of a run that was started, or that nobody waits for any more.
        return True
    task = draft.task(run.task)
    try:
        dues = timers.of_start(draft, task)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, number, failure, live=True)
        return False
    if run.state is RunState.ENABLED:
        run = replace(run, took=take_tokens(draft, task))
        mutexes.hold(draft, task, number)
        draft.note("fired", run.task, number)
    draft.case.runs[number] = replace(run, state=RunState.EXECUTING)
    timers.run(draft, dues, number)
    return True


def complete(draft: Draft, number: int, output: Any, *, mapped: bool = True, ensured: bool = True) -> bool:
    """Completes a run: its output is mapped into the case's data and its tokens flow, or an exception is raised.

    `mapped=False` completes it without output (a skipped item); `ensured=False` whatever its task is to ensure. Returns
    whether the tokens have flowed.
    """
    run = draft.case.runs[number]
    task = draft.task(run.task)
    try:
        changes = _changes(draft, task, seen(output, run.trigger)) if mapped else {}
    except (ValidationFailed, ExpressionFailed) as failure:
        raise_data_exception(draft, task.name, number, failure)
        return False
    return _finish(draft, number, changes, ensured=ensured)


def _changes(draft: Draft, task: Task, output: Any) -> Mapping[str, Any]:
    """The variables that an output changes. Raises `ValidationFailed`, `ExpressionFailed`."""
    if task.output is not None:
        return task.output.apply(output, draft.variables)
    # Whoever wrote a task that rules pick a worklet for could not know what that would give.
    picked = task.decomposition is not None and task.decomposition.picked
    return worklets.by_name(draft.net, output) if picked and isinstance(output, dict) else {}


def end_instance(draft: Draft, number: int, instance: int, state: ItemState, output: Any = None) -> bool:
    """An instance of a run has ended as `state` says. Returns whether its outcome counts.

    The failure of an instance that makes its task fail is not for this function: see `fails_its_task`.
    """
    run = draft.case.runs[number]
    task, group = draft.task(run.task), run.instances
    assert group is not None, f"run {number} has a single instance"
    index = group.index(instance)
    assert index is not None, f"{instance} is no instance of run {number}"
    counts = run.state is RunState.EXECUTING
    try:
        if counts and state is ItemState.COMPLETED:
            instances.keep(draft, number, task, index, seen(output, run.trigger))
        run = replace(run, instances=_counted(group, state))
        draft.case.runs[number] = run
        done = counts and instances.enough(draft, run)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, instance, failure)
        return False
    if task.kind is Kind.AUTOMATED:
        draft.effects.append(DropCall(draft.item(instance)))
    draft.note(state, task.name, instance)
    if done:
        conclude(draft, number)
    elif not counts and run.instances is not None and run.instances.active == 0:
        _forget(draft, number)
    return counts


def fails_its_task(draft: Draft, number: int) -> bool:
    """Whether the failure of one instance is the failure of its task."""
    run = draft.case.runs[number]
    return run.state is not RunState.RELEASED and instances.of(draft.task(run.task)).on_failure is OnFailure.FAIL


def conclude(draft: Draft, number: int, *, forced: bool = False) -> None:
    """Enough instances of a run have ended: what they gave is asked for, and then the run is finished."""
    run = draft.case.runs[number]
    if instances.of(draft.task(run.task)).gathers:
        draft.effects.append(GatherInstances(number, draft.item(number), run.task, forced))
    else:
        _finish(draft, number, {}, forced=forced)


def finish_gathered(draft: Draft, number: int, values: Mapping[str, Any], *, forced: bool) -> None:
    """A run whose instances were gathered gives its tokens on."""
    _finish(draft, number, values, forced=forced)


def take_tokens(draft: Draft, task: Task) -> tuple[str, ...]:
    """Takes the tokens that one firing of the task needs; a cancelling join empties its region with them.

    Gives the places they were in, where the task could have taken others.
    """
    taken = joins.take(task, draft.state)
    # A token less makes nothing fire; it may end the waiting of a task for somebody who has not started it.
    draft.touched.update(draft.net.watched.intersection(taken))
    if task.resets is not None:
        cancellation.empty(draft, task.resets)
    return taken if len(task.inputs) > 1 and task.join in (Join.XOR, Join.OR) else ()


def seen(output: Any, trigger: Trigger) -> Any:
    """What an output mapping sees: what the task gave back, and what its trigger brought as `$.trigger`."""
    if trigger is None:
        return output
    return {**output, "trigger": trigger[0]} if isinstance(output, dict) else {"trigger": trigger[0]}


def pass_by(draft: Draft, task: Task) -> bool:
    """Takes the tokens of a task that cannot begin and gives them on, as if it had been done. Whether it could."""
    try:
        flows = splits.chosen(task, draft.variables)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, 0, failure)
        return False
    take_tokens(draft, task)
    draft.note("skipped", task.name)
    _go_on(draft, task, flows, 0)
    return True


def _give_back(draft: Draft, task: Task, trigger: Trigger) -> None:
    """What an outside event brought is kept again for a task that could not begin, if it is one that is kept."""
    if trigger is not None and task.trigger is not None and task.trigger.persistent:
        draft.case.triggers = ((task.trigger.name, trigger[0]), *draft.case.triggers)


# -- starting ------------------------------------------------------------------------------------------------------


def _is_passed_by(draft: Draft, task: Task) -> bool:
    """Whether a pre-tested loop is over before its first round."""
    return task.loop is not None and task.loop.test is Test.BEFORE and not task.loop.goes_on(draft.variables)


def _ready_run(draft: Draft, task: Task) -> int | None:
    """The oldest run of a task whose delay is over."""
    runs = draft.case.runs.items()
    return next((number for number, run in runs if run.task == task.name and run.state is RunState.READY), None)


def _announced_run(draft: Draft, task: Task) -> int | None:
    """The run of a task whose item was shown early, and can be started from now on."""
    if task.offer is None or not task.offer.early:
        return None
    runs = draft.case.runs.items()
    return next((number for number, run in runs if run.task == task.name and run.state is RunState.ANNOUNCED), None)


def _become_enabled(draft: Draft, task: Task, number: int, trigger: Trigger) -> None:
    """Whoever has claimed what was shown early keeps it; otherwise it is offered by the data as they are now."""
    asked = work.distributed_again(draft, task, number)
    dues = timers.of_run(draft, task, RunState.ENABLED)
    draft.case.runs[number] = Run(task.name, RunState.ENABLED, trigger=trigger)
    draft.effects.append(asked)
    draft.note("enabled", task.name, number)
    timers.run(draft, dues, number)


def _pass_through(draft: Draft, task: Task, trigger: Trigger) -> None:
    """Fires and completes a task that has nothing to do."""
    changes: Mapping[str, Any] = {}
    if task.kind is Kind.ROUTING and task.output is not None:
        changes = task.output.apply(seen({}, trigger), draft.variables)
    data = {**draft.variables, **changes} if changes else draft.variables
    guards.check_postcondition(task, data, changes)
    flows = splits.chosen(task, data)
    take_tokens(draft, task)
    draft.set_data(changes)
    draft.note("fired", task.name, 0, sorted(changes) if changes else None)
    _go_on(draft, task, flows, 0)


def _begin(draft: Draft, task: Task, state: RunState, trigger: Trigger) -> None:
    """A new run of the task, which takes its tokens unless it only waits for a person. Raises `DATA_FAILURES`."""
    if task.instances is not None:
        _begin_instances(draft, task, state, trigger)
        return
    number = draft.case.counter + 1
    effects = work.prepare(draft, task, number, draft.variables)
    dues = timers.of_run(draft, task, state)
    took = take_tokens(draft, task) if state is RunState.EXECUTING else ()
    draft.case.counter = number
    draft.case.runs[number] = Run(task.name, state, trigger=trigger, took=took)
    if state is RunState.EXECUTING:
        mutexes.hold(draft, task, number)
    draft.created += 1
    draft.effects += effects
    draft.note("fired" if state is RunState.EXECUTING else "enabled", task.name, number)
    timers.run(draft, dues, number)


def _begin_instances(draft: Draft, task: Task, state: RunState, trigger: Trigger) -> None:
    group = instances.plan(draft, task)
    dues = timers.of_run(draft, task, state)
    took = take_tokens(draft, task) if state is RunState.EXECUTING else ()
    number = draft.next_number()
    group = instances.set_apart(draft, task, group)
    draft.case.runs[number] = Run(task.name, state, trigger=trigger, instances=group, took=took)
    if state is RunState.EXECUTING:
        mutexes.hold(draft, task, number)
    draft.note("fired" if state is RunState.EXECUTING else "enabled", task.name, number, {"instances": group.planned})
    timers.run(draft, dues, number)
    if not instances.grow(draft, number):
        return
    if not instances.of(task).awaited:
        _finish(draft, number, {})
    elif group.planned == 0:
        conclude(draft, number)


def _repeat(draft: Draft, number: int, task: Task, *, forced: bool) -> None:
    """The next round of a loop: a new execution, and so a new number, with the tokens of the round before it."""
    before = draft.case.runs[number]
    _retire(draft, number, task, forced=forced)
    do_again(draft, task, replace(before, trigger=None), "repeated")


def do_again(draft: Draft, task: Task, before: Run, said: str) -> int:
    """A new run of a task, with the tokens (and the trigger) of the one `before`, which has left the case.

    Gives its number.
    """
    state = RunState.REPEATING if task.kind is Kind.HUMAN else RunState.EXECUTING
    number = draft.next_number()
    run = Run(task.name, state, trigger=before.trigger, took=before.took)
    # It is there before anything can fail, with nothing out yet: what is done about that is done to it.
    draft.case.runs[number] = replace(run, instances=NOTHING_OUT)
    mutexes.hold(draft, task, number)
    try:
        dues = timers.of_run(draft, task, state)
        if task.instances is None:
            draft.effects += work.prepare(draft, task, number, draft.variables)
            draft.case.runs[number] = run
        else:
            group = instances.plan(draft, task)
            if group.planned == 0:
                raise BoundExceeded("a round without instances changes nothing: the loop would never end")
            group = instances.set_apart(draft, task, group)
            draft.case.runs[number] = replace(run, instances=group)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, number, failure)
        return number
    several = draft.case.runs[number].instances
    draft.note(said, task.name, number, {"instances": several.planned} if several is not None else None)
    timers.run(draft, dues, number)
    if several is None:
        draft.created += 1
    else:
        instances.grow(draft, number)
    return number


# -- completing ----------------------------------------------------------------------------------------------------


def _finish(
    draft: Draft, number: int, changes: Mapping[str, Any], *, forced: bool = False, ensured: bool = True
) -> bool:
    """A run is done: the variables change, and another round begins or its tokens flow."""
    task = draft.task(draft.case.runs[number].task)
    data = {**draft.variables, **changes} if changes else draft.variables
    try:
        if ensured:
            guards.check_postcondition(task, data, changes)
        again = task.loop is not None and task.loop.goes_on(data)
        flows = () if again else splits.chosen(task, data)
    except (ExpressionFailed, BoundExceeded) as failure:
        raise_data_exception(draft, task.name, number, failure)
        return False
    draft.set_data(changes)
    draft.note("completed", task.name, number, sorted(changes) if changes else None)
    if task.compensation is not None:
        draft.case.done = (*draft.case.done, Completed(task.name, number, dict(changes)))
    if again:
        _repeat(draft, number, task, forced=forced)
        return True
    _retire(draft, number, task, forced=forced)
    _go_on(draft, task, flows, number)
    return True


def _retire(draft: Draft, number: int, task: Task, *, forced: bool) -> None:
    """Takes a finished run out of the case. Instances that are left are stopped, or go on with nobody waiting."""
    run = draft.case.runs[number]
    if run.instances is None or run.instances.active == 0:
        _forget(draft, number)
    elif forced:
        cancellation.leave(draft, number, RunState.FORCE_COMPLETED)
    elif instances.of(task).on_threshold is OnThreshold.KEEP:
        draft.case.runs[number] = replace(run, state=RunState.RELEASED)
        timers.clear(draft, number)
        mutexes.release(draft, task, number)
    else:
        cancellation.leave(draft, number, RunState.CANCELLED)


def _forget(draft: Draft, number: int) -> None:
    """A run leaves no trace but in the journal."""
    run = draft.case.runs.pop(number)
    task = draft.task(run.task)
    draft.unsettled = True
    timers.clear(draft, number)
    if run.instances is None:
        if task.kind is Kind.AUTOMATED:
            draft.effects.append(DropCall(draft.item(number)))
    elif task.instances is not None and task.instances.gathers:
        draft.effects.append(ForgetResults(draft.item(number)))
    mutexes.release(draft, task, number)


def _go_on(draft: Draft, task: Task, flows: tuple[Flow, ...], number: int) -> None:
    """What a completed task does to its net: completes by force, cancels, and then gives its own tokens."""
    for name in task.completes:
        _complete_by_force(draft, name)
    if task.cancels is not None:
        cancellation.empty(draft, task.cancels, sparing=number)
    for flow in flows:
        marking.add(draft.case.marking, flow.place)
        draft.touched.add(flow.place)


def _complete_by_force(draft: Draft, name: str) -> None:
    """Complete Multiple Instance Task (WCP-27): the instances that are left count as done, and the task goes on.

    Instances of which nobody has started one yet are there too: their task takes its tokens, if it still can.
    """
    task = draft.task(name)
    for number, run in list(draft.case.runs.items()):
        if run.task != name:
            continue
        if run.state is RunState.ENABLED and run.instances is not None:
            can_start = joins.enabled(task, draft.state) and mutexes.is_free(draft, task)
            if not can_start or not start(draft, number):
                continue
        if draft.case.runs[number].state in BUSY:
            conclude(draft, number, forced=True)


def _counted(group: InstanceSet, state: ItemState) -> InstanceSet:
    match state:
        case ItemState.COMPLETED | ItemState.SKIPPED:
            return replace(group, completed=group.completed + 1)
        case ItemState.FAILED:
            return replace(group, failed=group.failed + 1)
        case _:
            return replace(group, cancelled=group.cancelled + 1)
