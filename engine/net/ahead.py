"""Pre-do (resource pattern 35) and what it leads to: the item of a task is there before the task is enabled.

The item of a task that still lies ahead is made and distributed; it can be claimed, started and completed. Its run
takes no token. When the task is enabled the run is the one that is enabled: it waits as if it had been made now, or has
started, or is complete at once with what came of it. If the case takes another way, it is withdrawn, and a completed
item keeps its output, which is not applied.

The net allows it for a task of a person that can still be reached, and that has one instance, no loop, no mutex and no
trigger: these are decided when it is enabled. What its input names must be there.
"""

from msgspec.structs import replace

from engine.case import EARLY, LEFT, Run, RunState
from engine.draft import Draft
from engine.effects import AskOutput
from engine.errors import Conflict
from engine.exceptions.raising import DATA_FAILURES, raise_data_exception
from engine.executions import Execution
from engine.net import firing, guards, timers, work
from engine.net.behind import behind
from engine.spec.model import Kind, Task


def bring_forward(draft: Draft, name: str) -> None:
    """Makes the item of a task before its time. Raises `Conflict` (`cannot_pre_do`)."""
    task = draft.net.tasks.get(name)
    if task is None:
        raise _refused(f"there is no task {name} in this case")
    reason = _reason_against(draft, task)
    if reason:
        raise _refused(f"task {name} cannot be done ahead of time: {reason}")
    number = draft.case.counter + 1
    try:
        effects = work.prepare(draft, task, number, draft.variables)
    except DATA_FAILURES as failure:
        raise _refused(f"task {name} cannot be done ahead of time: {failure}") from failure
    draft.case.counter = number
    draft.case.runs[number] = Run(name, RunState.AHEAD)
    draft.created += 1
    draft.effects += effects
    draft.note("brought_forward", name, number)


def start(draft: Draft, found: Execution) -> None:
    """A person begins ahead of time."""
    draft.case.runs[found.number] = replace(found.run, state=RunState.AHEAD_STARTED)
    draft.note("started_ahead", found.run.task, found.number)


def complete(draft: Draft, found: Execution) -> None:
    """A person is done ahead of time; what came of it is asked for when the task is enabled."""
    draft.case.runs[found.number] = replace(found.run, state=RunState.AHEAD_COMPLETED)
    draft.note("completed_ahead", found.run.task, found.number)


def run_of(draft: Draft, task: Task) -> int | None:
    """The run of a task that is ahead of its time."""
    runs = draft.case.runs.items()
    return next((number for number, run in runs if run.task == task.name and run.state in EARLY), None)


def catch_up(draft: Draft, task: Task, number: int) -> bool:
    """A task is enabled that somebody is ahead with: its time has come. Whether it took its tokens."""
    run = draft.case.runs[number]
    try:
        dues = timers.of_run(draft, task, RunState.ENABLED)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, number, failure)
        return False
    draft.case.runs[number] = replace(run, state=RunState.ENABLED)
    draft.note("enabled", task.name, number)
    timers.run(draft, dues, number)
    if run.state is RunState.AHEAD:
        return False
    firing.start(draft, number)
    if run.state is RunState.AHEAD_COMPLETED and not draft.case.ended:
        draft.effects.append(AskOutput(draft.item(number)))
    return True


def _reason_against(draft: Draft, task: Task) -> str:
    case = draft.case
    if task.kind is not Kind.HUMAN:
        return "nobody does it"
    if any(each is not None for each in (task.instances, task.loop, task.mutex, task.trigger)):
        return "its instances, loop, mutex or trigger are decided when it is enabled"
    if run_of(draft, task) is not None:
        return "it was brought forward already"
    if guards.times(draft, task) > 0:
        return "it is enabled already"
    living = [draft.task(run.task) for run in case.runs.values() if run.state not in LEFT | EARLY]
    if task.name not in behind(draft.net, living, case.marking).tasks:
        return "it does not lie ahead of this case"
    return ""


def _refused(message: str) -> Conflict:
    return Conflict(message, code="cannot_pre_do")
