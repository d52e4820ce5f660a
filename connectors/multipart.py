"""Bodies of several parts: `multipart/form-data` (RFC 7578), as forms with files are sent.

A part is a string, number or boolean (a plain field), a list of parts of the same name, or a mapping:
`{filename, content_type, text | base64 | json}`. Null is left out.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

PART_KEYS = ("filename", "content_type", "text", "base64", "json")
CONTENT_KEYS = ("text", "base64", "json")


def write(values: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body and its content type. The same values always give the same bytes, so that a call made again with its
    idempotency key is the same call. Raises `ValueError` for a part that is none."""
    parts = [_field(name, entry) for name, value in values.items() for entry in _entries(value)]
    # Nobody can write a part that holds the digest of all parts, and so the boundary.
    digest = sha256()
    for part in parts:
        digest.update(part.render_headers().encode())
        digest.update(part.data if isinstance(part.data, bytes) else part.data.encode())
    return encode_multipart_formdata(parts, boundary=digest.hexdigest()[:48])


def content_of(part: Mapping[str, Any]) -> bytes:
    """The bytes of a mapping that has one of `text`, `base64` and `json`. Raises `ValueError`."""
    [kind] = [key for key in CONTENT_KEYS if key in part]
    content = part[kind]
    if kind == "json":
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    if not isinstance(content, str):
        raise ValueError(f"{kind} must be a string")
    return content.encode() if kind == "text" else from_base64(content)


def from_base64(text: str) -> bytes:
    """The bytes that base64 says, line ends within it notwithstanding. Raises `ValueError`."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def _entries(value: Any) -> Iterator[Any]:
    for entry in value if isinstance(value, list) else [value]:
        if entry is not None:
            yield entry


def _field(name: str, value: Any) -> RequestField:
    if not isinstance(value, Mapping):
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        field = RequestField(name, text.encode())
        field.make_multipart()
        return field
    unknown = [key for key in value if key not in PART_KEYS]
    if unknown or sum(key in value for key in CONTENT_KEYS) != 1:
        raise ValueError(f"the part {name} must have one of {', '.join(CONTENT_KEYS)}, and may have {PART_KEYS[:2]}")
    filename, content_type = (_one_line(value.get(key), key) for key in PART_KEYS[:2])
    field = RequestField(name, content_of(value), filename=filename)
    field.make_multipart(content_type=content_type or ("application/octet-stream" if filename else None))
    return field


def _one_line(value: Any, key: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.isprintable()):
        raise ValueError(f"{key} must be a printable string")
    return value
