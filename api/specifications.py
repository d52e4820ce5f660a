"""Specifications: deployed, listed, shown, retired, and checked without being deployed."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response
from flask_openapi3.models import RawModel
from pydantic import BaseModel, ConfigDict
from werkzeug.exceptions import UnsupportedMediaType

from api.answers import answer, no_content
from api.bodies import JSON_TYPE, read_text, whole_body
from api.context import parts, principal
from api.deployed import find_deployed
from api.messages import ListQuery, moment
from api.pages import page_of
from api.permissions import Permission
from api.routes import API, Routes
from api.scope import check_reach
from deploy.wiring import problems_of_config
from engine.data.values import problems_of
from engine.errors import InvalidInput, Problem
from engine.spec.model import Specification
from engine.spec.read import read_specification
from engine.spec.soundness import check_specification
from engine.store.registry import StoredSpecification

routes = Routes("specifications")

YAML_TYPE = "application/yaml"
FILE_OF_TYPE = {YAML_TYPE: "specification.yaml", JSON_TYPE: "specification.json"}
"""The media types that are read, and how a diagnostic names a body of each."""


class SpecificationText(RawModel):
    """A specification as it is written."""

    mimetypes = [YAML_TYPE, JSON_TYPE]


class SpecificationAddress(BaseModel):
    """Names a version of a specification."""

    identifier: str
    version: str


class Strictness(BaseModel):
    """How much is refused: a strict check refuses what it would warn of in a net that is not sound."""

    model_config = ConfigDict(extra="forbid")

    strict: bool = False


class SpecificationSummary(BaseModel):
    """A version of a specification. A retired one takes no new cases."""

    id: str
    version: str
    title: str | None
    deployed_at: str | None
    deployed_by: str
    retired: bool


class Deployed(SpecificationSummary):
    """A version that is deployed, with what may be meant otherwise than it is written."""

    warnings: list[str]


class SpecificationView(SpecificationSummary):
    """A version with its document, and the text it was deployed as."""

    document: dict[str, Any]
    text: str
    media_type: str


class SpecificationList(BaseModel):
    """A page of versions, by id and then by when they were deployed."""

    items: list[SpecificationSummary]
    next: str | None


class Validated(BaseModel):
    """A specification that could be deployed."""

    id: str
    version: str
    title: str | None
    warnings: list[str]


@routes.post("/specifications", Permission.SPECIFICATIONS_WRITE, {200: Deployed, 201: Deployed})
def deploy_specification(query: Strictness, raw: SpecificationText) -> Response:
    """Deploys a version. It is immutable: the same content again is answered with 200, other content with 409."""
    text, media_type = _text(raw)
    specification = _read(text, media_type)
    check_reach(specification.id)
    warnings = _warnings(specification, strict=query.strict)
    created = parts().registry.put_specification(
        StoredSpecification(
            id=specification.id,
            version=specification.version,
            document=dict(specification.document),
            text=text,
            media_type=media_type,
            title=specification.title,
            deployed_at=parts().store.now(),
            deployed_by=principal().user,
        )
    )
    stored = find_deployed(specification.id, specification.version)
    location = f"{API}/specifications/{specification.id}/{specification.version}"
    return answer(
        Deployed(**_summary(stored), warnings=warnings),
        201 if created else 200,
        {"Location": location},
    )


@routes.post("/specifications/validate", Permission.SPECIFICATIONS_READ, {200: Validated})
def validate_specification(query: Strictness, raw: SpecificationText) -> Response:
    """Checks a specification and deploys nothing: 422 with every error, or 200 with the warnings."""
    specification = _read(*_text(raw))
    return answer(
        Validated(
            id=specification.id,
            version=specification.version,
            title=specification.title,
            warnings=_warnings(specification, strict=query.strict),
        )
    )


@routes.get("/specifications", Permission.SPECIFICATIONS_READ, {200: SpecificationList})
def list_specifications(query: ListQuery) -> Response:
    """Lists all versions of all specifications."""
    reached = [stored for stored in parts().registry.specifications() if principal().reaches(stored.id)]
    found, following = page_of(reached, _place, query.limit, query.cursor)
    items = [SpecificationSummary(**_summary(stored)) for stored in found]
    return answer(SpecificationList(items=items, next=following))


@routes.get("/specifications/<identifier>/<version>", Permission.SPECIFICATIONS_READ, {200: SpecificationView})
def get_specification(path: SpecificationAddress) -> Response:
    """Shows a version."""
    stored = find_deployed(path.identifier, path.version)
    return answer(
        SpecificationView(**_summary(stored), document=stored.document, text=stored.text, media_type=stored.media_type)
    )


@routes.delete("/specifications/<identifier>/<version>", Permission.SPECIFICATIONS_WRITE, {204: None})
def retire_specification(path: SpecificationAddress) -> Response:
    """Retires a version: it takes no new cases, and those that run go on."""
    stored = find_deployed(path.identifier, path.version)
    parts().registry.retire(stored.id, stored.version)
    return no_content()


def _text(raw: SpecificationText) -> tuple[str, str]:
    """The text of the body and its media type."""
    if raw.mimetype not in FILE_OF_TYPE:
        raise UnsupportedMediaType(f"the body is to be {' or '.join(FILE_OF_TYPE)}")
    text = read_text(whole_body(raw))
    if not text.strip():
        problem = Problem("$", "is empty")
        raise InvalidInput("the body is empty", code="malformed_body", problems=(problem,))
    return text, raw.mimetype


def _read(text: str, media_type: str) -> Specification:
    """The specification of a text, checked. Raises `SpecificationInvalid` with all that is wrong."""
    parts().installed.refresh()
    specification = read_specification(text, name=FILE_OF_TYPE[media_type], check_config=_config_problems)
    # An escape of JSON and YAML can write half a surrogate pair, which no store can keep.
    problems = problems_of(specification.document)
    if problems:
        raise InvalidInput("the document holds what cannot be kept", code="invalid_value", problems=problems)
    return specification


def _config_problems(connector: str, config: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the configuration of a connector of this installation, each with its place."""
    return problems_of_config(parts().connectors, connector, config)


