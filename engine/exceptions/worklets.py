"""What goes into a worklet and comes back: by mappings where they are written, else by name.

By name means: a worklet is given the variables that its net declares as input, and of its result whatever is a
variable of the case too is taken back.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.data.mapping import ValidationFailed, read_names
from engine.errors import Problem
from engine.spec.data import DataCompiler
from engine.spec.diagnostics import Report
from engine.spec.model import Net, Specification


def given_to(specification: Specification, net: Net, run: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What a worklet is given; `run` is how it was written. Raises `ValidationFailed`, `ExpressionFailed`."""
    if "input" not in run:
        return {name: value for name, value in data.items() if value is not None}
    report, compiler = _compiler(specification)
    mapping = compiler.input(run, net.variables, ())
    _refuse(report)
    assert mapping is not None, "an input was written"
    return mapping.apply(data)


def taken_from(
    specification: Specification, net: Net, run: Mapping[str, Any], result: Mapping[str, Any], data: Mapping[str, Any]
) -> dict[str, Any]:
    """The variables that the result of a worklet changes. Raises `ValidationFailed`, `ExpressionFailed`."""
    if "output" not in run:
        return by_name(net, result)
    report, compiler = _compiler(specification)
    mapping = compiler.output(run, net.variables, ())
    _refuse(report)
    assert mapping is not None, "an output was written"
    return mapping.apply(result, data)


def by_name(net: Net, result: Mapping[str, Any]) -> dict[str, Any]:
    """What of a result are variables of a net. Raises `ValidationFailed` with all that does not fit."""
    changes = {name: value for name, value in result.items() if name in net.variables and value is not None}
    problems = [
        Problem(f"output.{name}", f"{path} {message}")
        for name, value in changes.items()
        if (schema := net.variables[name].schema) is not None
        for path, message in schema.check(value)
    ]
    if problems:
        raise ValidationFailed(tuple(problems))
    return changes


def inputs_of(net: Net, data: Mapping[str, Any]) -> dict[str, Any]:
    """What of the data a net declares as input."""
    return {name: value for name, value in data.items() if name in net.variables and net.variables[name].input}


def names_of(
    specification: Specification, net: Net, written: Iterable[str], data: Mapping[str, Any]
) -> tuple[str, ...]:
    """The names that stand in an exlet: each a name, or a path to one or a list. Raises `ValidationFailed`."""
    report, compiler = _compiler(specification)
    sources = [compiler.source(each, (), net.variables) for each in written]
    _refuse(report)
    return read_names("exlet", sources, data)


def _compiler(specification: Specification) -> tuple[Report, DataCompiler]:
    report = Report("exlet")
    return report, DataCompiler(report, specification.dialect, specification.document.get("schemas", {}))


def _refuse(report: Report) -> None:
    """What a rule says was checked only for its shape: it may name what the specification does not have."""
    if report.errors:
        raise ValidationFailed(tuple(Problem(each.path, each.message) for each in report.errors))
