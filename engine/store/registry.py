"""The port of the registry: what changes seldom and belongs to no case (specifications, people, users)."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from engine.resources.organisation import Participant


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
    """Somebody who may call the API. `access` are permission roles; acts as the participant `resource_id`."""

    name: str
    password_hash: str | None = None
    access: tuple[str, ...] = ()
    resource_id: str | None = None
    disabled: bool = False


class Registry(Protocol):
    """Where specifications, participants and users are kept. Every method may raise `Unavailable`."""

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
        """A number that changes whenever a participant does."""

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
