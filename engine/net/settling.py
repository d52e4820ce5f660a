"""Coming to rest: what can fire by itself does, and waiting items are made to match what the marking allows.

Tasks that need nobody go first, in the order of the document, until none can be taken; only then are items for
people created or withdrawn, so that no item is shown that a running step takes away again.
"""

from collections.abc import Mapping
from typing import Any

from engine.case import CaseStatus, Run, RunState
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import MISSING, Source, ValidationFailed
from engine.draft import Draft
from engine.effects import Append, AskClaims, CreateItem, Distribute
from engine.errors import Problem
from engine.events import Continued
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.items.work_item import ItemState, WorkItem
from engine.net import firing, joins
from engine.net.ending import complete_or_deadlock, drop, end
from engine.spec.model import END, Kind, Task

FIRINGS_PER_STEP = 10_000
"""A net that fires more often without rest is a loop that never waits for anybody."""

CREATED_PER_STEP = 100
"""Items and calls that one step may create; each is one to three keys of a commit, which touches 500 at most."""

MAX_PRIORITY = 1_000_000


def settle(draft: Draft) -> None:
    """Brings the case to rest after its marking changed."""
    people: dict[int, Task] = {}
    firings = 0
    while draft.touched and draft.case.status is CaseStatus.RUNNING:
        if _reached_end(draft):
            return
        for task in _takers(draft):
            if task.kind is Kind.HUMAN:
                people[task.index] = task
                continue
            while not draft.case.ended and joins.times(task, draft.case.marking):
                if task.kind is Kind.AUTOMATED and draft.created >= CREATED_PER_STEP:
                    draft.postponed = True
                    break
                firings += 1
                if firings > FIRINGS_PER_STEP:
                    message = f"the net fired {FIRINGS_PER_STEP} times without waiting for anybody"
                    raise_exception(draft, ExceptionKind.CONSTRAINT_VIOLATION, task.name, 0, message)
                elif task.kind is Kind.AUTOMATED:
                    firing.start_automated(draft, task)
                else:
                    firing.pass_through(draft, task)
                if _reached_end(draft):
                    return
            if draft.case.ended:
                return
    for index in sorted(people):
        _match_items(draft, people[index])
        if draft.case.ended:
            return
    if draft.postponed:
        draft.effects.append(Append(Continued()))
    elif not draft.case.runs and draft.case.status is CaseStatus.RUNNING:
        complete_or_deadlock(draft)


def _takers(draft: Draft) -> list[Task]:
    """The tasks that take from a touched place, in the order of the document; the places count as seen."""
    consumers = draft.net.consumers
    touched, draft.touched = draft.touched, set()
    if len(touched) == 1:
        return list(consumers.get(touched.pop(), ()))
    found = {task.index: task for place in touched for task in consumers.get(place, ())}
    return [found[index] for index in sorted(found)]


def _reached_end(draft: Draft) -> bool:
    if draft.net.implicit_termination or END not in draft.case.marking:
        return False
    end(draft, CaseStatus.COMPLETED)
    return True


def _match_items(draft: Draft, task: Task) -> None:
    """As many items wait as the task could be taken in succession: missing ones are created, surplus ones withdrawn."""
    waiting = waiting_runs(draft, task)
    wanted = joins.times(task, draft.case.marking)
    for _ in range(wanted - len(waiting)):
        if draft.created >= CREATED_PER_STEP:
            draft.postponed = True
            return
        _create_item(draft, task)
        if draft.case.ended:
            return
    if wanted == 0:
        for number in waiting:
            drop(draft, number, ItemState.WITHDRAWN)
    elif wanted < len(waiting):
        # Only the store knows who has claimed what; the answer decides which ones go.
        draft.effects.append(AskClaims(task.name, tuple(draft.item(number) for number in waiting)))


def waiting_runs(draft: Draft, task: Task) -> list[int]:
    """The runs of a task whose items wait to be started, oldest first."""
    runs = draft.case.runs
    return [number for number, run in runs.items() if run.task == task.name and run.state is RunState.ENABLED]


def withdraw_surplus(draft: Draft, task: Task, claimed: frozenset[str]) -> None:
    """Withdraws the items that are too many, unclaimed and newest first."""
    waiting = waiting_runs(draft, task)
    surplus = len(waiting) - joins.times(task, draft.case.marking)
    order = sorted(waiting, key=lambda number: (draft.item(number) in claimed, -number))
    for number in order[: max(surplus, 0)]:
        drop(draft, number, ItemState.WITHDRAWN)


def _create_item(draft: Draft, task: Task) -> None:
    case = draft.case
    try:
        given = firing.input_of(draft, task)
        priority = _priority(draft, task)
        asked = _distribute(draft, task, draft.item(case.counter + 1))
    except (ValidationFailed, ExpressionFailed) as failure:
        firing.raise_data_exception(draft, task, 0, failure)
        return
    number = draft.next_number()
    case.runs[number] = Run(task.name, RunState.ENABLED)
    draft.created += 1
    item = WorkItem(
        id=draft.item(number),
        case_id=case.id,
        specification=case.specification,
        specification_version=case.specification_version,
        net=case.net,
        task=task.name,
        kind=task.kind,
        state=ItemState.CREATED,
        input=given,
        priority=priority,
        created_at=draft.at,
        correlation_id=case.correlation_id,
    )
    draft.effects.append(CreateItem(item))
    if asked is not None:
        draft.effects.append(asked)
    draft.note("enabled", task.name, number)


def _priority(draft: Draft, task: Task) -> int:
    if task.priority is None:
        return 0
    value = task.priority.evaluate(draft.variables)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_PRIORITY:
        raise ExpressionFailed(task.priority.source, f"a priority is an integer up to {MAX_PRIORITY}, not {value!r}")
    return value


def _distribute(draft: Draft, task: Task, item: str) -> Distribute | None:
    """The question to whom an item goes; None where the specification offers it to nobody."""
    if task.offer is None:
        return None
    variables, offer = draft.variables, task.offer
    return Distribute(
        item,
        task.name,
        roles=_names("roles", offer.roles, variables),
        participants=_names("participants", offer.participants, variables),
        positions=_names("positions", offer.positions, variables),
        groups=_names("groups", offer.groups, variables),
        capabilities=_names("capabilities", offer.capabilities, variables),
        interaction=task.interaction,
    )


def _names(part: str, sources: tuple[Source, ...], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that the sources of one part of an offer give: each a name or a list of names."""
    names: list[str] = []
    for source in sources:
        value = source.read(variables, variables)
        if value is MISSING or value is None:
            continue
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str):
                raise ValidationFailed((Problem(f"offer.{part}", f"a name is a string, not {name!r}"),))
            names.append(name)
    return tuple(dict.fromkeys(names))
