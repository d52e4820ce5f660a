"""Submitting a case: its input is checked against the net first, then its stub and its first event are made."""

from collections.abc import Mapping
from typing import Any

from engine.case import Case, CaseStatus
from engine.case_input import beginning_problems, input_problems
from engine.errors import InvalidInput
from engine.events import CaseSubmitted, Envelope
from engine.spec.model import Specification
from engine.store.port import Submission


def submission(
    specification: Specification,
    case_id: str,
    data: Mapping[str, Any],
    *,
    by: str,
    correlation_id: str,
    at: int,
    not_before: int = 0,
) -> Submission:
    """A case ready to be submitted. `at` (ms since 1970) orders it in lists until its first step.

    It begins at once, or at the moment `not_before`.

    Raises `InvalidInput` (`invalid_case_data`) with every problem of the data; `precondition_unmet` where it fits but
    what the net requires does not hold.
    """
    problems = input_problems(specification.main, data)
    if problems:
        raise InvalidInput(
            f"the data does not fit {specification.id} version {specification.version}",
            code="invalid_case_data",
            problems=problems,
        )
    unmet = beginning_problems(specification.main, data)
    if unmet:
        raise InvalidInput(
            f"{specification.id} version {specification.version} does not begin with this data",
            code="precondition_unmet",
            problems=unmet,
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
    return Submission(stub, Envelope(case_id, first_event(stub, dict(data), not_before), correlation_id))


def first_event(stub: Case, data: dict[str, Any], not_before: int = 0) -> CaseSubmitted:
    """The event with which the case of a stub begins."""
    return CaseSubmitted(
        data,
        stub.submitted_by,
        not_before,
        stub.specification,
        stub.specification_version,
        stub.net,
        stub.created_at,
    )
