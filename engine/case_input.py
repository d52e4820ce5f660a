"""What a case may be started with: its input variables, each of its type."""

from collections.abc import Mapping
from typing import Any

from engine.errors import Problem
from engine.spec.model import Net


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
        elif declared.schema is not None:
            problems += [Problem(f"$.{name}{path[1:]}", message) for path, message in declared.schema.check(value)]
    return problems
