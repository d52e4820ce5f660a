"""Messages about the organisation, as the API takes and gives them: resources, roles, positions, groups, capabilities.

Moments are RFC 3339, times of day `09:30`.
"""

from typing import Annotated, Any, Literal

from msgspec.structs import asdict
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from api.exact_rules import RESERVED
from api.messages import Body
from engine.calendars import is_timezone, supported
from engine.data.moments import MomentInvalid, instant
from engine.data.moments import moment as moment_of
from engine.resources.organisation import (
    TOLD_BY_MAIL,
    Absence,
    Measure,
    NoticeName,
    OrgUnit,
    Participant,
    ResourceKind,
    Unit,
)
from engine.resources.working_hours import Shift, WorkingHours, minutes

MOST_IMPORTED = 100_000


def _checked_moment(text: str) -> str:
    try:
        moment_of(text)
    except MomentInvalid as invalid:
        raise ValueError(str(invalid)) from None
    return text


def _checked_clock(text: str) -> str:
    if minutes(text) is None:
        raise ValueError(f"{text!r} is no time of day like 09:30")
    return text


Name = Annotated[str, Field(min_length=1, max_length=128)]
Names = Annotated[list[Name], Field(max_length=1000)]


def _checked_id(text: str) -> str:
    if text in RESERVED:
        raise ValueError(f"must not be one of {', '.join(sorted(RESERVED))}")
    return text


Identifier = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$"), AfterValidator(_checked_id)
]
Moment = Annotated[str, Field(max_length=64), AfterValidator(_checked_moment)]
Clock = Annotated[str, Field(max_length=5), AfterValidator(_checked_clock)]
LevelValue = Annotated[int | float | Annotated[str, Field(max_length=128)], Field()]


class AbsenceBody(Body):
    """From when until when somebody is away."""

    start: Moment
    end: Moment
    reason: str = Field("", max_length=256)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "AbsenceBody":
        if moment_of(self.end) <= moment_of(self.start):
            raise ValueError("ends before it starts")
        return self


