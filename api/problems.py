"""Problems: how everything that is refused is answered (RFC 9457, application/problem+json).

A refusal of the engine has a code and a class, and the class decides the status. What is wrong with an input is listed
with its place. Whatever else is raised is a bug: it is logged with its traceback, and the answer gives nothing away.
"""

import logging
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api.answers import json_response
from api.context import context, correlation_id
from engine.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Overloaded,
    Problem,
    RecordDamaged,
    Refusal,
    Unavailable,
)
from engine.names import ITEM_ID, case_of
from engine.spec.diagnostics import SpecificationInvalid

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
MOST_ERRORS = 100
MOST_CHARACTERS = 500
"""A client that sends a million mistakes, or one as long as a book, does not get all of them back."""


class PreconditionFailed(Refusal):
    """What is to be changed is no longer what was shown."""

    code = "precondition_failed"


class Unauthenticated(Refusal):
    """Nobody known asks: the token is missing, wrong, too old, revoked, or its user is disabled."""

    code = "unauthenticated"


STATUS_OF: dict[type[Refusal], int] = {
    Unauthenticated: 401,
    PreconditionFailed: 412,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    InvalidInput: 422,
    SpecificationInvalid: 422,
    Overloaded: 429,
    Unavailable: 503,
    RecordDamaged: 500,
}


CODE_OF_STATUS = {
    400: "bad_request",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    414: "address_too_long",
    415: "unsupported_media_type",
    431: "headers_too_large",
}


class InputError(BaseModel):
    """One thing wrong with an input: where (`$.data.order.lines[0]`, or the name of a query parameter) and what."""

    path: str
    message: str


class ProblemDocument(BaseModel):
    """Why something was refused (RFC 9457). `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    correlation_id: str
    case_id: str | None = None
    item_id: str | None = None
    task: str | None = None
    errors: list[InputError] | None = None


def handle_problems(app: Flask) -> None:
    """Has everything that a view raises answered with a problem."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug)


def problem_of(refusal: Refusal) -> ProblemDocument:
    """The document of a refusal."""
    status = next((status for kind, status in STATUS_OF.items() if isinstance(refusal, kind)), 400)
    return _document(status, refusal.code, refusal.message, refusal.problems)


def invalid(error: ValidationError) -> InvalidInput:
    """What pydantic says of a request, with a path for each mistake."""
    # Only a body is a document with a root; a parameter of a query is known by its name.
    root = "" if request.method in ("GET", "DELETE", "HEAD") else "$"
    found = [
        Problem(path_of(root, each["loc"]), each["msg"])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return InvalidInput("the request is not valid", code="invalid_request", problems=found)


def invalid_response(error: ValidationError) -> Response:
    """What flask-openapi3 is to answer to a request that is not valid: it is refused like everything else."""
    raise invalid(error)


def path_of(root: str, places: Sequence[str | int]) -> str:
    """`$.lines[0].sku` from its parts."""
    steps = "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places)
    return (root + steps).removeprefix(".")


def below(path: str, problems: Sequence[Problem]) -> list[Problem]:
    """Problems of a part of the body (`$.sku`), with their places in the whole (`$.data.sku`).

    A place that is none in the body (an output mapping of the specification) stays as it is.
    """
    return [
        Problem(path + problem.path[1:], problem.message) if problem.path.startswith("$") else problem
        for problem in problems
    ]


def _refused(refusal: Refusal) -> Response:
    response = _response(problem_of(refusal))
    if isinstance(refusal, Unavailable | Overloaded):
        response.headers["Retry-After"] = str(refusal.retry_after_s or RETRY_AFTER_S)
    if isinstance(refusal, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="casewright"'
    return response


def _http_error(error: HTTPException) -> Response:
    """What Flask itself refuses: unknown routes, wrong methods, bodies that are too long."""
    status = error.code or 500
    response = _response(_document(status, CODE_OF_STATUS.get(status, "bad_request"), error.description or "", ()))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _bug(error: Exception) -> Response:
    # The boundary of a request: one that meets a bug must neither stop the process nor show its inside.
    log.error("%s %s raised", request.method, _printable(_address()), exc_info=error)
    detail = "something went wrong here; whoever runs this finds the correlation id in the log"
    return _response(_document(500, "internal_error", detail, ()))


def _address() -> str:
    """The path of the request, without the token that a callback has in it: whoever reads a log could use it."""
    token = (request.view_args or {}).get("token")
    return request.path if token is None else request.path.replace(str(token), "***")


def _document(status: int, code: str, detail: str, problems: Sequence[Problem]) -> ProblemDocument:
    case_id, item_id = _named_in_address()
    return ProblemDocument(
        type=f"urn:casewright:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=_printable(detail),
        code=code,
        correlation_id=correlation_id(),
        case_id=case_id,
        item_id=item_id,
        task=context().task,
        errors=[
            InputError(path=_printable(path), message=_printable(message)) for path, message in problems[:MOST_ERRORS]
        ]
        or None,
    )


def _named_in_address() -> tuple[str | None, str | None]:
    """The case and the item that the address of the request names."""
    named: dict[str, Any] = request.view_args or {}
    item_id, case_id = named.get("item_id"), named.get("case_id")
    if item_id is not None and ITEM_ID.fullmatch(item_id):
        case_id = case_of(item_id)
    return case_id, item_id


def _response(document: ProblemDocument) -> Response:
    context().code, context().detail = document.code, document.detail
    return json_response(document.model_dump_json(exclude_none=True), document.status, media_type=MEDIA_TYPE)


def _printable(text: str) -> str:
    """Text that can be sent: half of a surrogate pair is not a character, and nobody reads a whole book."""
    shown = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"
    return shown.encode(errors="backslashreplace").decode()
