"""Joins: when a task may take tokens, how often in succession, and which ones it takes (WCP-3, WCP-5, WCP-8, WCP-33).

Each kind of join is a pair of functions in one table. `times` says how often the task could be taken in succession
from a marking; `take` gives the places one taking empties by one token each.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.net.marking import Marking
from engine.spec.model import Join, Task


class JoinRule(NamedTuple):
    """How a kind of join decides."""

    times: Callable[[Task, Marking], int]
    take: Callable[[Task, Marking], tuple[str, ...]]


def _every_place(task: Task, marking: Marking) -> int:
    return min(marking.get(place, 0) for place in task.inputs)


def _any_place(task: Task, marking: Marking) -> int:
    return sum(marking.get(place, 0) for place in task.inputs)


def _from_every(task: Task, marking: Marking) -> tuple[str, ...]:
    return task.inputs


def _from_first(task: Task, marking: Marking) -> tuple[str, ...]:
    # The order of the document decides, so that a replay takes the same token.
    return (next(place for place in task.inputs if place in marking),)


JOINS: dict[Join, JoinRule] = {
    Join.AND: JoinRule(_every_place, _from_every),
    Join.XOR: JoinRule(_any_place, _from_first),
}


def times(task: Task, marking: Marking) -> int:
    """How often the task could be taken in succession from this marking."""
    return JOINS[task.join].times(task, marking)


def taken(task: Task, marking: Marking) -> tuple[str, ...]:
    """The places from which the task takes one token each. The task must be takeable."""
    return JOINS[task.join].take(task, marking)
