"""The organisation: participants with their roles, positions, groups and capabilities, indexed for distribution."""

from collections.abc import Iterable

from msgspec import Struct

from engine.effects import Distribute


class Participant(Struct, frozen=True):
    """A person who can get work. The roles are organisational: they grant no permission."""

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    available: bool = True


class Organisation:
    """All participants at one moment. `version` differs whenever any of them does."""

    def __init__(self, version: int, participants: Iterable[Participant]) -> None:
        self.version = version
        self.participants = {participant.id: participant for participant in participants}
        self._by_role: dict[str, set[str]] = {}
        self._by_position: dict[str, set[str]] = {}
        self._by_group: dict[str, set[str]] = {}
        for participant in self.participants.values():
            for index, names in (
                (self._by_role, participant.roles),
                (self._by_position, participant.positions),
                (self._by_group, participant.groups),
            ):
                for name in names:
                    index.setdefault(name, set()).add(participant.id)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that somebody has."""
        return frozenset(self._by_role)

    def eligible(self, question: Distribute) -> tuple[str, ...]:
        """Who may get an item: named, or in any role, position or group; with all capabilities; and available."""
        found = {name for name in question.participants if name in self.participants}
        for index, names in (
            (self._by_role, question.roles),
            (self._by_position, question.positions),
            (self._by_group, question.groups),
        ):
            for name in names:
                found |= index.get(name, set())
        named = question.participants or question.roles or question.positions or question.groups
        candidates = found if named else set(self.participants)
        wanted = set(question.capabilities)
        return tuple(
            sorted(
                name
                for name in candidates
                if self.participants[name].available and wanted.issubset(self.participants[name].capabilities)
            )
        )
