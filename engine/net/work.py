"""The work of one execution of a task: an item for a person, a call of a connector, or a child case.

It is worked out before anything changes, so that what fails leaves no trace. The effects name the number under which
the execution will be known.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from engine.case import BUSY, TimerKind
from engine.data.callbacks import with_items
from engine.data.expressions import ExpressionFailed, TemplateFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import (
    AskSpecification,
    Call,
    CreateItem,
    Effect,
    PickWorklet,
    PlaceCall,
    StartChild,
)
from engine.exceptions.raising import BoundExceeded
from engine.items.urgency import MAX_PRIORITY
from engine.items.words import MOST_OF_ITEM, words_of
from engine.items.work_item import ItemState, WorkItem
from engine.names import child_id
from engine.net import distribution, sharing, timers
from engine.spec.model import SHARED_CONNECTOR, Decomposition, Kind, Task

Data = Mapping[str, Any]


def prepare(draft: Draft, task: Task, number: int, data: Data, instance: int | None = None) -> list[Effect]:
    """What starts one execution, the `instance`-th of several or the only one.

    `data` is what its mappings see: the variables, and the element and index of an instance. Raises one of
    `DATA_FAILURES`.
    """
    return _PREPARED[task.kind](draft, task, number, data, instance)


def input_of(task: Task, data: Data) -> dict[str, Any]:
    """The input of a task, mapped from the data. Raises `ValidationFailed`, `ExpressionFailed`."""
    return task.input.apply(data) if task.input is not None else {}


def announced(draft: Draft, task: Task, number: int) -> list[Effect]:
    """The item of a task that is not enabled yet, without input; whom its offer cannot name yet it does not reach."""
    item = _new_item(draft, task, number, None)
    try:
        return [CreateItem(item), distribution.question(draft, task, item.id, draft.variables)]
    except (ValidationFailed, ExpressionFailed):
        return [CreateItem(item)]


def distributed_again(draft: Draft, task: Task, number: int) -> Effect:
    """Asks anew to whom an item goes that nobody has claimed yet. Raises `ValidationFailed`, `ExpressionFailed`."""
    return distribution.question(
        draft, task, draft.item(number), draft.variables, while_in=frozenset({ItemState.CREATED, ItemState.OFFERED})
    )


def _call(draft: Draft, task: Task, number: int, data: Data, instance: int | None) -> list[Effect]:
    asked = task.call
    assert asked is not None, f"automated task {task.name} without a connector passed verification"
    given = input_of(task, data)
    if asked.connector == SHARED_CONNECTOR:
        given = sharing.write_of(draft, task, given)
    config = asked.config.value if asked.config.static else asked.config.render(data)
    if asked.tells:
        config = with_items(config, lambda name: _item_out(draft, name))
    call = Call(
        draft.item(number),
        task.name,
        asked.connector,
        config,
        given,
        asked.timeout_s,
        asked.retry.attempts,
        draft.at,
        draft.case.correlation_id,
        instance,
    )
    return [PlaceCall(call)]


def _item_out(draft: Draft, name: str) -> str:
    """The item that a task has out in this case, the newest of several. Raises `TemplateFailed`."""
    numbers = [number for number, run in draft.case.runs.items() if run.task == name and run.state in BUSY]
    if not numbers:
        reason = f"task {name} has no item out in this case, so there is no callback URL of it: let it begin before"
        raise TemplateFailed("$", reason)
    return draft.item(max(numbers))


def _item(draft: Draft, task: Task, number: int, data: Data, instance: int | None) -> list[Effect]:
    given = input_of(task, data)
    item = replace(
        _new_item(draft, task, number, instance),
        input=given,
        priority=_priority(task, data),
        due_at=timers.due_of(draft, task.due, TimerKind.TASK).due if task.due is not None else 0,
        words=words_of({key: given.get(key) for key in task.search}, MOST_OF_ITEM) if task.search else (),
    )
    created: list[Effect] = [CreateItem(item)]
    # Without an offer it waits until an administrator gives it to somebody.
    if task.offer is None or (task.offer.late is not None and task.offer.late.after is not None):
        return created
    return [*created, distribution.question(draft, task, item.id, data)]


def _new_item(draft: Draft, task: Task, number: int, instance: int | None) -> WorkItem:
    case = draft.case
    return WorkItem(
        id=draft.item(number),
        case_id=case.id,
        specification=case.specification,
        specification_version=case.specification_version,
        net=case.net,
        task=task.name,
        kind=task.kind,
        state=ItemState.CREATED,
        created_at=draft.at,
        correlation_id=case.correlation_id,
        instance=instance,
    )


def _child(draft: Draft, task: Task, number: int, data: Data, instance: int | None) -> list[Effect]:
    case, runs = draft.case, task.decomposition
    assert runs is not None, f"composite task {task.name} without a net passed verification"
    if case.depth >= draft.specification.max_depth:
        raise BoundExceeded(f"composite tasks nest deeper than max_depth {draft.specification.max_depth}")
    given = input_of(task, data)
    if runs.picked:
        everything = {name: value for name, value in data.items() if value is not None}
        return [PickWorklet(number, task.name, given if task.input is not None else everything)]
    return run_child(draft, runs, number, given)


def run_child(
    draft: Draft, runs: Decomposition, number: int, given: dict[str, Any], *, by_name: bool = False
) -> list[Effect]:
    """What begins the child case that a composite task runs. `by_name`: it takes of what is given what it declares."""
    case = draft.case
    child = child_id(case.id, number)
    if runs.net is not None:
        if by_name:
            declared = draft.specification.nets[runs.net].variables
            given = {name: value for name, value in given.items() if name in declared and declared[name].input}
        return [StartChild(child, case.specification, case.specification_version, runs.net, given)]
    assert runs.specification is not None, "a composite task has a net or a specification"
    return [AskSpecification(number, runs.specification, runs.version, given, by_name)]


_PREPARED: dict[Kind, Callable[[Draft, Task, int, Data, int | None], list[Effect]]] = {
    Kind.AUTOMATED: _call,
    Kind.HUMAN: _item,
    Kind.COMPOSITE: _child,
}


def _priority(task: Task, data: Data) -> int:
    if task.priority is None:
        return 0
    value = task.priority.evaluate(data)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_PRIORITY:
        raise ExpressionFailed(task.priority.source, f"a priority is an integer up to {MAX_PRIORITY}, not {value!r}")
    return value
