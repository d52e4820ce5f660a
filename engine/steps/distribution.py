"""Events of distribution: to whom an item goes is known, it comes back, nobody accepts it, it has an owner.

Who offers, allocates and starts (the system or a person) is said by the task, each for itself.
"""

from msgspec.structs import replace

from engine.case import BUSY, EARLY, WAITING, CaseStatus, RunState, TimerKind
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import ValidationFailed
from engine.data.moments import later
from engine.draft import SWEPT_PER_STEP, Draft
from engine.effects import AskAllocated, MoveItem
from engine.errors import Conflict
from engine.events import AllocatedAnswered, Distributed, ItemReturned, ItemTaken
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import DATA_FAILURES, raise_data_exception, raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.net import ahead, distribution, firing, instances, mutexes, timers, work
from engine.net.distribution import NOBODY
from engine.spec.model import Initiator, Interaction, Kind, OnOfferTimeout, Task

UNCLAIMED = frozenset({ItemState.CREATED, ItemState.OFFERED})
"""The states in which an item is nobody's yet."""

WAITS_FOR_PEOPLE = WAITING | {RunState.ANNOUNCED, RunState.REPEATING}
"""The states of a run whose item is distributed."""


def distributed(draft: Draft, event: Distributed) -> None:
    """The answer to whom an item goes. Where the system starts items, its owner has it started at once."""
    found = execution_of(draft.case, number_of(event.item))
    if found is None or draft.case.ended:
        draft.note("ignored", number=number_of(event.item), detail="the item is gone")
        return
    task = draft.task(found.run.task)
    if event.moot:
        draft.note("ignored", task.name, found.execution, "somebody has it already")
    elif event.error is not None:
        raise_exception(draft, ExceptionKind.CONSTRAINT_VIOLATION, task.name, found.execution, event.error, live=True)
    elif event.owner is not None:
        _allocate(draft, task, found, event, event.owner)
    elif event.offered_to:
        draft.effects.append(MoveItem(event.item, ItemState.OFFERED, offered_to=event.offered_to))
        draft.note("offered", task.name, found.execution, event.offered_to)
        _run_offer_timer(draft, task, found)
    else:
        _leave_unoffered(draft, task, found, event)


def returned(draft: Draft, event: ItemReturned) -> None:
    """An item that nobody has any more goes to others; to the administrators where none are left."""
    found = execution_of(draft.case, number_of(event.item))
    if found is None or draft.case.status is not CaseStatus.RUNNING:
        draft.note("ignored", number=number_of(event.item), detail="the item is gone")
        return
    draft.note("returned", found.run.task, found.execution, event.why or None)
    _ask(draft, found, without=event.without, among=event.among)


def taken(draft: Draft, event: ItemTaken) -> None:
    """An item has an owner: where the system starts items, it is started (commencement on allocation, WRP-37)."""
    found = execution_of(draft.case, number_of(event.item))
    if found is not None and draft.case.status is CaseStatus.RUNNING:
        task = draft.task(found.run.task)
        if task.interaction.start is Initiator.SYSTEM and not task.also:
            draft.effects.append(AskAllocated(task.name, (event.item,)))


def allocated_answered(draft: Draft, event: AllocatedAnswered) -> None:
    """It is known which items wait for the system to start them: as many are as may run."""
    for item, owner in event.items:
        found = execution_of(draft.case, number_of(item))
        if found is None or draft.case.status is not CaseStatus.RUNNING:
            continue
        if found.run.state is not RunState.ANNOUNCED and may_start(draft, found):
            start(draft, found, owner)


def start_allocated(draft: Draft) -> None:
    """A mutex is free: the items that the system starts, and that had to wait for it, are asked for."""
    for mutex in sorted(draft.freed):
        for task in draft.net.mutexes[mutex]:
            by_system = task.kind is Kind.HUMAN and task.interaction.start is Initiator.SYSTEM and not task.also
            if by_system and mutexes.is_free(draft, task):
                waiting = tuple(draft.item(number) for number in _waiting(draft, task))
                if waiting:
                    draft.effects.append(AskAllocated(task.name, waiting))
    draft.freed.clear()


