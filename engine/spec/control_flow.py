"""Joins, splits, regions, loops and triggers as written, compiled; what makes no sense in its net is reported."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.spec.data import DataCompiler
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.flows import Arc, ControlFlow
from engine.spec.model import (
    END,
    START,
    Flow,
    Join,
    Kind,
    Loop,
    Partial,
    Region,
    Split,
    Test,
    Trigger,
    Variable,
)


class JoinForm(NamedTuple):
    """A join as it was written: its kind, how many tokens it needs, and what it does with the rest."""

    join: Join = Join.XOR
    needed: int = 0
    partial: Partial | None = None
    resets: Region | None = None


class SplitForm(NamedTuple):
    """A split as it was written: its kind, its flows, and how many threads it makes."""

    split: Split
    flows: tuple[Flow, ...]
    threads: int = 0


class ControlFlowCompiler:
    """Compiles how the tasks of one net are tied together. The report says what is wrong with it."""

    def __init__(self, report: Report, data: DataCompiler, flow: ControlFlow, body: Mapping[str, Any]) -> None:
        self._report = report
        self._data = data
        self._flow = flow
        self._tasks: Mapping[str, Mapping[str, Any]] = body["tasks"]
        arcs = ((task, arc.target) for task, leading in flow.tasks.items() for arc in leading)
        implicit = [f"{task}>{target}" for task, target in arcs if target in flow.tasks]
        self._places = dict.fromkeys([START, END, *flow.conditions, *implicit])

    def inputs(self, name: str) -> tuple[str, ...]:
        """The places a task takes from, in the order of the document."""
        return self._flow.inputs(name)

    def join(self, name: str, written: Mapping[str, Any], path: DocumentPath) -> JoinForm:
        """The join of a task."""
        value = written.get("join")
        if value is None:
            return JoinForm()
        if isinstance(value, str):
            return JoinForm(Join(value))
        if ("partial" in value) == ("threads" in value):
            self._report.error((*path, "join"), "must have either partial or threads")
            return JoinForm()
        if "threads" in value:
            for key in ("resets", "blocks"):
                if key in value:
                    self._report.error((*path, "join", key), f'"{key}" is for partial joins', at_key=True)
            return JoinForm(Join.THREADS, value["threads"])
        return self._partial(name, value, (*path, "join"))

    def _partial(self, name: str, value: Mapping[str, Any], path: DocumentPath) -> JoinForm:
        branches = len(self._flow.inputs(name))
        needed = value["partial"]
        if needed > branches:
            message = f"{needed} branches are needed, and {branches} lead to {name}: it could never start"
            self._report.error((*path, "partial"), message)
        if "resets" in value:
            if value.get("blocks"):
                self._report.error((*path, "blocks"), "a join that resets has nothing to block", at_key=True)
            return JoinForm(Join.PARTIAL, needed, Partial.CANCELLING, self.region(value["resets"], (*path, "resets")))
        return JoinForm(Join.PARTIAL, needed, Partial.BLOCKING if value.get("blocks") else Partial.STRUCTURED)

    def split(
        self, name: str, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> SplitForm:
        """The split of a task."""
        arcs = self._flow.tasks[name]
        value = written.get("split")
        if isinstance(value, dict):
            if len(arcs) != 1:
                message = f"threads are split within one branch, and {len(arcs)} lead on from {name}"
                self._report.error((*path, "split"), message)
            split, threads = Split.THREADS, value["threads"]
        else:
            split, threads = Split(value or Split.AND), 0
        self._check_predicates(split, written, arcs, path)
        flows = tuple(
            Flow(
                place=self._flow.place(name, arc.target),
                target=arc.target,
                when=self._data.expression(arc.when, (*arc.entry, "when"), variables) if arc.when is not None else None,
            )
            for arc in arcs
        )
        return SplitForm(split, flows, threads)

    def _check_predicates(
        self, split: Split, written: Mapping[str, Any], arcs: Sequence[Arc], path: DocumentPath
    ) -> None:
        """A choice has predicates and one default, the last; whatever takes every flow has none."""
        chosen = [arc for arc in arcs if arc.when is not None]
        if "split" not in written and chosen:
            message = "flows with `when` need a split: write `split: xor` or `split: or`"
            self._report.error((*path, "next"), message, at_key=True)
        elif split in (Split.XOR, Split.OR):
            article = f"an {split}-split"
            for arc in arcs[:-1]:
                if arc.when is None:
                    message = f"only the last flow of {article} may be without `when`: it is the default"
                    self._report.error(arc.entry, message)
            if arcs and arcs[-1].when is not None:
                message = f"the last flow of {article} is its default: add one without `when`"
                self._report.error(arcs[-1].entry, message)
        elif split is Split.AND:
            for arc in chosen:
                message = "an and-split takes every flow: `when` has no meaning here"
                self._report.error((*arc.entry, "when"), message, at_key=True)
        else:
            for arc in chosen:
                message = "a split into threads takes its flow: `when` has no meaning here"
                self._report.error((*arc.entry, "when"), message, at_key=True)

    def region(self, names: Iterable[str], path: DocumentPath) -> Region:
        """The tasks and places that a list names; an implicit condition is named `task>task`."""
        tasks, places = [], []
        for index, name in enumerate(names):
            if name in self._tasks:
                tasks.append(name)
            elif name in self._places and name != END:
                places.append(name)
            elif name == END:
                self._report.error((*path, index), "the case is complete when end is reached: it cannot be emptied")
            else:
                hint = did_you_mean(name, [*self._tasks, *self._places])
                self._report.error((*path, index), f'no task or condition named "{name}"{hint}')
        return Region(tuple(tasks), tuple(places))

    def completes(self, written: Mapping[str, Any], path: DocumentPath) -> tuple[str, ...]:
        """The tasks whose instances a task completes by force."""
        for index, name in enumerate(written.get("completes", ())):
            if name not in self._tasks:
                message = f'no task named "{name}"{did_you_mean(name, self._tasks)}'
                self._report.error((*path, "completes", index), message)
            elif "instances" not in self._tasks[name]:
                self._report.error((*path, "completes", index), f'"{name}" has no multiple instances to complete')
        return tuple(written.get("completes", ()))

    def loop(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> Loop | None:
        """The loop of a task."""
        if "loop" not in written:
            return None
        place = (*path, "loop")
        if len(written["loop"]) != 1:
            self._report.error(place, "must have either while (looked at before each round) or until (after it)")
            return None
        ((word, text),) = written["loop"].items()
        condition = self._data.expression(text, (*place, word), variables)
        return Loop(Test(word), condition) if condition is not None else None

    def trigger(self, written: Mapping[str, Any]) -> Trigger | None:
        """The outside event that a task waits for."""
        trigger = written.get("trigger")
        return Trigger(trigger["name"], trigger["kind"] == "persistent") if trigger is not None else None


def kinds_of(key: str) -> tuple[Kind, ...] | None:
    """The kinds of task that may have a key; None: all of them."""
    return _OF_KINDS.get(key)


_AUTOMATED, _HUMAN, _COMPOSITE = (Kind.AUTOMATED,), (Kind.HUMAN,), (Kind.COMPOSITE,)
_WORKING = (Kind.AUTOMATED, Kind.HUMAN, Kind.COMPOSITE)
_OF_KINDS: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("connector", "config", "retry"), _AUTOMATED),
    **dict.fromkeys(("offer", "allocate", "interaction", "form", "priority", "constraints"), _HUMAN),
    **dict.fromkeys(("privileges", "visibility", "due", "search", "also"), _HUMAN),
    **dict.fromkeys(("net", "specification", "worklet"), _COMPOSITE),
    "compensation": _AUTOMATED,
    **dict.fromkeys(("input", "instances", "loop"), _WORKING),
}
