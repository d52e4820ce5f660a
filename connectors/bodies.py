"""Bodies of HTTP messages: from a JSON value to bytes, and from the bytes of an answer to a JSON value."""

import json
import math
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain; charset=utf-8"


class UndecodableBody(Exception):
    """A body says that it is JSON and is not."""


def encode(body: Any, content_type: str | None) -> tuple[bytes, str]:
    """The bytes of a body and their content type.

    A string is sent as it is, as plain text unless the content type says otherwise. A mapping whose content type is
    that of a form is sent as one. Anything else is sent as JSON. Raises `ValueError` for what is no JSON (NaN).
    """
    if isinstance(body, str):
        return body.encode(), content_type or TEXT
    if isinstance(body, Mapping) and _media_type(content_type or JSON)[0] == FORM:
        return urlencode(fields(body)).encode(), content_type or FORM
    return _json(body).encode(), content_type or JSON


def fields(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a form or a query: a list gives one field for each element, null none, and a mapping (or a list
    within a list) its JSON text."""
    pairs = (
        (name, entry) for name, value in values.items() for entry in (value if isinstance(value, list) else [value])
    )
    return [(name, entry if isinstance(entry, str) else _json(entry)) for name, entry in pairs if entry is not None]


def decode(content: bytes, content_type: str | None) -> Any:
    """The value of a body: that of its JSON where the content type is JSON, else its text.

    Nothing at all, as with status 204, is null where JSON was announced. Raises `UndecodableBody`.
    """
    media_type, charset = _media_type(content_type or TEXT)
    if media_type != JSON and not media_type.endswith("+json"):
        return text(content, content_type)
    if not content:
        return None
    try:
        decoded = content.decode(charset or "utf-8-sig")
        value = json.loads(decoded, parse_float=_finite, parse_constant=_finite)
        _require_storable(decoded, value)
    except (ValueError, LookupError, RecursionError) as error:
        raise UndecodableBody(str(error)) from error
    return value


def text(content: bytes, content_type: str | None) -> str:
    """The text of a body. What its character set, UTF-8 if it names none, does not know becomes a replacement sign."""
    charset = _media_type(content_type or TEXT)[1] or "utf-8"
    try:
        decoded = content.decode(charset, errors="replace")
    except (LookupError, UnicodeError):
        decoded = content.decode("utf-8", errors="replace")
    # Some character sets can say half a surrogate pair, which nothing could store.
    return decoded.encode("utf-8", errors="replace").decode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _media_type(content_type: str) -> tuple[str, str | None]:
    header = Message()
    header["content-type"] = content_type
    return header.get_content_type(), header.get_content_charset()


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no JSON number, or too large for one")
    return value


def _require_storable(decoded: str, value: Any) -> None:
    # Half a surrogate pair can be stored nowhere. Some character sets can say one, and JSON can spell one as an escape;
    # the search keeps the second pass over the value to the few bodies that might.
    decoded.encode()
    if "\\ud" in decoded.lower():
        _json(value).encode()
