"""Coming to rest: what can fire by itself does, and waiting items are made to match what the marking allows.

Tasks that need nobody go first, in the order of the document, until none can be taken. Then or-joins are decided:
they look at all that can still happen, so they are asked when nothing more happens by itself. Only at the end are
items for people created or withdrawn, so that no item is shown that a running step takes away again.
"""

from collections.abc import Iterable

from engine.case import WAITING, CaseStatus, RunState
from engine.data.expressions import ExpressionFailed
from engine.draft import Draft
from engine.effects import AskClaims
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.outcomes import note_unhandled
from engine.exceptions.raising import DATA_FAILURES, fail_case, raise_data_exception, raise_exception
from engine.net import ahead, cancellation, firing, guards, joins, mutexes
from engine.net.completion import complete, completes_or_waits
from engine.net.or_join import Decision
from engine.spec.model import END, Join, Kind, Task

FIRINGS_PER_STEP = 10_000
"""A net that fires more often without rest, also in steps that go on one from another, never waits for anybody."""


def settle(draft: Draft) -> None:
    """Brings the case to rest after its marking changed."""
    if draft.case.ending is not None:
        # It only compensates what it has done.
        draft.touched.clear()
        return
    people = _Waiting()
    firings = draft.case.unrested
    while draft.case.status is CaseStatus.RUNNING:
        if _reached_end(draft):
            return
        takers = (_takers(draft) if draft.touched else []) or _ready_or_joins(draft)
        if not takers:
            break
        for task in takers:
            joins.swallow(task, draft.state)
            while _can_fire(draft, task, people):
                firings += 1
                if firings > FIRINGS_PER_STEP:
                    message = f"the net fired {FIRINGS_PER_STEP} times without waiting for anybody"
                    # Whatever were done about it, it would fire on.
                    draft.note("raised", task.name, 0, {"kind": ExceptionKind.CONSTRAINT_VIOLATION, "message": message})
                    note_unhandled(draft, ExceptionKind.CONSTRAINT_VIOLATION, task.name, 0, message)
                    fail_case(draft, ExceptionKind.CONSTRAINT_VIOLATION, message, task.name)
                    return
                firing.fire(draft, task, _consumed(draft, task))
                if _is_over(draft) or _reached_end(draft):
                    return
    taken = False
    for task in people.in_order(draft):
        taken |= _match_items(draft, task)
        if _is_over(draft):
            return
    if taken:
        # Others may have waited for the same tokens. It comes to an end: nobody is ahead of the same task twice.
        settle(draft)
        return
    draft.case.unrested = firings if draft.postponed else 0
    _note_undecided(draft)
    # Who is ahead of his time keeps no case from its end.
    rests = draft.case.is_idle and not draft.postponed and draft.case.status is CaseStatus.RUNNING
    if rests and not completes_or_waits(draft):
        message = f"nothing can move, and there are tokens {_tokens(draft)}"
        raise_exception(draft, ExceptionKind.DEADLOCK, "", 0, message)


def waiting_runs(draft: Draft, task: Task) -> list[int]:
    """The runs of a task whose items wait to be started and hold no token, oldest first."""
    runs = draft.case.runs
    return [number for number, run in runs.items() if run.task == task.name and run.state in WAITING]


def withdraw_surplus(draft: Draft, task: Task, claimed: frozenset[str]) -> None:
    """Withdraws the runs that are too many, unclaimed and newest first."""
    waiting = waiting_runs(draft, task)
    surplus = len(waiting) - guards.times(draft, task)
    order = sorted(waiting, key=lambda number: (draft.item(number) in claimed, -number))
    for number in order[: max(surplus, 0)]:
        withdraw(draft, number)


def withdraw(draft: Draft, number: int) -> None:
    """Withdraws a run that waits. The persistent trigger that it had consumed waits for another one."""
    run = draft.case.runs[number]
    trigger = draft.task(run.task).trigger
    if run.trigger is not None and trigger is not None and trigger.persistent:
        draft.case.triggers = ((trigger.name, run.trigger[0]), *draft.case.triggers)
        # Somebody else may wait for it: the whole net is looked at once more.
        draft.postponed = True
    cancellation.leave(draft, number, RunState.WITHDRAWN)


class _Waiting:
    """The tasks whose waiting runs may have to change: those of people, and those with a delay."""

    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}

    def add(self, task: Task) -> None:
        self._tasks[task.index] = task

    def in_order(self, draft: Draft) -> list[Task]:
        for task in draft.net.or_joins:
            # Anything that happened may have decided an or-join, wherever it was.
            if task.kind is Kind.HUMAN or task.delay is not None:
                self.add(task)
        return [self._tasks[index] for index in sorted(self._tasks)]


