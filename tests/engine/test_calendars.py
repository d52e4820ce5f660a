"""Working days and durations over leap days, the ends of months and changes of the clocks."""

from datetime import UTC, datetime

import pytest

from engine import calendars
from engine.data.moments import later, milliseconds, moment
from engine.spec.model import Workdays

BERLIN = Workdays("DE", "BY", "Europe/Berlin")
NEW_YORK = Workdays("US", None, "America/New_York")
LORD_HOWE = Workdays(timezone="Australia/Lord_Howe")
"""Where clocks change by half an hour."""


def shown(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("start", "after", "due"),
    [
        ("2028-02-28T12:00:00Z", "P1D", "2028-02-29T12:00:00Z"),
        ("2026-02-28T12:00:00Z", "P1D", "2026-03-01T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "P1Y", "2029-02-28T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "P4Y", "2032-02-29T12:00:00Z"),
        ("2028-01-31T12:00:00Z", "P1M", "2028-02-29T12:00:00Z"),
        ("2027-01-31T12:00:00Z", "P1M", "2027-02-28T12:00:00Z"),
        ("2027-12-31T23:59:59Z", "PT1S", "2028-01-01T00:00:00Z"),
        # Without working days a day is 24 hours, also where clocks change: Berlin on 2027-03-28 and 2027-10-31.
        ("2027-03-27T12:00:00+01:00", "P1D", "2027-03-28T11:00:00Z"),
        ("2027-10-30T12:00:00+02:00", "P1D", "2027-10-31T10:00:00Z"),
    ],
)
def test_a_duration_is_added_as_a_calendar_does(start: str, after: str, due: str) -> None:
    assert shown(later(moment(start), after)) == due


@pytest.mark.parametrize(
    ("start", "after", "workdays", "due"),
    [
        # Friday before the clocks go forward, and before they go back: Monday at the same time on the wall.
        ("2027-03-26T09:00:00+01:00", "P1D", BERLIN, "2027-03-30T07:00:00Z"),
        ("2027-10-29T09:00:00+02:00", "P1D", BERLIN, "2027-11-02T08:00:00Z"),
        ("2027-10-29T09:00:00+02:00", "P1D", Workdays("DE", None, "Europe/Berlin"), "2027-11-01T08:00:00Z"),
        ("2027-03-12T09:00:00-05:00", "P1D", NEW_YORK, "2027-03-15T13:00:00Z"),
        ("2027-04-02T09:00:00+11:00", "P1D", LORD_HOWE, "2027-04-04T22:30:00Z"),
        # Hours are hours and lead to Saturday, 16:00, which means Tuesday: 1 November is a holiday in Bavaria.
        ("2027-10-29T20:00:00+02:00", "PT20H", BERLIN, "2027-11-02T15:00:00Z"),
        # Late in the evening in Berlin it is another day than in UTC: Thursday, whose next working day is Friday.
        ("2027-06-09T23:30:00Z", "P1D", BERLIN, "2027-06-10T23:30:00Z"),
        ("2027-06-09T23:30:00Z", "P1D", Workdays("DE", "BY"), "2027-06-10T23:30:00Z"),
        ("2027-06-10T23:30:00Z", "P1D", BERLIN, "2027-06-13T23:30:00Z"),
        ("2027-06-10T23:30:00Z", "P1D", Workdays("DE", "BY"), "2027-06-11T23:30:00Z"),
        # The 29th of February is a Tuesday.
        ("2028-02-28T12:00:00Z", "P2D", Workdays(), "2028-03-01T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "P1Y", Workdays(), "2029-02-28T12:00:00Z"),
    ],
)
def test_working_days_are_those_of_the_clocks_on_the_wall(start: str, after: str, workdays: Workdays, due: str) -> None:
    assert shown(calendars.due(moment(start), after, workdays)) == due


def test_a_time_that_the_clocks_leave_out_means_the_one_shown_instead() -> None:
    # In 2026 clocks in Cairo go forward at the first moment of Friday, 24 April: 00:30 is not, it is 01:30 then.
    cairo = Workdays(timezone="Africa/Cairo")
    due = calendars.due(moment("2026-04-23T00:30:00+02:00"), "P1D", cairo)
    assert datetime.fromtimestamp(due / 1000, UTC) == datetime(2026, 4, 23, 22, 30, tzinfo=UTC)


def test_a_time_that_is_twice_means_the_first() -> None:
    # On Friday, 30 October 2026, clocks in Cairo go back at midnight: 23:30 on Thursday is twice.
    cairo = Workdays(timezone="Africa/Cairo")
    due = calendars.due(milliseconds(datetime(2026, 10, 28, 20, 30, tzinfo=UTC)), "P1D", cairo)
    assert datetime.fromtimestamp(due / 1000, UTC) == datetime(2026, 10, 29, 20, 30, tzinfo=UTC)
