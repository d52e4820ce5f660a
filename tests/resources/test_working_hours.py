"""Working hours follow the clocks of their zone, and say themselves when they change."""

import pytest

from engine.data.moments import moment
from engine.resources.working_hours import Shift, WorkingHours, minutes

OFFICE = (Shift("09:00", "12:00"), Shift("13:00", "17:00"))
BERLIN = WorkingHours(OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, timezone="Europe/Berlin", country="DE")


@pytest.mark.parametrize(
    ("at", "works"),
    [
        ("2026-01-05T08:00:00Z", True),  # 9 o'clock in winter
        ("2026-01-05T07:59:59Z", False),
        ("2026-07-06T07:00:00Z", True),  # 9 o'clock in summer
        ("2026-07-06T10:30:00Z", False),  # half past twelve
        ("2026-07-06T14:59:59Z", True),
        ("2026-07-06T15:00:00Z", False),
        ("2026-01-04T09:00:00Z", False),  # a Sunday
        ("2026-01-01T09:00:00Z", False),  # New Year's Day
    ],
)
def test_a_moment_is_looked_at_by_the_clocks_of_the_zone(at: str, works: bool) -> None:
    assert BERLIN.cover(moment(at)) is works


@pytest.mark.parametrize(
    ("at", "next_change"),
    [
        ("2026-01-05T07:00:00Z", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00Z", "2026-01-05T11:00:00Z"),
        ("2026-01-05T23:00:00Z", "2026-01-06T08:00:00Z"),
        ("2026-03-27T16:00:00Z", "2026-03-30T07:00:00Z"),  # the clocks change in between
    ],
)
def test_they_say_when_they_change_next(at: str, next_change: str) -> None:
    assert BERLIN.next_change(moment(at)) == moment(next_change)


def test_a_shift_may_last_until_the_end_of_the_day() -> None:
    nights = WorkingHours(mon=(Shift("22:00", "24:00"),), tue=(Shift("00:00", "06:00"),))
    monday = moment("2026-01-05T00:00:00Z")
    hour = 3_600_000
    assert [nights.cover(monday + n * hour) for n in (21, 22, 23, 24, 29, 30)] == [False, True, True, True, True, False]


def test_who_never_works_is_looked_at_again_after_a_while() -> None:
    never = WorkingHours()
    assert not never.cover(0) and never.next_change(0) > 0


@pytest.mark.parametrize(
    ("text", "found"),
    [("00:00", 0), ("09:30", 570), ("24:00", 1440), ("24:01", None), ("9:30", None), ("09:60", None), ("ab:cd", None)],
)
def test_a_time_of_day_is_read_strictly(text: str, found: int | None) -> None:
    assert minutes(text) == found
