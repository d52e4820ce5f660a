"""Resources: people who can get work, and what else work needs. Their roles grant no permission."""

from collections.abc import Iterable, Sequence
from typing import Literal

from flask import Response, request
from pydantic import BaseModel, Field, ValidationError

from api.answers import answer, no_content
from api.bodies import read_object, read_text, whole_body
from api.context import parts, principal
from api.exact_rules import RESERVED
from api.messages import ListQuery
from api.pages import page_of
from api.permissions import Door, Permission
from api.resource_messages import (
    ExportView,
    ImportBody,
    ImportedView,
    ResourceBody,
    ResourceList,
    ResourceView,
    resource_view,
    unit_problems,
    unit_view,
)
from api.routes import Routes
from api.users import NAME
from engine.errors import InvalidInput, NotFound, Problem
from engine.resources.hierarchy import circles
from engine.resources.organisation import OrgUnit, Participant, Unit
from engine.resources.tables import read_table, written_table

routes = Routes("resources")

CSV_TYPE = "text/csv"


class ResourceAddress(BaseModel):
    """Names a participant."""

    resource_id: str


class ExportQuery(BaseModel):
    """In which form an organisation is given."""

    format: Literal["json", "csv"] = Field("json", description="`csv` has one row for each resource and unit")


@routes.get("/resources", Permission.RESOURCES_READ, {200: ResourceList})
def list_resources(query: ListQuery) -> Response:
    """Lists resources."""
    people = list(parts().directory.now().participants.values())
    found, following = page_of(people, lambda person: (0, person.id), query.limit, query.cursor)
    return answer(ResourceList(items=[resource_view(person) for person in found], next=following))


@routes.get("/resources/export", Permission.RESOURCES_READ, {200: ExportView})
def export_resources(query: ExportQuery) -> Response:
    """Gives the whole organisation, in the form in which it is imported."""
    organisation = parts().directory.now()
    people = [organisation.participants[name] for name in sorted(organisation.participants)]
    units = {unit: [unit_view(each) for _, each in sorted(organisation.units.get(unit, {}).items())] for unit in Unit}
    view = ExportView(
        participants=[resource_view(person) for person in people],
        roles=units[Unit.ROLES],
        positions=units[Unit.POSITIONS],
        groups=units[Unit.GROUPS],
        capabilities=units[Unit.CAPABILITIES],
    )
    if query.format == "json":
        return answer(view)
    return Response(written_table(view.model_dump()), content_type=f"{CSV_TYPE}; charset=utf-8")


@routes.post("/resources/import", Permission.RESOURCES_WRITE, {200: ImportedView})
def import_resources() -> Response:
    """Enters or replaces resources and units, all or none: JSON as it is exported, or CSV (`text/csv`).

    What is not named stays as it is.
    """
    text = read_text(whole_body(request))
    document = read_table(text) if request.mimetype == CSV_TYPE else read_object(text.encode())
    body = _read(document)
    units = [(unit, each.unit(each.id)) for unit, each in body.units()]
    _refuse_circles(units)
    people = [each.participant(each.id) for each in body.participants]
    parts().registry.put_organisation(people, units)
    return answer(
        ImportedView(
            participants=len(people),
            roles=len(body.roles),
            positions=len(body.positions),
            groups=len(body.groups),
            capabilities=len(body.capabilities),
        )
    )


@routes.get("/resources/<resource_id>", Door.SIGNED_IN, {200: ResourceView})
def get_resource(path: ResourceAddress) -> Response:
    """Shows a participant: everybody the one he acts as, and others to who may read them."""
    if path.resource_id != principal().participant:
        principal().must(Permission.RESOURCES_READ)
    person = _find(path.resource_id)
    if person is None:
        raise _unknown(path.resource_id)
    return answer(resource_view(person))


@routes.put("/resources/<resource_id>", Permission.RESOURCES_WRITE, {200: ResourceView, 201: ResourceView})
def put_resource(path: ResourceAddress, body: ResourceBody) -> Response:
    """Enters or changes a participant; offers made from now on follow it."""
    if not NAME.fullmatch(path.resource_id) or path.resource_id in RESERVED:
        problem = Problem("resource_id", f"is to be {NAME.pattern}, and none of {', '.join(sorted(RESERVED))}")
        raise InvalidInput("this cannot be the id of a participant", code="invalid_name", problems=(problem,))
    if body.id not in (None, path.resource_id):
        problem = Problem("$.id", f"differs from {path.resource_id} in the address")
        raise InvalidInput("the body is about another participant", code="invalid_request", problems=(problem,))
    known = _find(path.resource_id) is not None
    person = body.participant(path.resource_id)
    parts().registry.put_participant(person)
    return answer(resource_view(person), 200 if known else 201)


@routes.delete("/resources/<resource_id>", Permission.RESOURCES_WRITE, {204: None})
def delete_resource(path: ResourceAddress) -> Response:
    """Removes a participant; what was offered or belongs to him stays so."""
    if not parts().registry.delete_participant(path.resource_id):
        raise _unknown(path.resource_id)
    return no_content()


def _read(document: object) -> ImportBody:
    """What is to be imported. Raises `InvalidInput` with every problem, each with its place."""
    try:
        body = ImportBody.model_validate(document)
    except ValidationError as invalid:
        problems = [Problem(_place(error["loc"]), error["msg"]) for error in invalid.errors(include_url=False)]
        raise InvalidInput("this is no organisation", code="invalid_request", problems=problems[:50]) from None
    counted: dict[Unit, int] = {}
    problems = []
    for unit, each in body.units():
        index = counted[unit] = counted.get(unit, -1) + 1
        problems += [Problem(f"$.{unit}[{index}].{key}", message) for key, message in unit_problems(unit, each)]
    if problems:
        raise InvalidInput("this is no organisation", code="invalid_request", problems=problems[:50])
    return body


def _place(location: Iterable[int | str]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _refuse_circles(entered: Sequence[tuple[Unit, OrgUnit]]) -> None:
    """Raises `InvalidInput` where one would lie above itself, after what is entered beside what stands."""
    standing = parts().directory.now().units
    for unit in Unit:
        after = {**standing.get(unit, {}), **{each.id: each for kind, each in entered if kind is unit}}
        problems = [
            Problem(f"$.{unit}", f"{' under '.join(circle)}: it lies under itself") for circle in circles(after)
        ]
        if problems:
            raise InvalidInput("the organisation would go round in a circle", code="circle", problems=problems[:50])


def _find(identifier: str) -> Participant | None:
    return parts().directory.now().participants.get(identifier)


def _unknown(identifier: str) -> NotFound:
    return NotFound(f"no participant {identifier}", code="resource_not_found")
