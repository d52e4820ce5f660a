"""Bodies of HTTP messages: from a JSON value to bytes, and from the bytes of an answer to a JSON value.

| encoding | sent | read |
|---|---|---|
| `json` | any value | its value |
| `xml` | a mapping with one key, the root element | a mapping (`connectors.xml_bodies`) |
| `form` | a mapping | as text |
| `multipart` | a mapping of parts (`connectors.multipart`) | as text |
| `text` | a string, as it is | a string |
| `base64` | the bytes that a string says in base64 | a string in base64 |
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from connectors import multipart, xml_bodies

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
TEXT = "text/plain; charset=utf-8"
XML = "application/xml"
BINARY = "application/octet-stream"

SENT = ("json", "xml", "form", "multipart", "text", "base64")
"""What a body may be sent as."""
READ = ("json", "xml", "text", "base64")
"""What an answer may be read as."""

_BINARY_TYPES = frozenset({BINARY, "application/pdf", "application/zip", "application/gzip"})
_BINARY_FAMILIES = ("image/", "audio/", "video/", "font/")


class UndecodableBody(Exception):
    """A body is not what it says, or what was expected of it."""


def encode(body: Any, content_type: str | None, encoding: str | None = None) -> tuple[bytes, str]:
    """The bytes of a body and their content type.

    Without an `encoding` a string is sent as it is, as plain text unless the content type says otherwise; a mapping as
    the content type says, if that is of a form, of several parts, or of XML; anything else as JSON. Raises
    `ValueError` for what cannot be said in an encoding.
    """
    content, own_type = _WRITERS[encoding or _encoding_of(body, content_type)](body)
    # The boundary of several parts stands in their content type, so nobody else can give it.
    return content, own_type if own_type.startswith(MULTIPART) else content_type or own_type


def _encoding_of(body: Any, content_type: str | None) -> str:
    if isinstance(body, str):
        return "text"
    media_type = _media_type(content_type or JSON)[0]
    if not isinstance(body, Mapping):
        return "json"
    if _is_xml(media_type):
        return "xml"
    return {FORM: "form", MULTIPART: "multipart"}.get(media_type, "json")


def _text_body(body: Any) -> tuple[bytes, str]:
    return _string(body).encode(), TEXT


def _binary_body(body: Any) -> tuple[bytes, str]:
    return multipart.from_base64(_string(body)), BINARY


def _form_body(body: Any) -> tuple[bytes, str]:
    return urlencode(fields(_mapping(body))).encode(), FORM


_WRITERS: Mapping[str, Callable[[Any], tuple[bytes, str]]] = {
    "json": lambda body: (_json(body).encode(), JSON),
    "xml": lambda body: (xml_bodies.write(body), XML),
    "form": _form_body,
    "multipart": lambda body: multipart.write(_mapping(body)),
    "text": _text_body,
    "base64": _binary_body,
}


def _string(body: Any) -> str:
    if not isinstance(body, str):
        raise ValueError("the body must be a string")
    return body


def _mapping(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise ValueError("the body must be a mapping")
    return body


def fields(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a form or a query: a list gives one field for each element, null none, and a mapping (or a list
    within a list) its JSON text."""
    pairs = (
        (name, entry) for name, value in values.items() for entry in (value if isinstance(value, list) else [value])
    )
    return [(name, entry if isinstance(entry, str) else _json(entry)) for name, entry in pairs if entry is not None]


def decode(content: bytes, content_type: str | None, encoding: str | None = None) -> Any:
    """The value of a body. Without an `encoding` the content type decides: JSON and XML give their values, pictures,
    archives and the like base64, and all else text.

    Nothing at all, as with status 204, is null where JSON or XML was announced. Raises `UndecodableBody`.
    """
    media_type, charset = _media_type(content_type or TEXT)
    reading = encoding or _reading_of(media_type)
    if reading == "text":
        return text(content, content_type)
    if reading == "base64":
        return base64.b64encode(content).decode()
    if not content:
        return None
    try:
        return xml_bodies.parse(content, charset) if reading == "xml" else _json_value(content, charset)
    except (ValueError, LookupError, RecursionError, xml_bodies.XmlInvalid) as error:
        name = "XML" if reading == "xml" else "JSON"
        raise UndecodableBody(f"not {name} ({error})") from error


def _reading_of(media_type: str) -> str:
    if media_type == JSON or media_type.endswith("+json"):
        return "json"
    if _is_xml(media_type):
        return "xml"
    return "base64" if media_type in _BINARY_TYPES or media_type.startswith(_BINARY_FAMILIES) else "text"


def _is_xml(media_type: str) -> bool:
    return media_type in (XML, "text/xml") or media_type.endswith("+xml")


def _json_value(content: bytes, charset: str | None) -> Any:
    decoded = content.decode(charset or "utf-8-sig")
    value = json.loads(decoded, parse_float=_finite, parse_constant=_finite)
    _require_storable(decoded, value)
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
