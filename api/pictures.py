"""Pictures of nets: of a specification as it was written, and of a case as it stands."""

from collections import Counter

from flask import Response

from api.cases import find_case
from api.context import parts
from api.deployed import find_deployed
from api.messages import CaseAddress
from api.permissions import Permission
from api.routes import Answers, Routes
from api.specifications import SpecificationAddress
from engine.case import BUSY, Case, RunState
from engine.spec.dot import Shown
from engine.spec.picture import net_picture, specification_picture

routes = Routes("pictures")

SVG_TYPE = "image/svg+xml"
NOTHING_ELSE = "default-src 'none'"
"""A picture loads and runs nothing, whatever is written in it."""

PICTURE: Answers = {200: {"description": "OK", "content": {SVG_TYPE: {"schema": {"type": "string"}}}}}


@routes.get("/specifications/<identifier>/<version>/picture.svg", Permission.SPECIFICATIONS_READ, PICTURE)
def get_picture_of_specification(path: SpecificationAddress) -> Response:
    """Draws the nets of a version."""
    stored = find_deployed(path.identifier, path.version)
    return _picture(specification_picture(parts().definitions.get(stored.id, stored.version), parts().draw))


@routes.get("/cases/<case_id>/picture.svg", Permission.CASES_READ, PICTURE)
def get_picture_of_case(path: CaseAddress) -> Response:
    """Draws the net of a case with its tokens, and what runs or waits in it."""
    case = find_case(path.case_id)
    specification = parts().definitions.get(case.specification, case.specification_version)
    title = f"Case {case.id} of {specification.title or specification.id}: {case.status}"
    return _picture(net_picture(specification.nets[case.net], parts().draw, shown_of(case), title=title))


def shown_of(case: Case) -> Shown:
    """What a picture shows of a case."""
    runs = case.runs.values()
    return Shown(
        marking=case.marking,
        running=Counter(run.task for run in runs if run.state in BUSY),
        waiting=Counter(run.task for run in runs if run.state is RunState.ENABLED),
    )


def _picture(svg: str) -> Response:
    return Response(svg, headers={"Content-Security-Policy": NOTHING_ELSE}, content_type=SVG_TYPE)
