"""Splits: which flows get a token when a task completes (WCP-2, WCP-4, WCP-6, WCP-42)."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.spec.model import Flow, Split, Task


def _all(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    return task.flows


def _first_true(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    return (next(flow for flow in task.flows if flow.when is None or flow.when.holds(data)),)


def _every_true(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    # The default, which is the last and has no predicate, is taken only where no predicate holds.
    true = tuple(flow for flow in task.flows if flow.when is not None and flow.when.holds(data))
    return true or task.flows[-1:]


def _threads(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    return task.flows * task.threads


SPLITS: dict[Split, Callable[[Task, Mapping[str, Any]], tuple[Flow, ...]]] = {
    Split.AND: _all,
    Split.XOR: _first_true,
    Split.OR: _every_true,
    Split.THREADS: _threads,
}


def chosen(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    """The flows that get a token, each as often as it does. `data` holds every declared variable, null when unset.

    Raises `ExpressionFailed` when a predicate cannot be evaluated: that is never false and never the default flow.
    """
    return SPLITS[task.split](task, data)
