"""Variables as written, compiled: who sees each, where the shared ones are kept, and who may write them.

A variable belongs to its net and is seen by all tasks of it, unless it names those that see it (scope data) or says
that other cases share it (data of a case tree, of a specification, of a folder).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.spec.data import DataCompiler, hidden
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import SHARED_CONNECTOR, Scope, Shared, Variable
from engine.spec.shape import named

HIDDEN: frozenset[str] = frozenset()
"""The `tasks` of a variable, as a task finds it that does not see it."""


class VariablesCompiler:
    """Compiles the variables of one net. The report says what is wrong with them."""

    def __init__(self, report: Report, data: DataCompiler, net: Mapping[str, Any], path: DocumentPath) -> None:
        self._report = report
        self._data = data
        self._net = net
        self._path = path
        self._written: Mapping[str, Mapping[str, Any]] = net.get("variables", {})

    def variables(self) -> dict[str, Variable]:
        """The variables of the net, by name."""
        compiled = {
            name: self._variable(name, written, (*self._path, "variables", name))
            for name, written in self._written.items()
        }
        for name, written in self._written.items():
            if isinstance(written.get("shared"), dict):
                place = (*self._path, "variables", name, "shared", "folder")
                folder = self._folder(written["shared"]["folder"], place, compiled)
                compiled[name] = replace(compiled[name], shared=folder)
        for task, written in self._net["tasks"].items():
            self._check_writes(written, (*self._path, "tasks", task), compiled)
        return compiled

    def _variable(self, name: str, written: Mapping[str, Any], path: DocumentPath) -> Variable:
        schema = self._data.schema(written["schema"], (*path, "schema")) if "schema" in written else None
        if schema is not None and "default" in written:
            self._data.check_fits("the default", written["default"], (*path, "default"), schema)
        for index, task in enumerate(written.get("tasks", ())):
            if task not in self._net["tasks"]:
                message = f'no task named "{task}"{did_you_mean(task, self._net["tasks"])}'
                self._report.error((*path, "tasks", index), message)
        scope = written.get("shared")
        if scope is not None and written.get("input"):
            self._report.error(
                (*path, "input"), "a shared variable is there before the case: none is given", at_key=True
            )
        return Variable(
            name=name,
            schema=schema,
            input=written.get("input", False),
            output=written.get("output", False),
            default=written.get("default"),
            has_default="default" in written,
            tasks=frozenset(written["tasks"]) if "tasks" in written else None,
            search=written.get("search", False),
            shared=Shared(Scope(scope)) if isinstance(scope, str) else None,
        )

    def _folder(self, name: str, path: DocumentPath, variables: Mapping[str, Variable]) -> Shared:
        """A folder is known when the case begins and stays the same: its name is made of what the case is given."""
        template = self._data.template(name, path, variables)
        for expression in template.expressions:
            for used in sorted(expression.variables):
                if used in variables and (not variables[used].input or used in self._set_by_tasks()):
                    message = f'a folder is named by input variables that no task sets, and "{used}" is none of them'
                    self._report.error(path, message)
        return Shared(Scope.FOLDER, template)

    def _set_by_tasks(self) -> set[str]:
        return {variable for task in self._net["tasks"].values() for variable in _outputs(task)}

    def _check_writes(self, written: Mapping[str, Any], path: DocumentPath, variables: Mapping[str, Variable]) -> None:
        """Only the connector of shared data writes a shared variable."""
        for name, place in _outputs(written).items():
            if name in variables and variables[name].shared is not None:
                message = f'"{name}" is shared: it is written by an automated task with `connector: {SHARED_CONNECTOR}`'
                self._report.error((*path, *place), message, at_key=True)
        if written.get("connector") == SHARED_CONNECTOR:
            self._check_shared_write(written, path, seen_by(str(path[-1]), variables))

    def _check_shared_write(
        self, written: Mapping[str, Any], path: DocumentPath, variables: Mapping[str, Variable]
    ) -> None:
        """It writes variables of one place at once, and compares those of the same place."""
        keys = list(written.get("input", {}))
        if not keys:
            message = 'the key "input" is missing: it says which shared variables are written'
            self._report.error(path, message, at_key=True)
            return
        places = {name: body["shared"] for name, body in self._written.items() if "shared" in body}
        for key in keys:
            if key not in places:
                message = f'"{key}" is no shared variable{did_you_mean(key, places)}'
            elif not variables[key].visible:
                message = hidden(key)
            elif places[key] != places.get(keys[0], places[key]):
                message = f'"{key}" is kept elsewhere than "{keys[0]}": one call writes one place'
            else:
                continue
            self._report.error((*path, "input", key), message, at_key=True)
        unchanged = written.get("config", {}).get("unchanged")
        for index, name in enumerate(unchanged if isinstance(unchanged, list) else []):
            if not isinstance(name, str) or name not in places or places[name] != places.get(keys[0], places[name]):
                message = f"{named(name)} is no shared variable kept there"
                self._report.error((*path, "config", "unchanged", index), message)


def seen_by(task: str | None, variables: Mapping[str, Variable]) -> Mapping[str, Variable]:
    """The variables as a task (None: no task) finds them: what it does not see is `HIDDEN`."""
    if all(variable.tasks is None for variable in variables.values()):
        return variables
    return {
        name: variable if variable.tasks is None or task in variable.tasks else replace(variable, tasks=HIDDEN)
        for name, variable in variables.items()
    }


def _outputs(written: Mapping[str, Any]) -> dict[str, DocumentPath]:
    """The variables that a task sets, each with its place in the task."""
    found: dict[str, DocumentPath] = {name: ("output", name) for name in written.get("output", {})}
    gathered = written.get("instances", {}).get("gather", [])
    for index, gather in enumerate(gathered if isinstance(gathered, list) else [gathered]):
        at = (index,) if isinstance(gathered, list) else ()
        found[gather["variable"]] = ("instances", "gather", *at, "variable")
    return found
