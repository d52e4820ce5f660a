"""Answers: a pydantic model, or plain JSON, as a response."""

from collections.abc import Mapping

from flask import Response
from msgspec.json import encode
from pydantic import BaseModel

MEDIA_TYPE = "application/json"


def answer(body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as JSON."""
    return json_response(body.model_dump_json(), status, headers)


def plain_answer(body: object, status: int = 200) -> Response:
    """JSON that has no model of its own (a schema, a list whose entries differ)."""
    return json_response(encode(body), status)


def no_content() -> Response:
    """There is nothing to say: it is done."""
    return Response(status=204)


def json_response(
    body: str | bytes, status: int, headers: Mapping[str, str] | None = None, *, media_type: str = MEDIA_TYPE
) -> Response:
    """Text that is JSON already."""
    return Response(body, status, headers, content_type=media_type)
