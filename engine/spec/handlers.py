"""What is done about exceptions, as written under `on`, and compensations: read, and checked against their net."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.exceptions.exlets import WITHOUT_ITEM, ExletInvalid, people_of, read_exlet, runs_of
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.primitives import Action, Exlet, Primitive
from engine.spec.data import DataCompiler
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import START, Handlers, Kind, Variable

ANYWHERE = frozenset(
    {
        ExceptionKind.TIMEOUT,
        ExceptionKind.VALIDATION_ERROR,
        ExceptionKind.CONSTRAINT_VIOLATION,
        ExceptionKind.EXTERNAL_TRIGGER,
    }
)

RAISED_AT: Mapping[Kind, frozenset[ExceptionKind]] = {
    Kind.AUTOMATED: ANYWHERE | {ExceptionKind.CONNECTOR_FAILED},
    Kind.HUMAN: ANYWHERE | {ExceptionKind.ITEM_FAILED, ExceptionKind.ITEM_ABORTED, ExceptionKind.RESOURCE_UNAVAILABLE},
    Kind.COMPOSITE: ANYWHERE | {ExceptionKind.CHILD_FAILED},
    Kind.ROUTING: frozenset({ExceptionKind.VALIDATION_ERROR, ExceptionKind.CONSTRAINT_VIOLATION}),
}
"""The kinds of exceptions that can be raised at a task, by who does it."""


class HandlersCompiler:
    """Compiles what is written under `on`. The report says what is wrong with it."""

    def __init__(self, report: Report, data: DataCompiler, nets: Mapping[str, Any]) -> None:
        self._report = report
        self._data = data
        self._nets = nets

    def handlers(
        self,
        written: Mapping[str, Any],
        variables: Mapping[str, Variable],
        path: DocumentPath,
        *,
        net: str | None = None,
        kind: Kind | None = None,
    ) -> Handlers:
        """The handlers of a task of a `kind`, of a `net`, or of the specification."""
        handlers: dict[str, Exlet] = {}
        for name, exlet in written.get("on", {}).items():
            place = (*path, "on", name)
            raised = ExceptionKind(name)
            if kind is not None and raised not in RAISED_AT[kind]:
                self._report.error(place, f"{name} is never raised at a task that is {kind}", at_key=True)
            try:
                handlers[name] = read_exlet(exlet, item=raised not in WITHOUT_ITEM)
            except ExletInvalid as invalid:
                for at, message in invalid.problems:
                    self._report.error((*place, *at), message)
                continue
            for index, primitive in enumerate(handlers[name]):
                self._check(primitive, variables, (*place, index), net)
        return handlers

    def _check(
        self, primitive: Primitive, variables: Mapping[str, Variable], path: DocumentPath, net: str | None
    ) -> None:
        place = (*path, str(primitive.action))
        if primitive.action is Action.ROLLBACK and net is not None:
            tasks = self._nets[net]["tasks"]
            task = tasks.get(primitive.detail)
            if task is None and primitive.detail != START:
                self._report.error(
                    place, f'no task named "{primitive.detail}" here{did_you_mean(primitive.detail, tasks)}'
                )
            elif task is not None and task.get("kind") == Kind.ROUTING:
                self._report.error(place, f'"{primitive.detail}" takes no time: name a task that somebody does')
        if primitive.action is Action.COMPENSATE:
            for each in runs_of(primitive):
                self._check_run(each, variables, place)
        for kind, names in people_of(primitive).items() if primitive.action in _NAMING else ():
            for name in names:
                if name.startswith("$"):
                    self._data.path(name, (*place, kind), variables)

    def _check_run(self, run: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> None:
        self._data.input(run, variables, path)
        self._data.output(run, variables, path)
        if "net" not in run:
            return
        if run["net"] not in self._nets:
            self._report.error((*path, "net"), f'no net named "{run["net"]}"{did_you_mean(run["net"], self._nets)}')
            return
        given = run.get("input", variables)
        for name, body in self._nets[run["net"]].get("variables", {}).items():
            if body.get("input") and "default" not in body and name not in given:
                self._report.error(path, f'net {run["net"]} must be given "{name}": add it to the input')


_NAMING = (Action.ESCALATE, Action.REALLOCATE)


def compensations(tasks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The tasks of a net that are compensated, each with the task that does it, as written."""
    for name, task in tasks.items():
        if isinstance(task.get("compensation"), str):
            yield name, task["compensation"]


def check_compensations(tasks: Mapping[str, Any], path: DocumentPath, report: Report) -> None:
    """Reports compensations that are no task which could do it."""
    for name, by in compensations(tasks):
        place = (*path, "tasks", name, "compensation")
        task = tasks.get(by)
        if task is None:
            report.error(place, f'no task named "{by}"{did_you_mean(by, tasks)}')
        elif by == name or task.get("kind") != Kind.AUTOMATED:
            report.error(place, f'"{by}" must be another task, and automated: nobody may be there when it is needed')
        else:
            for key in ("next", "join", "split", "instances", "loop", "trigger", "delay", "compensation", "cancels"):
                if key in task:
                    message = (
                        f'"{key}" makes no sense here: this task compensates "{name}", outside the flow of the net'
                    )
                    report.error((*path, "tasks", by, key), message, at_key=True)
