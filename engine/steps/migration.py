"""Migration: a running case goes on with another version of its specification, if all that stands in it has a place.

What is marked, runs, waits or is held must be there in the other version and mean the same kind of thing; data must
fit its variables. Anything else is refused with every reason, and nothing has changed then.
"""

from collections.abc import Iterator, Mapping

from engine.case import LEFT, CaseStatus, InstanceSet, Run, TimerKind
from engine.draft import Draft
from engine.effects import RelabelItem
from engine.errors import Conflict, Problem
from engine.events import CaseMigrated
from engine.executions import execution_of, executions
from engine.spec.model import Kind, Task
from engine.steps import cases

MOST_INSTANCES = 200
"""Instances of one task that can be moved: each is a record of the commit, which touches 500 keys at most."""

MIGRATED = frozenset({CaseStatus.RUNNING, CaseStatus.SUSPENDED, CaseStatus.DEADLOCKED})


def migrated(draft: Draft, event: CaseMigrated) -> None:
    """The draft's specification is the other version. Raises `Conflict` (`cannot_migrate`) with every reason."""
    case = draft.case
    if case.status not in MIGRATED:
        raise Conflict(f"case {case.id} is {case.status}", code="cannot_migrate")
    problems = [*_missing(draft, event.kinds), *_unfit(draft)]
    if problems:
        message = f"case {case.id} cannot go on with version {event.version}"
        raise Conflict(message, code="cannot_migrate", problems=problems)
    case.specification_version = event.version
    draft.set_data(
        {name: v.default for name, v in draft.net.variables.items() if v.has_default and name not in case.data}
    )
    for number in executions(case):
        found = execution_of(case, number)
        if found is not None and draft.task(found.run.task).kind is Kind.HUMAN:
            draft.effects.append(RelabelItem(draft.item(number), event.version))
    if case.status is CaseStatus.DEADLOCKED:
        # The other version may lead on from here.
        case.status = CaseStatus.RUNNING
    draft.touched.update(case.marking)
    draft.unsettled = True
    draft.note("migrated", detail=event.version)
    if draft.net.shared:
        cases.ask_shared(draft)


def _missing(draft: Draft, kinds: Mapping[str, str]) -> Iterator[Problem]:
    """What stands in the case and has no place in the other version."""
    case, net = draft.case, draft.net
    places = frozenset(net.places)
    for place in case.marking:
        if place not in places:
            yield Problem(f"marking.{place}", "is marked, and there is no such condition")
    for name in case.due:
        task = net.tasks.get(name)
        if task is None or task.partial is None:
            yield Problem(f"tasks.{name}", "is a partial join in the middle of a round, and there is none")
    for run in case.runs.values():
        yield from _run_problems(net.tasks.get(run.task), run, kinds.get(run.task, ""))
    for mutex in case.held:
        if mutex not in net.mutexes:
            yield Problem(f"mutexes.{mutex}", "is held, and no task names it")
    for timer in case.timers.values():
        run_of = case.runs.get(timer.run)
        task = net.tasks.get(run_of.task) if run_of is not None else None
        if timer.kind is TimerKind.TASK and (task is None or timer.nth >= len(task.timers)):
            yield Problem(f"tasks.{run_of.task if run_of else ''}.timer", "runs, and there is no such timer")
    for name, _ in case.triggers:
        if name not in net.triggers:
            yield Problem(f"triggers.{name}", "was posted and waits, and no task waits for it")


def _run_problems(task: Task | None, run: Run, kind: str) -> Iterator[Problem]:
    place = f"tasks.{run.task}"
    if task is None:
        yield Problem(place, f"is {run.state}, and there is no such task")
        return
    if run.state in LEFT:
        return
    several: InstanceSet | None = run.instances
    if (several is None) != (task.instances is None):
        yield Problem(place, "has a single instance in one version and several in the other")
    elif task.kind != kind:
        yield Problem(place, f"is {kind} in one version and {task.kind} in the other")
    elif several is not None and several.active > MOST_INSTANCES:
        yield Problem(place, f"has {several.active} instances under way, and {MOST_INSTANCES} can be moved at once")


def _unfit(draft: Draft) -> Iterator[Problem]:
    """Data that does not fit the variables of the other version."""
    for name, value in draft.case.data.items():
        variable = draft.net.variables.get(name)
        if variable is None:
            yield Problem(f"data.{name}", "is set, and there is no such variable")
        elif variable.schema is not None:
            for path, message in variable.schema.check(value):
                yield Problem(f"data.{name}{path[1:]}", message)
