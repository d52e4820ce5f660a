"""The registry in memory: the reference, and what `casewright play` runs on."""

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

from msgspec.structs import replace

from engine.errors import Conflict
from engine.exceptions.ripple_down_rules import RuleSet
from engine.resources.organisation import Organisation, OrgUnit, Participant, Unit, organisation_of
from engine.resources.outside import OrganisationChanges
from engine.store.registry import (
    ALL_CHANGED,
    MOST_CHANGES,
    StoredConnector,
    StoredSpecification,
    User,
)


class MemoryRegistry:
    """The registry in memory. `clock` gives milliseconds since 1970. Safe for use by several threads."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._specifications: dict[tuple[str, str], StoredSpecification] = {}
        self._participants: dict[str, Participant] = {}
        self._users: dict[str, User] = {}
        self._revoked: dict[str, int] = {}
        self._units: dict[Unit, dict[str, OrgUnit]] = {unit: {} for unit in Unit}
        self._version = 0
        self._changed: list[str] = []
        self._connectors: dict[str, StoredConnector] = {}
        self._connectors_version = 0
        self._rules: dict[str, RuleSet] = {}
        self._lock = RLock()

    def put_specification(self, specification: StoredSpecification) -> bool:
        with self._lock:
            key = (specification.id, specification.version)
            stored = self._specifications.get(key)
            if stored is None:
                self._specifications[key] = specification
                return True
            if stored.document != specification.document:
                raise version_exists(specification)
            return False

    def specification(self, identifier: str, version: str | None = None) -> StoredSpecification | None:
        with self._lock:
            if version is not None:
                return self._specifications.get((identifier, version))
            return latest([s for s in self._specifications.values() if s.id == identifier])

    def specifications(self) -> list[StoredSpecification]:
        with self._lock:
            return sorted(self._specifications.values(), key=lambda s: (s.id, s.deployed_at, s.version))

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        stored = self.specification(identifier, version)
        return stored.document if stored is not None else None

    def latest_version(self, identifier: str) -> str | None:
        stored = self.specification(identifier)
        return stored.version if stored is not None else None

    def retire(self, identifier: str, version: str) -> bool:
        with self._lock:
            stored = self._specifications.get((identifier, version))
            if stored is None:
                return False
            self._specifications[identifier, version] = replace(stored, retired=True)
            return True

    def organisation_version(self) -> int:
        return self._version

    def organisation(self) -> Organisation:
        with self._lock:
            units = [(unit, each) for unit, kept in self._units.items() for each in kept.values()]
            return organisation_of(self._version, self.participants(), units)

    def organisation_changes(self, since: int) -> OrganisationChanges | None:
        with self._lock:
            behind = self._version - since
            if since < 0 or not 0 <= behind <= len(self._changed):
                return None
            log = self._changed[len(self._changed) - behind :]
            if ALL_CHANGED in log:
                return None
            return OrganisationChanges(self._version, {name: self._participants.get(name) for name in log})

    def units(self, unit: Unit) -> list[OrgUnit]:
        with self._lock:
            kept = self._units[unit]
            return [kept[name] for name in sorted(kept)]

    def put_unit(self, unit: Unit, entered: OrgUnit) -> bool:
        with self._lock:
            new = entered.id not in self._units[unit]
            self._units[unit][entered.id] = entered
            self._note_change(ALL_CHANGED)
            return new

    def delete_unit(self, unit: Unit, identifier: str) -> bool:
        with self._lock:
            self._note_change(ALL_CHANGED)
            return self._units[unit].pop(identifier, None) is not None

    def put_organisation(self, participants: Sequence[Participant], units: Sequence[tuple[Unit, OrgUnit]]) -> None:
        with self._lock:
            self._participants.update({participant.id: participant for participant in participants})
            for unit, each in units:
                self._units[unit][each.id] = each
            self._note_change(ALL_CHANGED)

    def participant(self, identifier: str) -> Participant | None:
        return self._participants.get(identifier)

    def _note_change(self, name: str) -> None:
        self._version += 1
        self._changed.append(name)
        del self._changed[:-MOST_CHANGES]

    def participants(self) -> list[Participant]:
        with self._lock:
            return [self._participants[name] for name in sorted(self._participants)]

    def put_participant(self, participant: Participant) -> None:
        with self._lock:
            self._participants[participant.id] = participant
            self._note_change(participant.id)

    def delete_participant(self, identifier: str) -> bool:
        with self._lock:
            self._note_change(identifier)
            return self._participants.pop(identifier, None) is not None

    def user(self, name: str) -> User | None:
        return self._users.get(name)

    def users(self) -> list[User]:
        with self._lock:
            return [self._users[name] for name in sorted(self._users)]

    def put_user(self, user: User) -> None:
        with self._lock:
            self._users[user.name] = user

    def add_user(self, user: User) -> bool:
        with self._lock:
            return self._users.setdefault(user.name, user) is user

    def delete_user(self, name: str) -> bool:
        with self._lock:
            return self._users.pop(name, None) is not None

    def revoke(self, token_id: str, seconds: int) -> None:
        with self._lock:
            now = self._clock()
            self._revoked = {token: until for token, until in self._revoked.items() if until > now}
            self._revoked[token_id] = now + seconds * 1000

    def revoked(self, token_id: str) -> bool:
        return self._revoked.get(token_id, 0) > self._clock()

    def connectors_version(self) -> int:
        return self._connectors_version

    def connectors(self) -> list[StoredConnector]:
        with self._lock:
            return [self._connectors[name] for name in sorted(self._connectors)]

    def put_connector(self, connector: StoredConnector) -> bool:
        with self._lock:
            new = connector.name not in self._connectors
            self._connectors[connector.name] = connector
            self._connectors_version += 1
            return new

    def delete_connector(self, name: str) -> bool:
        with self._lock:
            self._connectors_version += 1
            return self._connectors.pop(name, None) is not None

    def rule_set(self, specification: str) -> RuleSet | None:
        return self._rules.get(specification)

    def put_rule_set(self, rules: RuleSet, before: int) -> bool:
        with self._lock:
            stored = self._rules.get(rules.specification)
            if (stored.version if stored is not None else 0) != before:
                return False
            self._rules[rules.specification] = rules
            return True


def latest(versions: list[StoredSpecification]) -> StoredSpecification | None:
    """The version deployed last of those that take new cases."""
    return max(
        (version for version in versions if not version.retired),
        key=lambda version: (version.deployed_at, version.version),
        default=None,
    )


def version_exists(specification: StoredSpecification) -> Conflict:
    """The refusal of other content under a version that is deployed already."""
    return Conflict(
        f"specification {specification.id} version {specification.version} is deployed with other content; "
        "give the changed one a new version",
        code="version_exists",
    )
