"""Moments and durations as text: RFC 3339 and ISO 8601. A moment is counted in milliseconds since 1970.

A duration of months or years is added as a calendar does: a month after January 31st is the last of February.
"""

from datetime import UTC, datetime, timedelta

import isodate
from isodate.isoerror import ISO8601Error

LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Nothing is due later: beyond it a calendar ends."""


class MomentInvalid(Exception):
    """A text is no moment, or no duration."""


def moment(text: str) -> int:
    """The moment of `2026-01-31T08:15:00Z`. Raises `MomentInvalid`, also for one without an offset from UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise MomentInvalid(f"{text!r} is no moment like 2026-01-31T08:15:00Z") from None
    if read.tzinfo is None:
        raise MomentInvalid(f"{text!r} does not say how far it is from UTC: end it with Z or +01:00")
    return milliseconds(read)


def duration(text: str) -> "timedelta | isodate.Duration":
    """The duration of `P1DT12H`. Raises `MomentInvalid`, also for a negative one."""
    try:
        read = isodate.parse_duration(text)
    except ISO8601Error:
        read = None
    if read is None or text.endswith("T"):
        raise MomentInvalid(f"{text!r} is no duration like P1DT12H")
    if text.startswith("-"):
        raise MomentInvalid(f"{text!r} lies in the past")
    return read


def later(at: int, text: str) -> int:
    """The moment that lies a duration after another. Raises `MomentInvalid`."""
    try:
        due = instant(at) + duration(text)
    except (OverflowError, ValueError):
        # A year that there is not is said so by one library, and so by the other.
        raise MomentInvalid(f"{text!r} reaches beyond the calendar") from None
    if due > LATEST:
        raise MomentInvalid(f"{text!r} reaches beyond the calendar")
    return milliseconds(due)


def instant(at: int) -> datetime:
    """A moment as a date and time in UTC."""
    return datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)


def milliseconds(at: datetime) -> int:
    """A date and time as a moment."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
