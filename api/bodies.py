"""Bodies of requests: read strictly, so that nothing behind this line meets a value it cannot keep.

JSON as RFC 8259 has it and a little stricter: an object in UTF-8, no NaN, no name twice in one object (readers differ
in which of them they believe), integers of 64 bits, a bounded depth.
"""

import json
from collections import Counter
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from engine.data.values import problems_of
from engine.errors import InvalidInput, Problem

JSON_TYPE = "application/json"


class StrictRequest(Request):
    """A request whose JSON is read by `read_object`. No body at all counts as an empty object."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body. Raises `InvalidInput`, and `UnsupportedMediaType` when it is not declared as JSON."""
        body = whole_body(self)
        if not body:
            return {}
        if self.mimetype != JSON_TYPE:
            raise UnsupportedMediaType(f"the body is to be {JSON_TYPE}")
        return read_object(body)


def whole_body(request: Request) -> bytes:
    """The body. Raises `RequestEntityTooLarge` when it is longer than is allowed."""
    body = request.get_data()
    # A body that is sent in chunks, without its length, is cut off at the limit and not refused.
    if request.content_length is None and request.max_content_length and len(body) >= request.max_content_length:
        raise RequestEntityTooLarge
    return body


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `InvalidInput` (`malformed_body`, `invalid_value`) with what is wrong."""
    text = read_text(body)
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError:
        raise _malformed("is nested too deep") from None
    except ValueError as error:
        raise _malformed(f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _malformed("is not a JSON object")
    problems = problems_of(value)
    if problems:
        raise InvalidInput("the body holds what cannot be kept", code="invalid_value", problems=problems)
    return value


def read_text(body: bytes) -> str:
    """The text of a body. Raises `InvalidInput` (`malformed_body`) when it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"is not UTF-8 at byte {error.start}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{name!r} stands twice in one object")
    return made


def _malformed(what: str) -> InvalidInput:
    return InvalidInput(f"the body {what}", code="malformed_body", problems=[Problem("$", what)])
