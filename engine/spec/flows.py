"""The control flow of a net as written: who leads where, through which places, and whether everything can be reached.

A flow from task to task runs through an implicit condition named `task>task`. A task that leads to a condition, or to
`end`, puts its token there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import END, START


@dataclass(frozen=True, slots=True)
class Arc:
    """One entry of a `next`: the element it names, its `when`, and where it and the name stand in the document."""

    target: str
    when: str | None
    path: DocumentPath
    entry: DocumentPath


@dataclass(frozen=True, slots=True)
class ControlFlow:
    """The arcs of a net by the element they leave, in the order of the document."""

    start: tuple[Arc, ...]
    conditions: Mapping[str, tuple[Arc, ...]]
    tasks: Mapping[str, tuple[Arc, ...]]
    before: dict[str, dict[str, None]] = field(init=False, default_factory=dict)
    """The places before each task. Once for all: a net may have thousands of tasks."""

    def __post_init__(self) -> None:
        for source, arcs in ((START, self.start), *self.conditions.items()):
            for arc in arcs:
                self.before.setdefault(arc.target, {})[source] = None
        for source, arcs in self.tasks.items():
            for arc in arcs:
                self.before.setdefault(arc.target, {})[f"{source}>{arc.target}"] = None

    def place(self, task: str, target: str) -> str:
        """The place a task's token goes to on its way to a target."""
        return f"{task}>{target}" if target in self.tasks else target

    def inputs(self, task: str) -> tuple[str, ...]:
        """The places a task takes from, in the order of the document."""
        return tuple(self.before.get(task, ()))


def read_control_flow(net: Mapping[str, Any], path: DocumentPath, report: Report) -> ControlFlow:
    """The arcs of a net. Reports names that lead nowhere and arcs that a condition may not have."""
    tasks, conditions = net["tasks"], net.get("conditions", {})
    for name in conditions:
        if name in tasks:
            report.error((*path, "conditions", name), f'"{name}" is the name of a task too', at_key=True)
    flow = ControlFlow(
        tuple(_arcs(net["start"], (*path, "start"))),
        {name: tuple(_arcs(body["next"], (*path, "conditions", name, "next"))) for name, body in conditions.items()},
        {
            name: tuple(_arcs(body["next"], (*path, "tasks", name, "next"))) if "next" in body else ()
            for name, body in tasks.items()
        },
    )
    elements = dict.fromkeys([*tasks, *conditions, END])
    for arcs in (flow.start, *flow.conditions.values()):
        _check_names(arcs, elements, report)
    for name, arcs in flow.tasks.items():
        # Two predicates of a choice may well lead to one place: only one of them is taken.
        _check_names(arcs, elements, report, once=tasks[name].get("split") != "xor")
    for arcs in (flow.start, *flow.conditions.values()):
        for arc in arcs:
            if arc.when is not None:
                message = "a condition chooses nothing: `when` is for the flows of a task"
                report.error((*arc.entry, "when"), message, at_key=True)
            elif arc.target in conditions or arc.target == END:
                report.error(arc.path, f'a condition leads to tasks only, and "{arc.target}" is a condition')
    return flow


def check_reach(
    flow: ControlFlow, net: Mapping[str, Any], path: DocumentPath, report: Report, *, implicit: bool
) -> None:
    """Reports every element that does not lie on a way from start to end.

    With implicit termination a task may lead nowhere: its path ends there.
    """
    after: dict[str, set[str]] = {START: {arc.target for arc in flow.start}}
    for name, arcs in (*flow.conditions.items(), *flow.tasks.items()):
        after[name] = {arc.target for arc in arcs}
    before: dict[str, set[str]] = {}
    for name, targets in after.items():
        for target in targets:
            before.setdefault(target, set()).add(name)
    reached = _closure({START}, after)
    # What compensates lies on no way: it is done when something went wrong.
    aside = {task.get("compensation") for task in net["tasks"].values()}
    ends = {END} | ({name for name, arcs in flow.tasks.items() if not arcs} if implicit else set())
    ending = _closure(ends, before)
    for kind, names in (("conditions", flow.conditions), ("tasks", flow.tasks)):
        for name in names:
            if name in aside:
                if name in reached:
                    report.error((*path, kind, name), "compensates a task, and so lies on no way", at_key=True)
            elif name not in reached:
                report.error((*path, kind, name), "cannot be reached from start", at_key=True)
            elif name not in ending and (kind == "conditions" or names[name]):
                report.error((*path, kind, name), "no way leads from here to end", at_key=True)
    for name, arcs in flow.tasks.items():
        if not arcs and not implicit and name not in aside:
            report.error((*path, "tasks", name), 'the key "next" is missing: the task leads nowhere', at_key=True)


def _arcs(written: Any, path: DocumentPath) -> Iterable[Arc]:
    if not isinstance(written, list):
        yield _arc(written, path)
        return
    for index, each in enumerate(written):
        yield _arc(each, (*path, index))


def _arc(written: Any, path: DocumentPath) -> Arc:
    if isinstance(written, dict):
        return Arc(written["to"], written.get("when"), (*path, "to"), path)
    return Arc(written, None, path, path)


def _check_names(arcs: tuple[Arc, ...], elements: Mapping[str, None], report: Report, *, once: bool = True) -> None:
    seen: set[str] = set()
    for arc in arcs:
        if arc.target == START:
            report.error(arc.path, '"start" has no way in: a flow leads to a task, to a condition or to "end"')
        elif arc.target not in elements:
            report.error(arc.path, f'no element named "{arc.target}"{did_you_mean(arc.target, elements)}')
        elif once and arc.target in seen:
            report.error(arc.path, f'leads to "{arc.target}" a second time')
        seen.add(arc.target)


def _closure(first: set[str], following: Mapping[str, set[str]]) -> set[str]:
    found, left = set(first), list(first)
    while left:
        fresh = following.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found
