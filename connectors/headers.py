"""Header fields of HTTP: what may stand in a name and a value, and what `Retry-After` says (RFC 9110)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.config import Path, Unknown
from connectors.port import ConfigProblem

MAX_RETRY_AFTER_S = 24 * 3600.0
"""The longest wait that a server is granted."""

_RESERVED = frozenset({"idempotency-key", "x-correlation-id", "content-length", "transfer-encoding", "connection"})
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# A value is Latin-1, without control characters, and begins with no blank: what else it held would be another field.
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff][\x20-\x7e\x80-\xff\t]*)?")
_SECONDS = re.compile(r"[0-9]{1,9}")


def check_name(value: Any, path: Path) -> list[ConfigProblem]:
    """The name of a header that is not the connector's own to send."""
    if isinstance(value, Unknown):
        return []
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        return [ConfigProblem(path, "is not the name of a header")]
    if value.lower() in _RESERVED:
        return [ConfigProblem(path, "this header is set by the connector")]
    return []


def check_value(value: Any, path: Path) -> list[ConfigProblem]:
    """The value of a header: a string, a number or a boolean."""
    if isinstance(value, Unknown):
        return []
    if isinstance(value, str | int | float) and _VALUE.fullmatch(field_value(value)):
        return []
    return [ConfigProblem(path, "must be a string of printable Latin-1 characters, or a number")]


def field_value(value: str | float) -> str:
    """The value as it is sent: booleans as `true` and `false`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, given as such or as a date; at most `MAX_RETRY_AFTER_S`.

    None when the header is absent or says neither.
    """
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date with the zone -0000 comes back without one; HTTP dates are in UTC.
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
