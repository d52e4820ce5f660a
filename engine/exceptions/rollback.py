"""Points of a case to which it can go back: when a task last began, or the start.

They are read from the journal, which tells all there is to know; nothing is kept for them while cases run.
"""

from collections.abc import Callable, Sequence

from engine.case import BUSY, Case, Run
from engine.events import CaseSubmitted, PointFound
from engine.journal import Entry
from engine.replay import replay_journal
from engine.spec.model import START, Join, Specification, Task
from engine.step import Step

BEGAN = frozenset({"fired", "repeated", "restarted"})
"""The notes that say that a run began."""


def point_in(
    number: int,
    point: str,
    case_id: str,
    entries: Sequence[Entry],
    find: Callable[[str, str], Specification],
) -> PointFound:
    """How the case stood when the task `point` last began, in answer to question `number`."""
    found: list[tuple[Case, int]] = []

    if point == START:
        return _start(number, entries, find)

    def watch(entry: Entry, done: Step) -> None:
        begun = [note.number for note in done.notes if note.what in BEGAN and note.task == point and note.number]
        if begun:
            found[:] = [(done.case, begun[-1])]

    replay_journal(case_id, entries, find, watch)
    if not found:
        return PointFound(number, found=False)
    case, begun = found[-1]
    net = find(case.specification, case.specification_version).nets[case.net]
    return PointFound(
        number,
        found=True,
        marking=case.marking,
        due=case.due,
        data=case.data,
        begun=begun,
        runs={
            each: (run.task, _held(net.tasks[run.task], run, case))
            for each, run in case.runs.items()
            if run.state in BUSY
        },
        done=tuple(each.number for each in case.done),
    )


def _start(number: int, entries: Sequence[Entry], find: Callable[[str, str], Specification]) -> PointFound:
    """How the case stood when it had done nothing yet."""
    first = next(entry.event for entry in entries if isinstance(entry.event, CaseSubmitted))
    net = find(first.specification, first.version).nets[first.net]
    defaults = {name: variable.default for name, variable in net.variables.items() if variable.has_default}
    return PointFound(number, found=True, marking={START: 1}, data={**defaults, **first.data})


def _held(task: Task, run: Run, case: Case) -> tuple[str, ...]:
    """The places whose tokens a run holds."""
    if run.took:
        return run.took
    if task.join is Join.AND:
        return task.inputs
    if task.join is Join.THREADS:
        return task.inputs[:1] * task.needed
    if task.join is Join.PARTIAL:
        left = case.due.get(task.name, 0)
        arrived = len(task.inputs) - (len(left) if isinstance(left, list) else left)
        return task.inputs[:arrived]
    return task.inputs[:1]
