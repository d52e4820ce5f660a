"""Dates and moments as texts, changed: read in another form, written in another form, moved by a duration.

No place's time and no language is looked up: what a mapping gives must not depend on the machine it is replayed on. A
time that is not UTC is one with a given offset.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from engine.data.moments import MomentInvalid, instant, later, milliseconds, moment

FIELDS = "YmdHMSfyj%"
"""What may follow a `%` in a form: year, month, day, hour, minute, second, fraction, short year, day of the year."""

_FIELD = re.compile(r"%(.?)", re.DOTALL)
_OFFSET = re.compile(r"Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_form(form: str) -> str:
    """A form of dates such as `%d.%m.%Y`. Raises `MomentInvalid`."""
    for field in _FIELD.findall(form):
        if not field or field not in FIELDS:
            raise MomentInvalid(f"{form!r}: there is no %{field}, but {', '.join('%' + known for known in FIELDS)}")
    return form


def offset(text: str) -> timezone:
    """An offset from UTC: `Z`, `+01:00`. Raises `MomentInvalid`."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise MomentInvalid(f"{text!r} is no offset from UTC like +01:00")
    if found[1] is None:
        return UTC
    away = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-away if found[1] == "-" else away)


def written(text: str, form: str) -> str:
    """A date or a moment in a form. Raises `MomentInvalid`."""
    at = _day_or_time(text)
    # `strftime` leaves out leading zeros of early years on some systems.
    return at.strftime(_FIELD.sub(lambda field: f"{at.year:04d}" if field[1] == "Y" else field[0], form))


def read(text: str, form: str) -> str:
    """The date of a text in a form, or its moment in UTC where the form has a time of day. Raises `MomentInvalid`."""
    try:
        found = datetime.strptime(text, form)
    except ValueError:
        raise MomentInvalid(f"{text!r} is not of the form {form!r}") from None
    if any(f"%{field}" in form for field in "HMSf"):
        return _text(found.replace(tzinfo=UTC))
    return found.date().isoformat()


def moved(text: str, duration: str) -> str:
    """A date or a moment, later by a duration such as `P1M`. Raises `MomentInvalid`."""
    if _DAY.fullmatch(text):
        at = instant(later(milliseconds(_day_or_time(text)), duration))
        return _text(at) if "T" in duration else at.date().isoformat()
    at = _day_or_time(text)
    return _text(instant(later(milliseconds(at), duration)).astimezone(at.tzinfo))


def in_offset(text: str, where: timezone) -> str:
    """The same moment, written with another offset from UTC. Raises `MomentInvalid`."""
    try:
        return _text(instant(moment(text)).astimezone(where))
    except OverflowError:
        raise MomentInvalid(f"{text!r} lies beyond the calendar there") from None


def from_timestamp(at: int) -> str:
    """A moment in UTC, from milliseconds since 1970. Raises `MomentInvalid`."""
    try:
        return _text(instant(at))
    except (OverflowError, ValueError, OSError):
        raise MomentInvalid(f"{at} lies beyond the calendar") from None


def day(text: str) -> str:
    """The date of a moment, where it was written."""
    return _day_or_time(text).date().isoformat()


def _day_or_time(text: str) -> datetime:
    if _DAY.fullmatch(text):
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise MomentInvalid(f"{text!r} is no date") from None
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    moment(text)
    return datetime.fromisoformat(text)


def _text(at: datetime) -> str:
    """RFC 3339, with as much of a fraction as there is, and `Z` for UTC."""
    shown = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return shown.removesuffix("+00:00") + "Z" if at.utcoffset() == timedelta(0) else shown
