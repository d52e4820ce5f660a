"""What the description of the API says of every route of a kind: headers it takes, and answers it may give."""

import re
from copy import deepcopy
from typing import Any

from api.problems import MEDIA_TYPE, ProblemDocument

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}}}

CORRELATION = {
    "name": "X-Correlation-Id",
    "in": "header",
    "description": "Names this request in logs and journals; made where it is missing or unfit, and returned.",
    "schema": {"type": "string"},
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same key, the same request is done once and answered as before (24 h).",
    "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: answer when the event was handled, after N (at most 30) seconds at the latest.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "An ETag: 304 where nothing has changed since.",
    "schema": {"type": "string"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that a GET of this address has shown: 412 where it shows another one now.",
    "schema": {"type": "string"},
}


OTHER_FORMS = {("get", "/api/v1/resources/export"): "text/csv"}
"""Answers that come in another form too, if that is asked for."""


def described(document: dict[str, Any], waits: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The description with what holds for all routes. `waits` are the rules at which a POST honours `Prefer`."""
    whole = deepcopy(document)
    schemas = whole["components"]["schemas"]
    addresses = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule) for rule in waits}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            _describe(method, operation, waits=method == "post" and path in addresses)
            _say_whether_needed(operation.get("requestBody"), schemas)
            other = OTHER_FORMS.get((method, path))
            if other is not None:
                operation["responses"]["200"]["content"][other] = {"schema": {"type": "string"}}
    return whole


def _describe(method: str, operation: dict[str, Any], *, waits: bool) -> None:
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    responses: dict[str, Any] = operation.setdefault("responses", {})
    parameters.append(CORRELATION)
    if method == "post":
        parameters.append(IDEMPOTENCY)
    if waits:
        parameters.append(PREFER)
    if method == "get":
        parameters.append(IF_NONE_MATCH)
        responses["304"] = {"description": "Nothing has changed since"}
        # The server in front refuses it before it is anybody's request, and says so in its own way.
        responses["414"] = {"description": "The address is too long", "content": {"text/html": {"schema": {}}}}
    if method in ("put", "patch", "delete"):
        parameters.append(IF_MATCH)
        responses["412"] = {"description": "It is no longer what was shown", **_PROBLEM}


def _say_whether_needed(body: dict[str, Any] | None, schemas: dict[str, Any]) -> None:
    """A body in which nothing has to stand may be left out."""
    if body is None or set(body["content"]) != {"application/json"}:
        return
    named = body["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2]
    body["required"] = bool(schemas.get(named, {}).get("required"))
