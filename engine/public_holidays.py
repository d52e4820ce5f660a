"""Public holidays of countries and their parts. Their dates are the library's, and change with its releases."""

from datetime import date
from functools import lru_cache

import holidays


def supported(country: str, subdivision: str | None) -> bool:
    """Whether there is a calendar of a country (`DE`), and of a part of it (`BY`)."""
    subdivisions = holidays.list_supported_countries().get(country)
    return subdivisions is not None and (subdivision is None or subdivision in subdivisions)


def is_holiday(day: date, country: str, subdivision: str | None) -> bool:
    """Whether a day is a public holiday of a country, or of a part of it."""
    return day in _holidays(country, subdivision)


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)
