"""The request of an `http` call: from config and input to what is sent."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from connectors import auth, bodies, headers
from connectors.http_config import METHODS_WITH_BODY, merged_headers
from connectors.port import CallRequest

# What a header of our own may hold; everything else in an id is percent-encoded.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def request_of(call: CallRequest, credentials: auth.Credentials) -> requests.Request:
    """The request of a call whose config is complete. Raises `ValueError` for a body that cannot be sent."""
    config = call.config
    method = config.get("method", "GET")
    given = {name: headers.field_value(value) for name, value in config.get("headers", {}).items()}
    content_type = next((value for name, value in given.items() if name.lower() == "content-type"), None)
    content, sent_type = _body(method, call, content_type)
    own = {
        "Idempotency-Key": quote(call.item_id, _PRINTABLE),
        "X-Correlation-Id": quote(call.correlation_id, _PRINTABLE),
    }
    typed = {"Content-Type": sent_type} if sent_type else {}
    return requests.Request(
        method,
        config["url"],
        headers=merged_headers(given, typed, credentials.headers, own),
        params=[*bodies.fields(_query(method, call)), *credentials.query.items()],
        data=content,
    )


def _body(method: str, call: CallRequest, content_type: str | None) -> tuple[bytes | None, str | None]:
    body = call.config.get("body", call.input if method in METHODS_WITH_BODY else None)
    return (None, None) if body is None else bodies.encode(body, content_type, call.config.get("encode"))


def _query(method: str, call: CallRequest) -> Mapping[str, Any]:
    sends_input = method not in METHODS_WITH_BODY and "body" not in call.config
    query: Mapping[str, Any] = call.config.get("query", call.input if sends_input else {})
    return query