def offer_timed_out(draft: Draft, number: int) -> None:
    """Nobody has accepted an item in time."""
    found = execution_of(draft.case, number)
    task = draft.task(draft.case.runs[number].task)
    if found is None or task.offer is None or found.run.state not in WAITS_FOR_PEOPLE:
        return
    draft.note("offer_timeout", task.name, number, task.offer.on_timeout)
    try:
        asked = distribution.question(
            draft, task, draft.item(number), draft.variables, while_in=frozenset({ItemState.OFFERED})
        )
    except (ValidationFailed, ExpressionFailed) as failure:
        raise_data_exception(draft, task.name, number, failure, live=True)
        return
    match task.offer.on_timeout:
        case OnOfferTimeout.ALLOCATE:
            interaction = distribution.by_system(task.interaction)
            draft.effects.append(replace(asked, interaction=interaction, among_offered=True))
        case OnOfferTimeout.ESCALATE:
            draft.effects.append(replace(asked, among_offered=True, escalated=True, top=None))
        case OnOfferTimeout.UNOFFER:
            interaction = Interaction(Initiator.USER, task.interaction.allocate, task.interaction.start)
            draft.effects.append(replace(asked, interaction=interaction))


def late(draft: Draft, number: int) -> None:
    """An item was to go to people only later, and it is later."""
    found = execution_of(draft.case, number)
    if found is not None and found.run.state in WAITS_FOR_PEOPLE:
        _ask(draft, found, while_in=frozenset({ItemState.CREATED}))


# -- starting ------------------------------------------------------------------------------------------------------


def start(draft: Draft, found: Execution, by: str) -> None:
    """An item is started by its owner, or for him: its task fires."""
    task = draft.task(found.run.task)
    given = None
    if found.instance is None:
        try:
            given = work.input_of(task, draft.variables)
        except (ValidationFailed, ExpressionFailed) as failure:
            raise_data_exception(draft, task.name, found.execution, failure, live=True)
            return
    if found.run.state in EARLY:
        ahead.start(draft, found)
        draft.effects.append(MoveItem(draft.item(found.execution), ItemState.STARTED, owner=by, input=given))
        return
    # An instance keeps what it was given when it was created: its element is its own (data pattern 4).
    timers.clear_of_kind(draft, found.number, TimerKind.OFFER)
    if not firing.start(draft, found.number):
        return
    if found.instance is not None:
        draft.note("started", task.name, found.execution)
    draft.effects.append(MoveItem(draft.item(found.execution), ItemState.STARTED, owner=by, input=given))
    remember(draft, task.name, started=by)
    _handle(draft, task, by)


def check(draft: Draft, found: Execution, by: str) -> None:
    """Refuses a start by somebody whom earlier work in the case keeps from it. Raises `Conflict`.

    Who an item was offered to was found before: meanwhile others may have done what this one must not follow.
    """
    task = draft.task(found.run.task)
    if by in distribution.separated_from(draft, task):
        names = ", ".join(task.constraints.separate_from)
        message = f"{by} may not do {task.name}: four eyes are wanted, and he had to do with {names}"
        raise Conflict(message, code="separation_of_duties")
    handler = draft.case.handler
    if task.constraints.handled and handler not in (None, by):
        raise Conflict(f"{by} may not do {task.name}: {handler} handles case {draft.case.id}", code="case_handled")


def may_start(draft: Draft, found: Execution) -> bool:
    """Whether no mutex keeps an item from being started."""
    return found.run.state is not RunState.ENABLED or mutexes.is_free(draft, draft.task(found.run.task))


def remember(draft: Draft, task: str, *, started: str | None = None, completed: str | None = None) -> None:
    """Keeps who had to do with a task, if the constraints of another name it."""
    if task not in draft.net.remembered:
        return
    known = draft.case.performers.get(task, NOBODY)
    if started is not None and started not in known.started:
        known = replace(known, started=(*known.started, started))
    if completed is not None and completed not in known.completed:
        known = replace(known, completed=(*known.completed, completed))
    draft.case.performers[task] = known


# -- distributing --------------------------------------------------------------------------------------------------


