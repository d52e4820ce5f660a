"""Submitting a case: its input is checked against the net first, then its stub and its first event are made."""

from collections.abc import Mapping
from typing import Any

from engine.case import Case, CaseStatus
from engine.errors import InvalidInput, Problem
from engine.events import CaseSubmitted, Envelope
from engine.spec.model import Net, Specification
from engine.store.port import Submission


def submission(
    specification: Specification, case_id: str, data: Mapping[str, Any], *, by: str, correlation_id: str, at: int
) -> Submission:
    """A case ready to be submitted. `at` (ms since 1970) orders it in lists until its first step.

    Raises `InvalidInput` (`invalid_case_data`) with every problem of the data.
    """
    problems = input_problems(specification.main, data)
    if problems:
        raise InvalidInput(
            f"the data does not fit {specification.id} version {specification.version}",
            code="invalid_case_data",
            problems=problems,
        )
    stub = Case(
        id=case_id,
        specification=specification.id,
        specification_version=specification.version,
        net=specification.root,
        status=CaseStatus.SUBMITTED,
        created_at=at,
        correlation_id=correlation_id,
        submitted_by=by,
    )
    return Submission(stub, Envelope(case_id, CaseSubmitted(dict(data), by), correlation_id))


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
