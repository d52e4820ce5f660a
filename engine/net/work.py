"""The work of one execution of a task: an item for a person, a call of a connector, or a child case.

It is worked out before anything changes, so that what fails leaves no trace. The effects name the number under which
the execution will be known.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.case import BUSY
from engine.data.callbacks import with_items
from engine.data.expressions import ExpressionFailed, TemplateFailed
from engine.data.mapping import MISSING, Source, ValidationFailed
from engine.draft import Draft
from engine.effects import (
    AskSpecification,
    Call,
    CreateItem,
    Distribute,
    Effect,
    PlaceCall,
    StartChild,
)
from engine.errors import Problem
from engine.exceptions.raising import BoundExceeded
from engine.items.work_item import ItemState, WorkItem
from engine.names import child_id
from engine.net import sharing
from engine.spec.model import SHARED_CONNECTOR, Kind, Task

MAX_PRIORITY = 1_000_000

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
    case = draft.case
    item = WorkItem(
        id=draft.item(number),
        case_id=case.id,
        specification=case.specification,
        specification_version=case.specification_version,
        net=case.net,
        task=task.name,
        kind=task.kind,
        state=ItemState.CREATED,
        input=input_of(task, data),
        priority=_priority(task, data),
        created_at=draft.at,
        correlation_id=case.correlation_id,
        instance=instance,
    )
    created: list[Effect] = [CreateItem(item)]
    # Without an offer it waits until an administrator gives it to somebody.
    return created if task.offer is None else [*created, _distribute(task, item.id, data)]


def _child(draft: Draft, task: Task, number: int, data: Data, instance: int | None) -> list[Effect]:
    case, runs = draft.case, task.decomposition
    assert runs is not None, f"composite task {task.name} without a net passed verification"
    if case.depth >= draft.specification.max_depth:
        raise BoundExceeded(f"composite tasks nest deeper than max_depth {draft.specification.max_depth}")
    given = input_of(task, data)
    child = child_id(case.id, number)
    if runs.net is not None:
        return [StartChild(child, case.specification, case.specification_version, runs.net, given)]
    assert runs.specification is not None, "a composite task has a net or a specification"
    return [AskSpecification(number, runs.specification, runs.version, given)]


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


def _distribute(task: Task, item: str, data: Data) -> Distribute:
    """The question to whom an item goes."""
    offer = task.offer
    assert offer is not None, "only what is offered is distributed"
    return Distribute(
        item,
        task.name,
        roles=_names("roles", offer.roles, data),
        participants=_names("participants", offer.participants, data),
        positions=_names("positions", offer.positions, data),
        groups=_names("groups", offer.groups, data),
        capabilities=_names("capabilities", offer.capabilities, data),
        interaction=task.interaction,
    )


def _names(part: str, sources: tuple[Source, ...], data: Data) -> tuple[str, ...]:
    """The names that the sources of one part of an offer give: each a name or a list of names."""
    names: list[str] = []
    for source in sources:
        value = source.read(data, data)
        if value is MISSING or value is None:
            continue
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str):
                raise ValidationFailed((Problem(f"offer.{part}", f"a name is a string, not {name!r}"),))
            names.append(name)
    return tuple(dict.fromkeys(names))