def _warnings(specification: Specification, *, strict: bool) -> list[str]:
    """What the checks warn of, what is not sound, and roles that nobody has now: somebody may get them later.

    A strict check refuses what is not sound (`specification_unsound`).
    """
    nets = check_specification(specification)
    unsound = [Problem(f"nets.{net.net.name}", finding.summary()) for net in nets for finding in net.findings]
    if strict and unsound:
        raise InvalidInput("the specification is not sound", code="specification_unsound", problems=unsound)
    known = parts().directory.now().roles
    unknown = [
        f"nets.{net}.tasks.{task}.offer: nobody has the role {role}"
        for net, task, role in _named_roles(specification)
        if role not in known
    ]
    return [*specification.warnings, *(warning for net in nets for warning in net.warnings()), *unknown]


def _named_roles(specification: Specification) -> Iterator[tuple[str, str, str]]:
    """Each role that a task names outright, with its net and task. What a path finds is known only in a case."""
    for net in specification.nets.values():
        for task in net.tasks.values():
            for source in task.offer.roles if task.offer is not None else ():
                if isinstance(source.value, str):
                    yield net.name, task.name, source.value


def _place(stored: StoredSpecification) -> tuple[int, str]:
    """By id, and then by when it was deployed."""
    return 0, f"{stored.id} {stored.deployed_at:015d} {stored.version}"


def _summary(stored: StoredSpecification) -> Mapping[str, Any]:
    return {
        "id": stored.id,
        "version": stored.version,
        "title": stored.title,
        "deployed_at": moment(stored.deployed_at),
        "deployed_by": stored.deployed_by,
        "retired": stored.retired,
    }
