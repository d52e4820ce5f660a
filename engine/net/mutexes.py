"""Mutexes: of the tasks that name one, only one runs at a time (WCP-17, WCP-39, WCP-40)."""

from engine.draft import Draft
from engine.spec.model import Task


def is_free(draft: Draft, task: Task) -> bool:
    """Whether no other run holds the mutex of a task."""
    return task.mutex is None or task.mutex not in draft.case.held


def hold(draft: Draft, task: Task, number: int) -> None:
    """A run takes the mutex of its task."""
    if task.mutex is not None:
        draft.case.held[task.mutex] = number


def release(draft: Draft, task: Task, number: int) -> None:
    """A run that has ended frees its mutex: whoever waits for it may start."""
    mutex = task.mutex
    if mutex is not None and draft.case.held.get(mutex) == number:
        del draft.case.held[mutex]
        draft.freed.add(mutex)
        for waiting in draft.net.mutexes[mutex]:
            draft.touched.update(waiting.inputs)
