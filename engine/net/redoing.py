"""Redo (resource pattern 34): completed work is done again, and everything that followed from it is taken back.

What followed is all that lies behind the task in its net, loops included: its tokens are removed, what runs there is
cancelled, what waits is withdrawn. A branch beside it stays as it is; where a synchronising join behind the task has
taken tokens of such a branch since, they are put back, so that the join can be done again. Which ones those are the
journal says. The case's data stay as they are, and the task holds its tokens while its new item waits, as in the next
round of a loop.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from engine.case import Run, RunState
from engine.draft import Draft
from engine.errors import Conflict
from engine.events import ItemRedone
from engine.exceptions.raising import DATA_FAILURES
from engine.journal import Entry
from engine.names import number_of
from engine.net import cancellation, marking, mutexes, timers, work
from engine.net.behind import behind
from engine.spec.model import Join, Net, Task


def fired_since(net: Net, entries: Iterable[Entry], item: str) -> Counter[str]:
    """How often tasks have fired since an item completed, by what the journal notes and was not taken back since.

    Raises `Conflict` (`cannot_redo`) where the item itself was taken back.
    """
    index = 0
    fired: list[tuple[int, str]] = []
    completed: dict[int, tuple[int, str]] = {}
    for entry in entries:
        for note in entry.notes:
            index += 1
            if note.what == "fired":
                fired.append((index, note.task))
            elif note.what == "completed":
                completed[note.number] = (index, note.task)
            elif note.what == "redone":
                since, again = completed.pop(note.detail, (0, note.task))
                undone = behind(net, [net.tasks[again]]).tasks if again in net.tasks else ()
                fired = [(at, task) for at, task in fired if at < since or task not in undone]
                completed = {
                    number: (at, task) for number, (at, task) in completed.items() if at < since or task not in undone
                }
    if number_of(item) not in completed:
        raise _refused(f"item {item} is done again already, or was taken back with what came before it")
    since, _ = completed[number_of(item)]
    return Counter(task for at, task in fired if at > since)


def restored(net: Net, name: str, fired: Mapping[str, int]) -> dict[str, int]:
    """The tokens of branches beside a task that joins behind it have taken, by place.

    Raises `Conflict` (`cannot_redo`) where it cannot be known what a task behind it has taken or removed.
    """
    region = behind(net, [net.tasks[name]])
    found: Counter[str] = Counter()
    for task in (net.tasks[each] for each in region.tasks if fired.get(each)):
        if task.cancels is not None or task.resets is not None or task.completes:
            raise _refused(f"task {task.name} has cancelled others since, and nothing says what")
        beside = [place for place in task.inputs if place not in region.places]
        if not beside or task.join is Join.XOR:
            continue
        if task.join is not Join.AND:
            raise _refused(f"task {task.name} has joined other branches since, and nothing says which")
        found.update(dict.fromkeys(beside, fired[task.name]))
    return dict(found)


def redo(draft: Draft, event: ItemRedone) -> None:
    """Takes back what followed from an item, and has its task done again. Raises `Conflict` (`cannot_redo`)."""
    task = draft.net.tasks.get(event.task)
    if task is None or task.instances is not None:
        raise _refused(f"item {event.item} is one of several instances, or its task is gone")
    region = behind(draft.net, [task])
    runs = draft.case.runs.values()
    if not any(place in draft.case.marking for place in region.places) and all(
        run.task not in region.tasks for run in runs
    ):
        raise _refused(f"nothing is left of what followed from item {event.item}")
    cancellation.empty(draft, region)
    draft.touched.update(region.places)
    for place, count in event.restored.items():
        for _ in range(count):
            marking.add(draft.case.marking, place)
        draft.touched.add(place)
    _begin_again(draft, task, number_of(event.item))


def _begin_again(draft: Draft, task: Task, before: int) -> None:
    if not mutexes.is_free(draft, task):
        raise Conflict(f"task {task.name} has to wait: its mutex {task.mutex} is held", code="mutex_held")
    number = draft.case.counter + 1
    try:
        effects = work.prepare(draft, task, number, draft.variables)
        dues = timers.of_run(draft, task, RunState.REPEATING)
    except DATA_FAILURES as failure:
        raise _refused(f"task {task.name} cannot be begun again: {failure}") from failure
    draft.case.counter = number
    mutexes.hold(draft, task, number)
    draft.case.runs[number] = Run(task.name, RunState.REPEATING)
    draft.created += 1
    draft.effects += effects
    draft.note("redone", task.name, number, before)
    timers.run(draft, dues, number)
    draft.unsettled = True


def _refused(message: str) -> Conflict:
    return Conflict(message, code="cannot_redo")
