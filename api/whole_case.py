"""A whole case, as every route shows it that shows one."""

from flask import Response

from api.answers import answer
from api.archived import shelf_of
from api.context import parts
from api.messages import case_view
from engine.case import Case
from engine.store.port import CaseQuery

CHILDREN_SHOWN = 100
"""A case shows its newest children; `/children` lists all of them."""


def whole_case(case: Case) -> Response:
    """The answer that shows a case."""
    specification = parts().definitions.get(case.specification, case.specification_version)
    children = shelf_of(case.id).cases(CaseQuery(parent=case.id, limit=CHILDREN_SHOWN)).cases
    return answer(case_view(case, specification.nets[case.net], [child.id for child in children]))


def handled_case(case_id: str) -> Response:
    """The answer to who has waited until his event was handled (RFC 7240)."""
    case = shelf_of(case_id).case(case_id)
    assert case is not None, "a case whose events were handled is there"
    response = whole_case(case)
    response.headers["Preference-Applied"] = "wait"
    return response
