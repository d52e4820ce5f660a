"""Firing: a task takes its tokens and starts; it completes and gives tokens on.

Everything that can fail (mappings, templates, predicates) is worked out before the first token moves, so a task that
raises leaves the marking as it was.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from engine.case import BUSY, InstanceSet, Run, RunState, TimerKind
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import DropCall, ForgetResults, GatherInstances
from engine.exceptions.raising import DATA_FAILURES, BoundExceeded, raise_data_exception
from engine.items.work_item import ItemState
from engine.net import cancellation, guards, instances, joins, marking, mutexes, splits, timers, work
from engine.spec.model import Flow, Kind, OnFailure, OnThreshold, Task, Test

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
        raise_data_exception(draft, task.name, 0, failure)


def enable(draft: Draft, task: Task, trigger: Trigger = None) -> None:
    """The task waits for a person: its item, or one for each instance, is created, and no token is taken yet."""
    try:
        _begin(draft, task, RunState.ENABLED, trigger)
    except DATA_FAILURES as failure:
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


def start(draft: Draft, number: int) -> None:
    """A run that waited for a person is started: it takes its tokens and its mutex, unless it has them."""
    run = draft.case.runs[number]
    if run.state not in (RunState.ENABLED, RunState.REPEATING):
        # Somebody starts a further instance of a run that was started, or that nobody waits for any more.
        return
    task = draft.task(run.task)
    try:
        dues = timers.of_start(draft, task)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, number, failure)
        return
    if run.state is RunState.ENABLED:
        take_tokens(draft, task)
        mutexes.hold(draft, task, number)
        draft.note("fired", run.task, number)
    draft.case.runs[number] = replace(run, state=RunState.EXECUTING)
    timers.run(draft, dues, number)


def complete(draft: Draft, number: int, output: Any, *, mapped: bool = True) -> bool:
    """Completes a run: its output is mapped into the case's data and its tokens flow, or an exception is raised.

    `mapped=False` completes it without output (a skipped item). Returns whether the tokens have flowed.
    """
    run = draft.case.runs[number]
    task = draft.task(run.task)
    try:
        changes = task.output.apply(seen(output, run.trigger), draft.variables) if mapped and task.output else {}
    except (ValidationFailed, ExpressionFailed) as failure:
        raise_data_exception(draft, task.name, number, failure)
        return False
    return _finish(draft, number, changes)


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


def take_tokens(draft: Draft, task: Task) -> None:
    """Takes the tokens that one firing of the task needs; a cancelling join empties its region with them."""
    draft.touched.update(joins.take(task, draft.state))
    if task.resets is not None:
        cancellation.empty(draft, task.resets)


def seen(output: Any, trigger: Trigger) -> Any:
    """What an output mapping sees: what the task gave back, and what its trigger brought as `$.trigger`."""
    if trigger is None:
        return output
    return {**output, "trigger": trigger[0]} if isinstance(output, dict) else {"trigger": trigger[0]}


# -- starting ------------------------------------------------------------------------------------------------------


def _is_passed_by(draft: Draft, task: Task) -> bool:
    """Whether a pre-tested loop is over before its first round."""
    return task.loop is not None and task.loop.test is Test.BEFORE and not task.loop.goes_on(draft.variables)


def _ready_run(draft: Draft, task: Task) -> int | None:
    """The oldest run of a task whose delay is over."""
    runs = draft.case.runs.items()
    return next((number for number, run in runs if run.task == task.name and run.state is RunState.READY), None)


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
    if state is RunState.EXECUTING:
        take_tokens(draft, task)
    draft.case.counter = number
    draft.case.runs[number] = Run(task.name, state, trigger=trigger)
    if state is RunState.EXECUTING:
        mutexes.hold(draft, task, number)
    draft.created += 1
    draft.effects += effects
    draft.note("fired" if state is RunState.EXECUTING else "enabled", task.name, number)
    timers.run(draft, dues, number)


def _begin_instances(draft: Draft, task: Task, state: RunState, trigger: Trigger) -> None:
    group = instances.plan(draft, task)
    dues = timers.of_run(draft, task, state)
    if state is RunState.EXECUTING:
        take_tokens(draft, task)
    number = draft.next_number()
    draft.case.runs[number] = Run(task.name, state, trigger=trigger, instances=instances.set_apart(draft, task, group))
    if state is RunState.EXECUTING:
        mutexes.hold(draft, task, number)
    draft.note("fired" if state is RunState.EXECUTING else "enabled", task.name, number, {"instances": group.planned})
    timers.run(draft, dues, number)
    instances.grow(draft, number)
    if draft.case.ended:
        return
    if not instances.of(task).awaited:
        _finish(draft, number, {})
    elif group.planned == 0:
        conclude(draft, number)


def _repeat(draft: Draft, number: int, task: Task, *, forced: bool) -> None:
    """The next round of a loop: a new execution, and so a new number, with the tokens of the round before it."""
    _retire(draft, number, task, forced=forced)
    state = RunState.REPEATING if task.kind is Kind.HUMAN else RunState.EXECUTING
    following = draft.case.counter + 1
    mutexes.hold(draft, task, following)
    try:
        dues = timers.of_run(draft, task, state)
        if task.instances is not None:
            group = instances.plan(draft, task)
            if group.planned == 0:
                raise BoundExceeded("a round without instances changes nothing: the loop would never end")
            draft.next_number()
            group = instances.set_apart(draft, task, group)
            draft.case.runs[following] = Run(task.name, state, instances=group)
            draft.note("repeated", task.name, following, {"instances": group.planned})
            timers.run(draft, dues, following)
            instances.grow(draft, following)
            return
        draft.effects += work.prepare(draft, task, following, draft.variables)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, number, failure)
        return
    draft.next_number()
    draft.case.runs[following] = Run(task.name, state)
    draft.created += 1
    draft.note("repeated", task.name, following)
    timers.run(draft, dues, following)


# -- completing ----------------------------------------------------------------------------------------------------


def _finish(draft: Draft, number: int, changes: Mapping[str, Any], *, forced: bool = False) -> bool:
    """A run is done: the variables change, and another round begins or its tokens flow."""
    task = draft.task(draft.case.runs[number].task)
    data = {**draft.variables, **changes} if changes else draft.variables
    try:
        guards.check_postcondition(task, data, changes)
        again = task.loop is not None and task.loop.goes_on(data)
        flows = () if again else splits.chosen(task, data)
    except (ExpressionFailed, BoundExceeded) as failure:
        raise_data_exception(draft, task.name, number, failure)
        return False
    draft.set_data(changes)
    draft.note("completed", task.name, number, sorted(changes) if changes else None)
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
    elif instances.of(task).gathers:
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
            if joins.enabled(task, draft.state) and mutexes.is_free(draft, task):
                start(draft, number)
            else:
                continue
        if not draft.case.ended and draft.case.runs[number].state in BUSY:
            conclude(draft, number, forced=True)


def _counted(group: InstanceSet, state: ItemState) -> InstanceSet:
    match state:
        case ItemState.COMPLETED | ItemState.SKIPPED:
            return replace(group, completed=group.completed + 1)
        case ItemState.FAILED:
            return replace(group, failed=group.failed + 1)
        case _:
            return replace(group, cancelled=group.cancelled + 1)
