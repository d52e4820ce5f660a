"""Multiple instances of a task: how many there are to be, and when enough have ended (WCP-12 to 15, 34 to 36).

The run keeps counters only, so that the end of one instance costs the same with a hundred as with a hundred thousand;
what each one gave is kept in a record of the run until it is gathered.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from engine.case import InstanceSet, Run
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import MISSING, OUTPUT
from engine.draft import Draft
from engine.effects import KeepResult
from engine.exceptions.raising import DATA_FAILURES, BoundExceeded, raise_data_exception
from engine.net import work
from engine.spec.instances import COUNTERS
from engine.spec.model import Instances, OnFailure, Task
from engine.spec.shape import named

SPARE = 16
"""Numbers that are set apart at least when instances may be added; each further span is as long as all before it."""


def of(task: Task) -> Instances:
    """The multiple instances of a task that has them."""
    assert task.instances is not None, f"task {task.name} has a single instance"
    return task.instances


def plan(draft: Draft, task: Task) -> InstanceSet:
    """How many instances there are to be, and their elements. Raises one of `DATA_FAILURES`."""
    instances, data = of(task), draft.variables
    if instances.each is not None:
        elements = instances.each.read(data, data)
        if not isinstance(elements, list):
            found = "nothing" if elements is MISSING else named(elements)
            raise BoundExceeded(f"instances.each must give a list, and gives {found}")
        planned, listed = len(elements), tuple(elements)
    else:
        assert instances.count is not None, "instances have each or count"
        count = instances.count.evaluate(data)
        if isinstance(count, bool) or not isinstance(count, int):
            raise ExpressionFailed(instances.count.source, f"a number of instances is an integer, not {count!r}")
        planned, listed = count, None
    if not instances.least <= planned <= instances.most:
        raise BoundExceeded(f"{planned} instances, and there may be {instances.least} to {instances.most}")
    return InstanceSet((), planned, elements=listed)


def set_apart(draft: Draft, task: Task, instances: InstanceSet) -> InstanceSet:
    """Takes numbers of the case for the instances; where more may be added, some to spare."""
    count = instances.planned
    if of(task).dynamic:
        count = min(max(2 * count, SPARE), of(task).most)
    return _with_span(draft, instances, count)


def add(draft: Draft, task: Task, instances: InstanceSet, element: Any) -> InstanceSet:
    """One more instance is to be. Its element is kept until it is created."""
    if instances.planned == sum(count for _, count in instances.spans):
        instances = _with_span(draft, instances, max(instances.planned, SPARE))
    # Those that were only counted have their index as element.
    waiting = instances.elements if instances.elements is not None else range(instances.created, instances.planned)
    return replace(instances, planned=instances.planned + 1, elements=(*waiting, element))


def grow(draft: Draft, number: int) -> bool:
    """Creates the instances of a run that are planned, as far as the bound of the step allows.

    Returns False where one of them could not be: an exception was raised.
    """
    run = draft.case.runs[number]
    task, group = draft.task(run.task), run.instances
    assert group is not None, f"run {number} has a single instance"
    elements, created, first = group.elements, group.created, group.created
    while created < group.planned and not draft.full:
        element = elements[created - first] if elements is not None else created
        data = {**draft.variables, of(task).element: element, of(task).index: created}
        try:
            effects = work.prepare(draft, task, group.number(created), data, created)
        except DATA_FAILURES as failure:
            draft.case.runs[number] = replace(run, instances=replace(group, created=created, elements=None))
            raise_data_exception(draft, task.name, group.number(created), failure, run=number)
            return False
        draft.effects += effects
        draft.created += 1
        created += 1
    left = elements[created - first :] if elements is not None and created < group.planned else None
    draft.case.runs[number] = replace(run, instances=replace(group, created=created, elements=left))
    draft.postponed |= created < group.planned
    return True


def seen_by(draft: Draft, task: Task, index: int | None) -> Mapping[str, Any]:
    """The variables as an instance finds them (None: the task has no several), when it is asked for after its creation.

    Its element is read anew, and null where the data no longer have one for it. Raises one of `DATA_FAILURES`.
    """
    if index is None or task.instances is None:
        return draft.variables
    elements = plan(draft, task).elements if task.instances.each is not None else None
    element = index if elements is None else elements[index] if index < len(elements) else None
    return {**draft.variables, task.instances.element: element, task.instances.index: index}


def keep(draft: Draft, number: int, task: Task, index: int, output: Any) -> None:
    """Keeps what an instance gave, as far as it is gathered. Raises one of `DATA_FAILURES`."""
    gathers = of(task).gathers
    if gathers:
        data = {**draft.variables, OUTPUT: output}
        read = {each.variable: each.source.read(output, data) for each in gathers}
        found = {variable: value for variable, value in read.items() if value is not MISSING}
        draft.effects.append(KeepResult(draft.item(number), index, found))


def enough(draft: Draft, run: Run) -> bool:
    """Whether the task is done: no instance is left, or as many have completed as the threshold asks for.

    Raises `ExpressionFailed`.
    """
    task, group = draft.task(run.task), run.instances
    assert group is not None, "only several instances have a threshold"
    if group.active == 0:
        return True
    rule = of(task)
    done = group.completed + (group.failed if rule.on_failure is OnFailure.COUNT else 0)
    if rule.threshold is None:
        return False
    if isinstance(rule.threshold, int):
        return done >= rule.threshold
    counters = {
        "total": group.planned,
        "completed": done,
        "failed": group.failed,
        "cancelled": group.cancelled,
        "active": group.active,
    }
    value = rule.threshold.evaluate({**draft.variables, COUNTERS: counters})
    if isinstance(value, bool):
        return value
    if not isinstance(value, int):
        raise ExpressionFailed(rule.threshold.source, f"a threshold is an integer or a condition, not {value!r}")
    return done >= value


def _with_span(draft: Draft, instances: InstanceSet, count: int) -> InstanceSet:
    first = draft.case.counter + 1
    draft.case.counter += count
    return replace(instances, spans=(*instances.spans, (first, count)))
