"""What a case may be started with, and what may be set in it from outside: variables of its net, each of its type."""

from collections.abc import Mapping
from typing import Any

from engine.data.expressions import ExpressionFailed
from engine.errors import Problem
from engine.spec.model import Net, Variable


def input_problems(net: Net, data: Mapping[str, Any]) -> list[Problem]:
    """What is missing from the data a case is started with, unknown, or of the wrong type."""
    problems = []
    for name, variable in net.variables.items():
        if variable.input and not variable.has_default and name not in data:
            problems.append(Problem(f"$.{name}", "is required"))
    for name, value in data.items():
        declared = net.variables.get(name)
        if declared is None:
            problems.append(Problem(f"$.{name}", f"is not a variable of net {net.name}"))
        elif not declared.input:
            problems.append(Problem(f"$.{name}", "is not an input variable"))
        else:
            problems += type_problems(declared, value)
    return problems


def beginning_problems(net: Net, data: Mapping[str, Any]) -> list[Problem]:
    """Why a case may not begin with data whose types fit: what the net requires does not hold.

    What it says of variables that cases share is only known when the case begins.
    """
    requires = net.requires
    if requires is None or not requires.variables.isdisjoint(net.shared):
        return []
    defaults = {name: variable.default for name, variable in net.variables.items() if variable.has_default}
    try:
        holds = requires.holds({**net.nulls, **defaults, **data})
    except ExpressionFailed as failed:
        return [Problem("requires", str(failed))]
    return [] if holds else [Problem("requires", f"{requires.source!r} does not hold")]


def given_data_problems(net: Net, data: Mapping[str, Any]) -> list[Problem]:
    """What keeps data from being set in a running case from outside."""
    problems = []
    for name, value in data.items():
        declared = net.variables.get(name)
        if declared is None:
            problems.append(Problem(f"$.{name}", f"is not a variable of net {net.name}"))
        elif declared.shared is not None:
            problems.append(Problem(f"$.{name}", "is shared with other cases, and set where it is kept"))
        elif name in _naming_folders(net):
            problems.append(Problem(f"$.{name}", "names the folder that the case shares, and stays as it was"))
        else:
            problems += type_problems(declared, value)
    return problems


def type_problems(variable: Variable, value: Any) -> list[Problem]:
    """What keeps a variable from having a value."""
    found = variable.schema.check(value) if variable.schema is not None else ()
    return [Problem(f"$.{variable.name}{path[1:]}", message) for path, message in found]


def _naming_folders(net: Net) -> frozenset[str]:
    """The variables of which the names of folders are made."""
    templates = [each.shared.folder for each in net.shared.values() if each.shared is not None and each.shared.folder]
    return frozenset().union(*(expression.variables for template in templates for expression in template.expressions))
