"""Working hours: when in a week somebody works, by the clocks of a time zone, without the holidays of a country.

A moment is looked at in the zone's own time, so hours stay what they are when the clocks change.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from engine.data.moments import instant, milliseconds
from engine.public_holidays import is_holiday

LONGEST_LOOK_DAYS = 8
"""How far ahead the next change is looked for: in a week every one of them comes by."""


class Shift(Struct, frozen=True):
    """From when until when on a day, `09:00` to `17:30`. One that ends at `24:00` ends with the day."""

    start: str
    end: str


class WorkingHours(Struct, frozen=True):
    """The shifts of each day of a week, and whose holidays are free."""

    mon: tuple[Shift, ...] = ()
    tue: tuple[Shift, ...] = ()
    wed: tuple[Shift, ...] = ()
    thu: tuple[Shift, ...] = ()
    fri: tuple[Shift, ...] = ()
    sat: tuple[Shift, ...] = ()
    sun: tuple[Shift, ...] = ()
    timezone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None

    def cover(self, at: int) -> bool:
        """Whether a moment (ms since 1970) is one of work."""
        local = instant(at).astimezone(ZoneInfo(self.timezone))
        return any(start <= local < end for start, end in self._spans(local.date()))

    def next_change(self, at: int) -> int:
        """The next moment after this one from which on `cover` may answer otherwise (ms since 1970)."""
        first = instant(at).astimezone(ZoneInfo(self.timezone)).date()
        for ahead in range(LONGEST_LOOK_DAYS):
            for start, end in self._spans(first + timedelta(days=ahead)):
                for edge in (milliseconds(start.astimezone(UTC)), milliseconds(end.astimezone(UTC))):
                    if edge > at:
                        return edge
        return at + LONGEST_LOOK_DAYS * 24 * 3_600_000

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        if self.country is not None and is_holiday(day, self.country, self.subdivision):
            return []
        zone = ZoneInfo(self.timezone)
        shifts = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)[day.weekday()]
        spans = [(_on(day, shift.start, zone), _on(day, shift.end, zone)) for shift in shifts]
        return sorted(spans)


@lru_cache(maxsize=512)
def minutes(text: str) -> int | None:
    """The minutes since midnight of `09:30`, up to `24:00`; None when it is no time of day."""
    hours, colon, rest = text.partition(":")
    if not colon or len(hours) != 2 or len(rest) != 2 or not (hours + rest).isascii() or not (hours + rest).isdigit():
        return None
    found = int(hours) * 60 + int(rest)
    return found if int(rest) < 60 and found <= 24 * 60 else None


def _on(day: date, clock: str, zone: ZoneInfo) -> datetime:
    found = minutes(clock)
    assert found is not None, f"{clock} was checked when it was entered"
    if found == 24 * 60:
        return datetime.combine(day + timedelta(days=1), time(), zone)
    return datetime.combine(day, time(found // 60, found % 60), zone)