def _takers(draft: Draft) -> list[Task]:
    """The tasks that take from a touched place, in the order of the document; the places count as seen."""
    consumers = draft.net.consumers
    touched, draft.touched = draft.touched, set()
    if len(touched) == 1:
        return _not_or(consumers.get(touched.pop(), ()))
    found = {task.index: task for place in touched for task in consumers.get(place, ())}
    return _not_or(found[index] for index in sorted(found))


def _not_or(tasks: Iterable[Task]) -> list[Task]:
    return [task for task in tasks if task.join is not Join.OR]


def _ready_or_joins(draft: Draft) -> list[Task]:
    """The first or-join that starts by itself and is enabled. One at a time: its firing may decide the others."""
    if draft.net.or_joins:
        ignored = _Waiting()
        for task in draft.net.or_joins:
            if _can_fire(draft, task, ignored):
                return [task]
    return []


def _can_fire(draft: Draft, task: Task, people: _Waiting) -> bool:
    """Whether a task can fire now, by itself. One that waits for a person or a delay is remembered."""
    if _is_over(draft) or draft.blocked(task.name):
        return False
    if not joins.enabled(task, draft.state):
        if task.kind is Kind.HUMAN or task.delay is not None:
            people.add(task)
        return False
    try:
        if not guards.holds(draft, task):
            if task.kind is Kind.HUMAN or task.delay is not None:
                people.add(task)
            return False
        if not firing.starts_by_itself(draft, task):
            people.add(task)
            return False
    except DATA_FAILURES as failure:
        raise_data_exception(draft, task.name, 0, failure)
        return False
    if not mutexes.is_free(draft, task) or not _has_trigger(draft, task):
        return False
    if task.kind is not Kind.ROUTING and draft.full:
        draft.postponed = True
        return False
    return True


def _has_trigger(draft: Draft, task: Task) -> bool:
    """Whether the outside event that a task waits for has come; a transient one starts it in the step it comes in."""
    if task.trigger is None:
        return True
    return task.trigger.persistent and any(name == task.trigger.name for name, _ in draft.case.triggers)


def _consumed(draft: Draft, task: Task) -> firing.Trigger:
    """The oldest kept trigger that a task waits for; it is kept no longer."""
    if task.trigger is None:
        return None
    kept = draft.case.triggers
    index = next(index for index, (name, _) in enumerate(kept) if name == task.trigger.name)
    draft.case.triggers = kept[:index] + kept[index + 1 :]
    return (kept[index][1],)


def _is_over(draft: Draft) -> bool:
    """Whether the net has no more to do: the case has ended, or is to end."""
    return draft.case.ended or draft.case.ending is not None


def _reached_end(draft: Draft) -> bool:
    if draft.net.implicit_termination or END not in draft.case.marking:
        return False
    complete(draft)
    return True


def _match_items(draft: Draft, task: Task) -> bool:
    """As many runs wait as the task could be taken in succession: missing ones are created, surplus ones withdrawn.

    Whether tokens were taken, because somebody had started ahead of his time.
    """
    if draft.blocked(task.name):
        return False
    waiting = waiting_runs(draft, task)
    try:
        wanted = guards.times(draft, task)
    except ExpressionFailed as failure:
        raise_data_exception(draft, task.name, 0, failure)
        return False
    taken = False
    for _ in range(wanted - len(waiting)):
        if not _has_trigger(draft, task):
            return taken
        early = ahead.run_of(draft, task)
        if early is not None:
            taken |= ahead.catch_up(draft, task, early)
            if draft.case.ended:
                return taken
            continue
        if draft.full:
            draft.postponed = True
            return taken
        if task.delay is not None:
            firing.delay(draft, task)
        else:
            firing.enable(draft, task, _consumed(draft, task))
        if _is_over(draft) or draft.blocked(task.name):
            return taken
    if wanted == 0:
        for number in waiting:
            withdraw(draft, number)
    elif wanted < len(waiting):
        # Only the store knows who has claimed what; the answer decides which ones go.
        items = tuple(draft.item(number) for number in waiting if draft.case.runs[number].instances is None)
        draft.effects.append(AskClaims(task.name, items))
    return taken


def _tokens(draft: Draft) -> str:
    """`before ship: 1`."""
    return ", ".join(f"in {place}: {count}" for place, count in sorted(draft.case.marking.items())) or "nowhere"


def _note_undecided(draft: Draft) -> None:
    """Says which or-joins wait only because their analysis reached its bound."""
    state = draft.state
    for task in draft.net.or_joins:
        marked = any(place in state.marking for place in task.inputs)
        if marked and joins.decide(task, state) is Decision.UNDECIDED:
            draft.note("undecided", task.name)
