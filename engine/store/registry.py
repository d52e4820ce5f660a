"""The port of the registry: what changes seldom and belongs to no case (specifications, people, users)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from engine.exceptions.ripple_down_rules import RuleSet
from engine.resources.organisation import Organisation, OrgUnit, Participant, Unit
from engine.resources.outside import OrganisationChanges


class StoredSpecification(Struct, frozen=True):
    """One deployed version: its document, the text it was written as, and when it came (ms since 1970)."""

    id: str
    version: str
    document: dict[str, Any]
    text: str
    media_type: str
    title: str | None = None
    deployed_at: int = 0
    deployed_by: str = ""
    retired: bool = False


class User(Struct, frozen=True):
    """Somebody who may call the API. `access` are permission roles; acts as the participant `resource_id`.

    `specifications`: ids of the only ones that this user has to do with, and with the cases of (None: all).
    """

    name: str
    password_hash: str | None = None
    access: tuple[str, ...] = ()
    resource_id: str | None = None
    disabled: bool = False
    specifications: tuple[str, ...] | None = None


class StoredConnector(Struct, frozen=True):
    """A connector as it was configured over the API, when (ms since 1970) and by whom."""

    name: str
    written: dict[str, Any]
    put_at: int = 0
    put_by: str = ""


ALL_CHANGED = ""
"""What stands in the log of changes for one that touches everything. It is the id of nobody."""

MOST_CHANGES = 10_000
"""Changes of the organisation that are remembered; whoever is further behind reads it whole."""


class Registry(Protocol):
    """Where specifications, participants, users and connectors are kept. Every method may raise `Unavailable`."""

    def put_specification(self, specification: StoredSpecification) -> bool:
        """Deploys a version; False when the same content was deployed before.

        Raises `Conflict` (`version_exists`) when the version exists with other content: it is immutable.
        """

    def specification(self, identifier: str, version: str | None = None) -> StoredSpecification | None:
        """A version, or the latest deployed one that is not retired."""

    def specifications(self) -> list[StoredSpecification]:
        """All versions of all specifications, by id and then by when they were deployed."""

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        """The document of a version."""

    def latest_version(self, identifier: str) -> str | None:
        """The version that was deployed last and is not retired."""

    def retire(self, identifier: str, version: str) -> bool:
        """Takes no new cases of a version; False when there is no such version."""

    def organisation_version(self) -> int:
        """A number that grows whenever a resource or a unit changes."""

    def organisation(self) -> Organisation:
        """All resources and units, as they are at one moment."""

    def organisation_changes(self, since: int) -> OrganisationChanges | None:
        """The resources that changed since a version; None when all must be read anew."""

    def units(self, unit: Unit) -> list[OrgUnit]:
        """All roles, positions, groups or capabilities, by id."""

    def put_unit(self, unit: Unit, entered: OrgUnit) -> bool:
        """Enters or changes one; whether it is new."""

    def delete_unit(self, unit: Unit, identifier: str) -> bool:
        """Removes one; False when there is none."""

    def participant(self, identifier: str) -> Participant | None:
        """One participant."""

    def put_organisation(self, participants: Sequence[Participant], units: Sequence[tuple[Unit, OrgUnit]]) -> None:
        """Enters or changes all of these at once."""

    def participants(self) -> list[Participant]:
        """All participants, by id."""

    def put_participant(self, participant: Participant) -> None:
        """Enters or changes a participant."""

    def delete_participant(self, identifier: str) -> bool:
        """Removes a participant; False when there is none."""

    def user(self, name: str) -> User | None:
        """One user."""

    def users(self) -> list[User]:
        """All users, by name."""

    def put_user(self, user: User) -> None:
        """Enters or changes a user."""

    def add_user(self, user: User) -> bool:
        """Enters a user unless the name is taken."""

    def delete_user(self, name: str) -> bool:
        """Removes a user; False when there is none."""

    def revoke(self, token_id: str, seconds: int) -> None:
        """Refuses a token from now on. `seconds`: how long it would still have been good."""

    def revoked(self, token_id: str) -> bool:
        """Whether a token was revoked."""

    def connectors_version(self) -> int:
        """A number that changes whenever a connector does."""

    def connectors(self) -> list[StoredConnector]:
        """All connectors that were configured over the API, by name."""

    def put_connector(self, connector: StoredConnector) -> bool:
        """Enters or changes a connector; whether it is new."""

    def delete_connector(self, name: str) -> bool:
        """Removes a connector; False when there is none."""

    def rule_set(self, specification: str) -> RuleSet | None:
        """What was learnt about the exceptions of a specification, and which worklets its tasks run."""

    def put_rule_set(self, rules: RuleSet, before: int) -> bool:
        """Keeps a rule set in the place of version `before` (0: there was none); False when that is no longer there."""
