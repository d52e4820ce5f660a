"""Resources: the participants who can get work. Their roles are organisational and grant no permission."""

from typing import Annotated

from flask import Response
from msgspec.structs import asdict
from pydantic import BaseModel, Field

from api.answers import answer, no_content
from api.context import parts, principal
from api.messages import Body, ListQuery
from api.pages import page_of
from api.permissions import Door, Permission
from api.routes import Routes
from api.users import NAME
from engine.errors import InvalidInput, NotFound, Problem
from engine.resources.organisation import Participant

routes = Routes("resources")

Name = Annotated[str, Field(min_length=1, max_length=128)]
Names = Annotated[list[Name], Field(max_length=1000)]


class ResourceAddress(BaseModel):
    """Names a participant."""

    resource_id: str


class ResourceBody(Body):
    """A participant. `id` may be repeated here."""

    id: str | None = None
    name: str = Field("", max_length=256)
    roles: Names = []
    capabilities: Names = []
    positions: Names = []
    groups: Names = []
    available: bool = True


class ResourceView(BaseModel):
    """A participant."""

    id: str
    name: str
    roles: list[str]
    capabilities: list[str]
    positions: list[str]
    groups: list[str]
    available: bool


class ResourceList(BaseModel):
    """A page of participants, by id."""

    items: list[ResourceView]
    next: str | None


@routes.get("/resources", Permission.RESOURCES_READ, {200: ResourceList})
def list_resources(query: ListQuery) -> Response:
    """Lists participants."""
    people = parts().registry.participants()
    found, following = page_of(people, lambda person: (0, person.id), query.limit, query.cursor)
    return answer(ResourceList(items=[_view(person) for person in found], next=following))


@routes.get("/resources/<resource_id>", Door.SIGNED_IN, {200: ResourceView})
def get_resource(path: ResourceAddress) -> Response:
    """Shows a participant: everybody the one he acts as, and others to who may read them."""
    if path.resource_id != principal().participant:
        principal().must(Permission.RESOURCES_READ)
    person = _find(path.resource_id)
    if person is None:
        raise _unknown(path.resource_id)
    return answer(_view(person))


@routes.put("/resources/<resource_id>", Permission.RESOURCES_WRITE, {200: ResourceView, 201: ResourceView})
def put_resource(path: ResourceAddress, body: ResourceBody) -> Response:
    """Enters or changes a participant; offers made from now on follow it."""
    if not NAME.fullmatch(path.resource_id):
        problem = Problem("resource_id", f"is to be {NAME.pattern}")
        raise InvalidInput("this cannot be the id of a participant", code="invalid_name", problems=(problem,))
    if body.id not in (None, path.resource_id):
        problem = Problem("$.id", f"differs from {path.resource_id} in the address")
        raise InvalidInput("the body is about another participant", code="invalid_request", problems=(problem,))
    known = _find(path.resource_id) is not None
    person = Participant(
        id=path.resource_id,
        name=body.name,
        roles=_unique(body.roles),
        capabilities=_unique(body.capabilities),
        positions=_unique(body.positions),
        groups=_unique(body.groups),
        available=body.available,
    )
    parts().registry.put_participant(person)
    return answer(_view(person), 200 if known else 201)


@routes.delete("/resources/<resource_id>", Permission.RESOURCES_WRITE, {204: None})
def delete_resource(path: ResourceAddress) -> Response:
    """Removes a participant; what was offered or belongs to him stays so."""
    if not parts().registry.delete_participant(path.resource_id):
        raise _unknown(path.resource_id)
    return no_content()


def _find(identifier: str) -> Participant | None:
    return parts().directory.now().participants.get(identifier)


def _view(person: Participant) -> ResourceView:
    return ResourceView.model_validate(asdict(person))


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _unknown(identifier: str) -> NotFound:
    return NotFound(f"no participant {identifier}", code="resource_not_found")
