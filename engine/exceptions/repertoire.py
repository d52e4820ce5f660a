"""The repertoire: which worklets the rules and the exlets of a specification name."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.exceptions.exlets import ExletInvalid, read_exlet, runs_of
from engine.exceptions.primitives import Action, Exlet
from engine.exceptions.ripple_down_rules import SELECTION, RuleSet
from engine.spec.model import Specification


def worklets_named(specification: Specification | None, rules: RuleSet) -> Iterator[tuple[str, str, str]]:
    """Each worklet that is named, with the kind of exception (or `selection`) and the task it is for."""
    for tree in rules.trees:
        for rule in tree.rules.values():
            for worklet in _concluded(tree.kind, rule.conclusion):
                yield worklet, tree.kind, tree.task
    if specification is None:
        return
    handlers: list[tuple[str, Mapping[str, Exlet]]] = [("", specification.handlers)]
    for net in specification.nets.values():
        handlers += [("", net.handlers), *((task.name, task.handlers) for task in net.tasks.values())]
    for task, by_kind in handlers:
        for kind, exlet in by_kind.items():
            for worklet in _of_exlet(exlet):
                yield worklet, kind, task


def _concluded(kind: str, conclusion: Any) -> list[str]:
    if conclusion is None:
        return []
    if kind == SELECTION:
        return [conclusion if isinstance(conclusion, str) else conclusion["worklet"]]
    try:
        return _of_exlet(read_exlet(conclusion))
    except ExletInvalid:
        # What an earlier version accepted is shown with the rule, and names nothing any more.
        return []


def _of_exlet(exlet: Exlet) -> list[str]:
    compensations = (step for step in exlet if step.action is Action.COMPENSATE)
    return [run["worklet"] for step in compensations for run in runs_of(step) if "worklet" in run]
