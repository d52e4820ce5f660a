"""Splits: which flows get a token when a task completes (WCP-2, WCP-4)."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.spec.model import Flow, Split, Task


def _all(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    return task.flows


def _first_true(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    return (next(flow for flow in task.flows if flow.when is None or flow.when.holds(data)),)


SPLITS: dict[Split, Callable[[Task, Mapping[str, Any]], tuple[Flow, ...]]] = {
    Split.AND: _all,
    Split.XOR: _first_true,
}


def chosen(task: Task, data: Mapping[str, Any]) -> tuple[Flow, ...]:
    """The flows that get a token. `data` holds every declared variable, null when unset.

    Raises `ExpressionFailed` when a predicate cannot be evaluated: that is never false and never the default flow.
    """
    return SPLITS[task.split](task, data)
