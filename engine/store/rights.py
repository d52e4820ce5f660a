"""The port of rights: what each access role grants, and the API keys of users.

Who asks is known by two readings at most: whether his token was revoked, and `admission`, which is who he is now and
what roles mean now. So a right that was taken away is gone with the next request.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from engine.store.registry import User


class StoredRole(Struct, frozen=True):
    """An access role that was changed or made: the permissions it grants, when (ms since 1970) and by whom."""

    name: str
    permissions: tuple[str, ...]
    put_at: int = 0
    put_by: str = ""


class ApiKey(Struct, frozen=True):
    """A key with which programs ask in the name of a user. Only the digest of its secret is kept.

    `access`: roles it is good for, of those that the user has; `specifications`: ids it is good for (None: all).
    Times are ms since 1970, 0 for never.
    """

    id: str
    user: str
    digest: bytes
    name: str = ""
    access: tuple[str, ...] = ()
    specifications: tuple[str, ...] | None = None
    made_at: int = 0
    made_by: str = ""
    expires_at: int = 0


class Admission(NamedTuple):
    """A user as he is now, and the permissions of roles that are not what they are by default."""

    user: User | None
    roles: Mapping[str, tuple[str, ...]]


MOST_ROLES = 100
MOST_KEYS_OF_A_USER = 100


class Rights(Protocol):
    """Where roles and API keys are kept. Every method may raise `Unavailable`."""

    def admission(self, user: str) -> Admission:
        """A user, and what roles grant."""

    def roles(self) -> list[StoredRole]:
        """The roles that were changed or made, by name."""

    def put_role(self, role: StoredRole) -> bool:
        """Enters or changes a role; whether it was not among them before."""

    def delete_role(self, name: str) -> bool:
        """Removes a role, or makes it what it is by default; False when it was not changed."""

    def api_key(self, identifier: str) -> ApiKey | None:
        """One key."""

    def api_keys(self, user: str) -> list[ApiKey]:
        """The keys of a user, by id."""

    def put_api_key(self, key: ApiKey) -> None:
        """Enters a key."""

    def delete_api_key(self, identifier: str) -> bool:
        """Removes a key; False when there is none."""
