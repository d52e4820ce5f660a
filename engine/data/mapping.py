"""Mappings: where the input of a task comes from, and where its output goes.

A source is a path (a string that begins with `$`), any other JSON value, or the long form
`{path | value | expr, default, transform, required}`. Outputs are applied all or none, each checked against the
schema of its variable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.expressions import Expression
from engine.data.paths import MISSING, Path
from engine.data.schemas import Schema
from engine.data.transforms import Transform, TransformFailed
from engine.errors import Problem

__all__ = ["MISSING", "InputMapping", "OutputMapping", "Source", "ValidationFailed", "read_names"]

OUTPUT = "output"
"""The name under which an expression of an output mapping sees what the task gave back."""


class ValidationFailed(Exception):
    """Data is missing or does not fit. `problems` has all of it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from: exactly one of `path`, `expr` and `value`."""

    path: Path | None = None
    expr: Expression | None = None
    value: Any = None
    default: Any = None
    has_default: bool = False
    transforms: tuple[Transform, ...] = ()
    required: bool = False

    def read(self, document: Any, data: Mapping[str, Any]) -> Any:
        """The value, or `MISSING`. Paths see `document`, expressions see `data`.

        Raises `ValidationFailed` for a required value that is missing and a transformation that fails, and
        `ExpressionFailed` for an expression that does.
        """
        if self.path is not None:
            found = self.path.find(document)
        elif self.expr is not None:
            found = self.expr.evaluate(data)
        else:
            found = self.value
        if found is MISSING:
            if self.has_default:
                return self.default
            if self.required:
                assert self.path is not None, "only a path can find nothing"
                raise ValidationFailed((Problem(self.path.source, "is required and finds nothing"),))
            return MISSING
        try:
            for transform in self.transforms:
                found = transform.of(found)
        except TransformFailed as failure:
            place = self.path.source if self.path is not None else "$"
            raise ValidationFailed((Problem(place, str(failure)),)) from failure
        return found


@dataclass(frozen=True, slots=True)
class InputMapping:
    """The input of a task, by key."""

    entries: tuple[tuple[str, Source], ...]

    def apply(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The input over a net's variables; a key whose path finds nothing is left out. Raises `ValidationFailed`."""
        given, problems = {}, list[Problem]()
        for key, source in self.entries:
            try:
                value = source.read(data, data)
            except ValidationFailed as failure:
                problems += [Problem(f"input.{key}", f"{path} {message}") for path, message in failure.problems]
                continue
            if value is not MISSING:
                given[key] = value
        if problems:
            raise ValidationFailed(tuple(problems))
        return given


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """The output of a task, by variable, each with the schema of the variable."""

    entries: tuple[tuple[str, Source, Schema | None], ...]

    def apply(self, document: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """The variables that change, all of them or none. Raises `ValidationFailed` with every problem.

        Paths see `document`, what the task gave back; an expression sees the net's variables, and it as `output`.
        """
        changes, problems = {}, list[Problem]()
        visible: Mapping[str, Any] = data
        if any(source.expr is not None for _, source, _ in self.entries):
            visible = {**data, OUTPUT: document}
        for variable, source, schema in self.entries:
            try:
                value = source.read(document, visible)
            except ValidationFailed as failure:
                problems += [Problem(f"output.{variable}", f"{path} {message}") for path, message in failure.problems]
                continue
            if value is MISSING:
                continue
            if schema is not None:
                problems += [
                    Problem(f"output.{variable}", f"{path} {message}") for path, message in schema.check(value)
                ]
            changes[variable] = value
        if problems:
            raise ValidationFailed(tuple(problems))
        return changes


def read_names(place: str, sources: Iterable[Source], data: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that sources give, each a name or a list of names, without doubles. Raises `ValidationFailed`."""
    names: list[str] = []
    for source in sources:
        value = source.read(data, data)
        if value is MISSING or value is None:
            continue
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str):
                raise ValidationFailed((Problem(place, f"a name is a string, not {name!r}"),))
            names.append(name)
    return tuple(dict.fromkeys(names))