class ShiftBody(Body):
    """From when until when on a day; one that ends with the day ends at `24:00`."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "ShiftBody":
        if (minutes(self.end) or 0) <= (minutes(self.start) or 0):
            raise ValueError("ends before it starts; a shift over midnight is one on each day")
        return self


Shifts = Annotated[list[ShiftBody], Field(max_length=24)]


class HoursBody(Body):
    """The shifts of each day of the week, by the clocks of a time zone; holidays of a country are free."""

    timezone: str = Field("UTC", max_length=64)
    country: str | None = Field(None, max_length=3)
    subdivision: str | None = Field(None, max_length=40)
    mon: Shifts = []
    tue: Shifts = []
    wed: Shifts = []
    thu: Shifts = []
    fri: Shifts = []
    sat: Shifts = []
    sun: Shifts = []

    @model_validator(mode="after")
    def _is_known(self) -> "HoursBody":
        if not is_timezone(self.timezone):
            raise ValueError(f"there is no time zone {self.timezone}")
        if self.country is not None and not supported(self.country, self.subdivision):
            raise ValueError(f"there is no calendar of {self.country} {self.subdivision or ''}".rstrip())
        return self

    def hours(self) -> WorkingHours:
        """The working hours."""
        days = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        mon, tue, wed, thu, fri, sat, sun = (tuple(Shift(each.start, each.end) for each in shifts) for shifts in days)
        return WorkingHours(mon, tue, wed, thu, fri, sat, sun, self.timezone, self.country, self.subdivision)


class ResourceBody(Body):
    """A resource: a person, or (`kind` is `non_human`) a room or a machine. `id` may be repeated here.

    `levels` says how well somebody has a capability; `max_workload` bounds the items he has at a time; `cost` is that
    of an hour. Without `hours` he works at any time. `notices` are what mails to `email` tell him of his items.
    """

    id: str | None = None
    name: str = Field("", max_length=256)
    roles: Names = []
    capabilities: Names = []
    levels: dict[Name, LevelValue] = Field({}, max_length=1000)
    positions: Names = []
    groups: Names = []
    available: bool = True
    absences: list[AbsenceBody] = Field([], max_length=1000)
    hours: HoursBody | None = None
    max_workload: int | None = Field(None, ge=0, le=1_000_000)
    cost: float = Field(0.0, ge=0, le=1e9, allow_inf_nan=False)
    privileges: Names = []
    kind: Literal["person", "non_human"] = "person"
    category: str = Field("", max_length=128)
    email: str = Field("", max_length=320)
    notices: list[NoticeName] = Field(list(TOLD_BY_MAIL), max_length=3)

    def participant(self, identifier: str) -> Participant:
        """The resource, under this id."""
        return Participant(
            id=identifier,
            name=self.name,
            roles=_unique(self.roles),
            capabilities=_unique(self.capabilities),
            levels=dict(self.levels),
            positions=_unique(self.positions),
            groups=_unique(self.groups),
            available=self.available,
            absences=tuple(Absence(moment_of(a.start), moment_of(a.end), a.reason) for a in self.absences),
            hours=self.hours.hours() if self.hours is not None else None,
            max_workload=self.max_workload,
            cost=self.cost,
            privileges=_unique(self.privileges),
            kind=ResourceKind(self.kind),
            category=self.category,
            email=self.email,
            notices=tuple(dict.fromkeys(self.notices)),
        )


class NamedResource(ResourceBody):
    """A resource of an import, with its id."""

    id: Identifier


class UnitBody(Body):
    """A role, position, group or capability. `id` may be repeated here.

    `parent`: the role above, the position that this one reports to, the group around this one. `type` is what a group
    is, or how a capability is measured (`flag`, `number`, `text`, `scale`); `scale` has the words of one, the least
    first. A position belongs to a `group`.
    """

    id: str | None = None
    name: str = Field("", max_length=256)
    parent: Name | None = None
    type: str = Field("", max_length=64)
    scale: list[Name] = Field([], max_length=100)
    group: Name | None = None

    def unit(self, identifier: str) -> OrgUnit:
        """The unit, under this id."""
        return OrgUnit(identifier, self.name, self.parent, self.type, tuple(self.scale), self.group)


class NamedUnit(UnitBody):
    """A unit of an import, with its id."""

    id: Identifier


class ImportBody(Body):
    """An organisation, or a part of one. What is named is entered or replaced, and nothing is removed."""

    participants: list[NamedResource] = Field([], max_length=MOST_IMPORTED)
    roles: list[NamedUnit] = Field([], max_length=MOST_IMPORTED)
    positions: list[NamedUnit] = Field([], max_length=MOST_IMPORTED)
    groups: list[NamedUnit] = Field([], max_length=MOST_IMPORTED)
    capabilities: list[NamedUnit] = Field([], max_length=MOST_IMPORTED)

    def units(self) -> list[tuple[Unit, NamedUnit]]:
        """All units, each with what it is."""
        listed = {
            Unit.ROLES: self.roles,
            Unit.POSITIONS: self.positions,
            Unit.GROUPS: self.groups,
            Unit.CAPABILITIES: self.capabilities,
        }
        return [(unit, each) for unit, units in listed.items() for each in units]


class ImportedView(BaseModel):
    """How many of each were entered or replaced."""

    participants: int
    roles: int
    positions: int
    groups: int
    capabilities: int


class ResourceView(BaseModel):
    """A resource."""

    id: str
    name: str
    roles: list[str]
    capabilities: list[str]
    levels: dict[str, int | float | str]
    positions: list[str]
    groups: list[str]
    available: bool
    absences: list[dict[str, str]]
    hours: dict[str, Any] | None
    max_workload: int | None
    cost: float
    privileges: list[str]
    kind: str
    category: str
    email: str
    notices: list[str]


class ResourceList(BaseModel):
    """A page of resources, by id."""

    items: list[ResourceView]
    next: str | None


class UnitView(BaseModel):
    """A role, position, group or capability."""

    id: str
    name: str
    parent: str | None
    type: str
    scale: list[str]
    group: str | None


class UnitList(BaseModel):
    """A page of units, by id."""

    items: list[UnitView]
    next: str | None


class ExportView(BaseModel):
    """A whole organisation, in the form in which it is imported."""

    participants: list[ResourceView]
    roles: list[UnitView]
    positions: list[UnitView]
    groups: list[UnitView]
    capabilities: list[UnitView]


def resource_view(person: Participant) -> ResourceView:
    """A resource as it is shown."""
    shown = asdict(person)
    shown["absences"] = [
        {"start": _text(each.start), "end": _text(each.end), "reason": each.reason} for each in person.absences
    ]
    shown["hours"] = _hours_view(person.hours) if person.hours is not None else None
    return ResourceView.model_validate(shown)


def unit_view(unit: OrgUnit) -> UnitView:
    """A unit as it is shown."""
    return UnitView.model_validate(asdict(unit))


def unit_problems(unit: Unit, body: UnitBody) -> list[tuple[str, str]]:
    """What does not belong to a unit of this kind, as (key, message)."""
    given = {"parent": body.parent, "group": body.group, "type": body.type, "scale": body.scale}
    problems = [(key, f"is not for {unit}") for key, value in given.items() if value and key not in _KEYS[unit]]
    if unit is Unit.CAPABILITIES:
        if body.type and body.type not in tuple(Measure):
            problems.append(("type", f"must be one of {', '.join(Measure)}"))
        if (body.type == Measure.SCALE) != bool(body.scale):
            problems.append(("scale", "goes with the type scale, and with no other"))
        if len(set(body.scale)) != len(body.scale):
            problems.append(("scale", "has a word twice"))
    return problems


_KEYS = {
    Unit.ROLES: frozenset({"parent"}),
    Unit.POSITIONS: frozenset({"parent", "group"}),
    Unit.GROUPS: frozenset({"parent", "type"}),
    Unit.CAPABILITIES: frozenset({"type", "scale"}),
}


def _text(at: int) -> str:
    return f"{instant(at).isoformat().removesuffix('+00:00')}Z"


def _hours_view(hours: WorkingHours) -> dict[str, Any]:
    shifts = {"mon": hours.mon, "tue": hours.tue, "wed": hours.wed, "thu": hours.thu, "fri": hours.fri}
    shifts |= {"sat": hours.sat, "sun": hours.sun}
    week = {day: [{"start": each.start, "end": each.end} for each in given] for day, given in shifts.items() if given}
    named = {"country": hours.country, "subdivision": hours.subdivision}
    return {"timezone": hours.timezone, **{key: value for key, value in named.items() if value is not None}, **week}


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
