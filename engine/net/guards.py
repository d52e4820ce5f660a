"""Pre- and postconditions of tasks and nets (data patterns 34 to 37, 39).

`requires` is the guard of a transition (Jensen's coloured Petri nets): while it is false the task is not enabled,
whatever tokens lie before it, and it is looked at again when a variable it names changes. `ensures` is what must hold
over the variables as the task leaves them, or it is not done. Of a net, `requires` must hold when a case of it begins,
and `ensures` when it completes.
"""

from collections.abc import Mapping
from typing import Any

from engine.draft import Draft
from engine.exceptions.raising import BoundExceeded
from engine.net import joins
from engine.spec.model import Task


def holds(draft: Draft, task: Task) -> bool:
    """Whether the precondition of a task holds, if it has one. Raises `ExpressionFailed`."""
    return task.requires is None or task.requires.holds(draft.variables)


def times(draft: Draft, task: Task) -> int:
    """How often the task could be taken in succession as things are. Raises `ExpressionFailed`."""
    return joins.times(task, draft.state) if holds(draft, task) else 0


class PostconditionUnmet(BoundExceeded):
    """A task is not done: what it is to ensure does not hold. `own`: it names a variable that the task itself sets."""

    def __init__(self, task: Task, source: str, *, own: bool) -> None:
        super().__init__(f"task {task.name} is to ensure {source!r}, and it does not hold")
        self.source = source
        self.own = own


def check_postcondition(task: Task, data: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Raises `PostconditionUnmet`, or `ExpressionFailed`. `data` are the variables as the task leaves them."""
    if task.ensures is not None and not task.ensures.holds(data):
        raise PostconditionUnmet(task, task.ensures.source, own=not task.ensures.variables.isdisjoint(changes))


class CaseConditionUnmet(BoundExceeded):
    """What a case needs to begin, or to complete, does not hold."""


def check_beginning(draft: Draft) -> None:
    """Raises `CaseConditionUnmet`, or `ExpressionFailed`, for a case that may not begin."""
    requires = draft.net.requires
    if requires is not None and not requires.holds(draft.variables):
        raise CaseConditionUnmet(f"net {draft.net.name} requires {requires.source!r}, and it does not hold")


def check_completion(draft: Draft) -> None:
    """Raises `CaseConditionUnmet`, or `ExpressionFailed`, for a case that may not complete."""
    ensures = draft.net.ensures
    if ensures is not None and not ensures.holds(draft.variables):
        raise CaseConditionUnmet(f"net {draft.net.name} is to ensure {ensures.source!r}, and it does not hold")
