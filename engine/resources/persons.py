"""What of the organisation decides about rights: a participant's roles and privileges, and whose items he may see."""

from engine.items.privileges import Person, PersonPrivilege, privileges_of
from engine.resources.organisation import Organisation


def person_of(organisation: Organisation, name: str) -> Person:
    """The roles and privileges of a participant. One who is not known has the usual ones, and is not available."""
    participant = organisation.participants.get(name)
    if participant is None:
        return Person(available=False)
    return Person(frozenset(participant.roles), privileges_of(participant.privileges), participant.available)


def overseen_by(organisation: Organisation, name: str) -> frozenset[str]:
    """Whose items a participant may see beside his own: those of his groups, if he has the privilege."""
    participant = organisation.participants.get(name)
    if participant is None or PersonPrivilege.VIEW_GROUP_ITEMS not in privileges_of(participant.privileges):
        return frozenset()
    groups = set(participant.groups)
    return frozenset(each.id for each in organisation.participants.values() if not groups.isdisjoint(each.groups))
