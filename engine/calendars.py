"""Working days: Monday to Friday, without the public holidays of a country. Their dates are the library's.

They change from one release of the library to the next, so a step asks for them, and the answer stands in the journal.
"""

from datetime import date, timedelta
from functools import lru_cache

import holidays

from engine.data.moments import duration, instant, later, milliseconds

MOST_DAYS = 3_660
"""Days that are counted one by one: ten years of work."""


def supported(country: str, subdivision: str | None) -> bool:
    """Whether there is a calendar of a country (`DE`), and of a part of it (`BY`)."""
    subdivisions = holidays.list_supported_countries().get(country)
    return subdivisions is not None and (subdivision is None or subdivision in subdivisions)


def due(start: int, after: str, country: str | None, subdivision: str | None) -> int:
    """The moment a duration after `start` (ms since 1970) if only working days count.

    Whole days are counted on working days; what is left of the duration is added, and if that leads to a day off, the
    next working day is meant, at the same time. Raises `MomentInvalid`.
    """
    length = duration(after)
    if not isinstance(length, timedelta) or length.days > MOST_DAYS:
        # Months and years are longer than what is meant by a number of working days.
        return _to_work(later(start, after), country, subdivision)
    day, left = instant(start), length.days
    while left:
        day += timedelta(days=1)
        left -= _is_working(day.date(), country, subdivision)
    return _to_work(milliseconds(day + (length - timedelta(days=length.days))), country, subdivision)


def _to_work(at: int, country: str | None, subdivision: str | None) -> int:
    day = instant(at)
    while not _is_working(day.date(), country, subdivision):
        day += timedelta(days=1)
    return milliseconds(day)


def _is_working(day: date, country: str | None, subdivision: str | None) -> bool:
    return day.weekday() < 5 and (country is None or day not in _holidays(country, subdivision))


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)
