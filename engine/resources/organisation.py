"""The organisation as it is entered: who there is, and the roles, positions, groups and capabilities they have.

Roles and groups nest: who has a role has the roles above it too, and who is in a group is in the groups around it. A
position reports to the one above it. None of them grants a permission.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct, field

from engine.resources.working_hours import WorkingHours

Level = int | float | str
"""How well somebody has a capability: a number, a text, or a word of its scale."""

MOST_NESTED = 100
"""How deep roles, groups and positions nest. What goes deeper is a circle."""


class ResourceKind(StrEnum):
    """What a resource is. Only a person gets work; a room or a machine is what work needs."""

    PERSON = "person"
    NON_HUMAN = "non_human"


class Absence(Struct, frozen=True):
    """Somebody is away: from a moment on (ms since 1970), until another."""

    start: int
    end: int
    reason: str = ""


NoticeName = Literal["offered", "allocated", "reminded"]

TOLD_BY_MAIL: tuple[NoticeName, ...] = ("allocated", "reminded")
"""What mails tell somebody of who has not said otherwise."""


class Participant(Struct, frozen=True):
    """A resource: mostly a person who can get work. The roles are organisational: they grant no permission.

    `levels` says of some capabilities how well he has them. `max_workload` bounds the items he has at a time, `cost` is
    what an hour of him costs, `category` what a resource is that is no person, and `source` from which outside
    directory he comes. `notices` are what mails to `email` tell him of his items. Without `hours` he works at any time.
    """

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    available: bool = True
    levels: dict[str, Level] = {}
    absences: tuple[Absence, ...] = ()
    hours: WorkingHours | None = None
    max_workload: int | None = None
    cost: float = 0.0
    privileges: tuple[str, ...] = ()
    kind: ResourceKind = ResourceKind.PERSON
    category: str = ""
    email: str = ""
    source: str = ""
    notices: tuple[NoticeName, ...] = TOLD_BY_MAIL

    def is_there(self, at: int) -> bool:
        """Whether he is available at a moment (ms since 1970)."""
        return (
            self.available
            and not any(absence.start <= at < absence.end for absence in self.absences)
            and (self.hours is None or self.hours.cover(at))
        )

    def is_away_within(self, start: int, end: int) -> bool:
        """Whether he is absent at any time between two moments (ms since 1970); shifts that end are no absence."""
        return not self.available or any(each.start < end and start < each.end for each in self.absences)


class Unit(StrEnum):
    """What a participant has or belongs to."""

    ROLES = "roles"
    POSITIONS = "positions"
    GROUPS = "groups"
    CAPABILITIES = "capabilities"


class Measure(StrEnum):
    """How a capability is measured: somebody has it or not, as a number, as a text, or as a word of a scale."""

    FLAG = "flag"
    NUMBER = "number"
    TEXT = "text"
    SCALE = "scale"


class OrgUnit(Struct, frozen=True):
    """A role, position, group or capability. `parent`: the role above, whom the position reports to, the group around.

    `type` is what a group is (a team, a department), or the `Measure` of a capability; `scale` has the words of one,
    the least first. A position belongs to a `group`.
    """

    id: str
    name: str = ""
    parent: str | None = None
    type: str = ""
    scale: tuple[str, ...] = ()
    group: str | None = None


Units = Mapping[Unit, Mapping[str, OrgUnit]]


class Organisation(Struct, frozen=True):
    """All resources and units at one moment. `version` differs whenever any of them does."""

    version: int = -1
    participants: dict[str, Participant] = field(default_factory=dict)
    units: dict[Unit, dict[str, OrgUnit]] = field(default_factory=dict)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are entered, or that somebody has."""
        held = (role for person in self.participants.values() for role in person.roles)
        return frozenset(held) | frozenset(self.units.get(Unit.ROLES, {}))

    def unit(self, unit: Unit, identifier: str) -> OrgUnit | None:
        """One role, position, group or capability."""
        return self.units.get(unit, {}).get(identifier)

    def below(self, unit: Unit, identifier: str) -> frozenset[str]:
        """What lies below one of these, itself among it: the roles that have it, the positions that report to it."""
        children: dict[str, list[str]] = {}
        for each in self.units.get(unit, {}).values():
            if each.parent is not None:
                children.setdefault(each.parent, []).append(each.id)
        found, level = {identifier}, [identifier]
        while level:
            level = [child for parent in level for child in children.get(parent, ()) if child not in found]
            found.update(level)
        return frozenset(found)

    def above(self, unit: Unit, identifier: str) -> tuple[str, ...]:
        """What lies above one of these, the nearest first: whom a position reports to, and so on."""
        known, chain = self.units.get(unit, {}), list[str]()
        current = known.get(identifier)
        while current is not None and current.parent is not None and len(chain) < MOST_NESTED:
            chain.append(current.parent)
            current = known.get(current.parent)
        return tuple(chain)

    def with_changes(self, version: int, changed: Mapping[str, Participant | None]) -> "Organisation":
        """The organisation after some resources changed (None: they are gone)."""
        participants = self.participants.copy()
        for identifier, participant in changed.items():
            if participant is None:
                participants.pop(identifier, None)
            else:
                participants[identifier] = participant
        return Organisation(version, participants, self.units)


def organisation_of(
    version: int, participants: Iterable[Participant], units: Iterable[tuple[Unit, OrgUnit]] = ()
) -> Organisation:
    """The organisation that these make up."""
    kept: dict[Unit, dict[str, OrgUnit]] = {}
    for unit, each in units:
        kept.setdefault(unit, {})[each.id] = each
    return Organisation(version, {participant.id: participant for participant in participants}, kept)


def described(participant: Participant) -> dict[str, Any]:
    """A participant as expressions see him."""
    return {
        "id": participant.id,
        "name": participant.name,
        "roles": list(participant.roles),
        "capabilities": list(participant.capabilities),
        "levels": dict(participant.levels),
        "positions": list(participant.positions),
        "groups": list(participant.groups),
        "cost": participant.cost,
        "max_workload": participant.max_workload,
    }