def _allocate(draft: Draft, task: Task, found: Execution, event: Distributed, owner: str) -> None:
    draft.effects.append(MoveItem(event.item, ItemState.ALLOCATED, offered_to=event.offered_to, owner=owner))
    draft.note("allocated", task.name, found.execution, owner)
    timers.clear_of_kind(draft, found.number, TimerKind.OFFER)
    _handle(draft, task, owner)
    announced = found.run.state is RunState.ANNOUNCED
    # What further resources it takes is engaged in the request of a person.
    starts = (event.start or task.interaction.start is Initiator.SYSTEM) and not task.also
    if starts and not announced and may_start(draft, found):
        start(draft, found, owner)


def _leave_unoffered(draft: Draft, task: Task, found: Execution, event: Distributed) -> None:
    """Nobody gets an item: it waits for an administrator, or until somebody has time for it."""
    draft.note("unoffered", task.name, found.execution)
    if event.again:
        draft.effects.append(MoveItem(event.item, ItemState.CREATED, offered_to=()))
    offer = task.offer
    if offer is None or task.interaction.offer is Initiator.USER or event.withheld:
        return
    if offer.late is not None and offer.late.workload_below is not None:
        due = later(draft.at, offer.late.every)
        timers.run(draft, [timers.Due(TimerKind.LATE, 0, due)], found.number)
        return
    message = "nobody who may do it is there"
    raise_exception(draft, ExceptionKind.RESOURCE_UNAVAILABLE, task.name, found.execution, message, live=True)


def _run_offer_timer(draft: Draft, task: Task, found: Execution) -> None:
    if task.offer is None or task.offer.timeout is None or found.run.state is RunState.ANNOUNCED:
        return
    timers.clear_of_kind(draft, found.number, TimerKind.OFFER)
    due = later(draft.at, task.offer.timeout)
    timers.run(draft, [timers.Due(TimerKind.OFFER, 0, due)], found.number)


def _handle(draft: Draft, task: Task, by: str) -> None:
    """The first who gets work of a case that one person is to handle handles it; what else waits goes to him."""
    if not task.constraints.handled or draft.case.handler is not None:
        return
    draft.case.handler = by
    draft.note("handled", task.name, detail=by)
    asked = 0
    for number, run in list(draft.case.runs.items()):
        other = draft.task(run.task)
        if other.constraints.handled and run.instances is None and run.state in WAITS_FOR_PEOPLE:
            if asked == SWEPT_PER_STEP:
                # Who starts one of those left that is not the handler's is refused.
                return
            found = execution_of(draft.case, number)
            assert found is not None, "a run that waits is not over"
            _ask(draft, found)
            asked += 1


def _ask(
    draft: Draft,
    found: Execution,
    *,
    without: tuple[str, ...] = (),
    among: tuple[str, ...] | None = None,
    while_in: frozenset[ItemState] = UNCLAIMED,
) -> None:
    """Asks anew to whom an item goes, unless somebody has it."""
    task = draft.task(found.run.task)
    if task.offer is None and among is None:
        draft.note("unoffered", task.name, found.execution)
        return
    try:
        data = instances.seen_by(draft, task, found.instance)
        item = draft.item(found.execution)
        asked = distribution.question(draft, task, item, data, without=without, among=among, while_in=while_in)
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, found.execution, failure, live=True)
        return
    if among is not None:
        asked = replace(asked, interaction=Interaction(allocate=task.interaction.allocate))
    draft.effects.append(asked)


def _waiting(draft: Draft, task: Task) -> list[int]:
    """The executions of a task that wait to be started, the oldest first, as many as a step may look at."""
    numbers: list[int] = []
    for number, run in draft.case.runs.items():
        if run.task != task.name or run.state not in WAITS_FOR_PEOPLE | BUSY or run.state is RunState.ANNOUNCED:
            continue
        if run.instances is None:
            numbers.append(number)
        else:
            numbers += [run.instances.number(index) for index in range(run.instances.created)]
        if len(numbers) >= SWEPT_PER_STEP:
            break
    return numbers[:SWEPT_PER_STEP]
