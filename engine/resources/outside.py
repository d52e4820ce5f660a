"""An organisation that is kept elsewhere (in LDAP, in a personnel system), followed here.

What the outside knows of somebody (name, mail, roles, positions, groups) is taken over; what only this system knows
(absences, working hours, capabilities, how much he may have in hand) stays. Who came from there and is gone there is
gone here too; who was entered here by hand is left alone.
"""

from typing import NamedTuple, Protocol

from msgspec.structs import replace

from engine.resources.organisation import Organisation, OrgUnit, Participant, Unit


class OrganisationChanges(NamedTuple):
    """The resources that changed (None: they are gone), and the version of the organisation with these changes."""

    version: int
    participants: dict[str, Participant | None]


class OrganisationSource(Protocol):
    """Where an organisation is read. Every method may raise `Unavailable`."""

    def organisation_version(self) -> int:
        """A number that differs whenever a resource or a unit does."""

    def organisation(self) -> Organisation:
        """All resources and units, as they are at one moment."""

    def organisation_changes(self, since: int) -> OrganisationChanges | None:
        """The resources that changed since a version; None when all must be read anew."""


class Followed(NamedTuple):
    """What is to be entered here and removed, so that this organisation is what the outside says."""

    participants: list[Participant]
    units: list[tuple[Unit, OrgUnit]]
    gone: list[str]


def follow(outside: Organisation, here: Organisation, source: str) -> Followed:
    """What has to change here. `source` names the outside: only who came from there may go with it.

    An outside in which nobody is says nothing about anybody: nobody goes then.
    """
    changed = []
    for name in sorted(outside.participants):
        entered = _joined(outside.participants[name], here.participants.get(name), source)
        if entered != here.participants.get(name):
            changed.append(entered)
    units = [
        (unit, entered)
        for unit in Unit
        for name, entered in sorted(outside.units.get(unit, {}).items())
        if here.unit(unit, name) != entered
    ]
    theirs = (name for name, person in here.participants.items() if person.source == source)
    gone = sorted(name for name in theirs if name not in outside.participants) if outside.participants else []
    return Followed(changed, units, gone)


def _joined(outside: Participant, here: Participant | None, source: str) -> Participant:
    if here is None:
        return replace(outside, source=source)
    return replace(
        here,
        name=outside.name,
        email=outside.email,
        roles=outside.roles,
        positions=outside.positions,
        groups=outside.groups,
        source=source,
    )
