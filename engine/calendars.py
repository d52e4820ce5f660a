"""Working days: Monday to Friday, without the public holidays of a country. Their dates are the library's.

A day is one by the clocks of a time zone. The same time on another day is what a clock on the wall shows then, so a day
that a change of the clocks lies in has 23 or 25 hours. Hours are hours, whatever the clocks show.

Holidays change from one release of the library to the next, so a step asks for them, and the answer stands in the
journal.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from engine.data.moments import duration, instant, later, milliseconds
from engine.public_holidays import is_holiday, supported
from engine.spec.model import Workdays

__all__ = ["MOST_DAYS", "due", "is_timezone", "supported"]

MOST_DAYS = 3_660
"""Days that are counted one by one: ten years of work."""


def is_timezone(name: str) -> bool:
    """Whether there is a time zone of this name (`Europe/Berlin`)."""
    return name in available_timezones()


def due(start: int, after: str, workdays: Workdays) -> int:
    """The moment a duration after `start` (ms since 1970) if only working days count.

    Whole days are counted on working days; what is left of the duration is added, and if that leads to a day off, the
    next working day is meant, at the same time. Raises `MomentInvalid`.
    """
    length = duration(after)
    if not isinstance(length, timedelta) or length.days > MOST_DAYS:
        # Months and years are longer than what is meant by a number of working days.
        return _to_work(_local(later(start, after), workdays), workdays)
    day, left = _local(start, workdays), length.days
    while left:
        day += timedelta(days=1)
        left -= _is_working(day.date(), workdays)
    rest = length - timedelta(days=length.days)
    return _to_work((day.astimezone(UTC) + rest).astimezone(day.tzinfo), workdays)


def _local(at: int, workdays: Workdays) -> datetime:
    return instant(at).astimezone(ZoneInfo(workdays.timezone))


def _to_work(day: datetime, workdays: Workdays) -> int:
    while not _is_working(day.date(), workdays):
        day += timedelta(days=1)
    return milliseconds(day)


def _is_working(day: date, workdays: Workdays) -> bool:
    country = workdays.country
    return day.weekday() < 5 and (country is None or not is_holiday(day, country, workdays.subdivision))
