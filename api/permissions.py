"""Who may do what: one table from permissions to the access roles that grant them.

admin        everything
operator     starts, watches, suspends and cancels cases, and administers everybody's items
designer     deploys, reads and retires specifications
participant  works on the items that are offered to, or owned by, the participant the user acts as
service      starts cases, tells them what happens outside, and reads them, whoever started them
auditor      sees everything and changes nothing

Access roles are not the organisational roles of a participant: those decide who is offered work, and grant nothing
here. What one may not know of is answered as if it did not exist (404); what one may know of and not do with 403. Who
works on items without `ITEMS_SEE_ALL` sees an item while it is offered to his participant or owned by it, and stays
able to see it after somebody else of those it was offered to was faster.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import Forbidden


class Access(StrEnum):
    """A permission role."""

    ADMIN = "admin"
    OPERATOR = "operator"
    DESIGNER = "designer"
    PARTICIPANT = "participant"
    SERVICE = "service"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What a route, or a part of what it does, requires."""

    SPECIFICATIONS_READ = "specifications:read"
    SPECIFICATIONS_WRITE = "specifications:write"
    CASES_START = "cases:start"
    CASES_READ = "cases:read"
    CASES_CANCEL = "cases:cancel"
    CASES_SIGNAL = "cases:signal"
    ITEMS_READ = "items:read"
    ITEMS_SEE_ALL = "items:see-all"
    ITEMS_WORK = "items:work"
    ITEMS_ADMINISTER = "items:administer"
    RESOURCES_READ = "resources:read"
    RESOURCES_WRITE = "resources:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"


_ADMIN, _OPERATOR, _AUDITOR = Access.ADMIN, Access.OPERATOR, Access.AUDITOR

GRANTED_TO: dict[Permission, frozenset[Access]] = {
    Permission.SPECIFICATIONS_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR, Access.DESIGNER}),
    Permission.SPECIFICATIONS_WRITE: frozenset({_ADMIN, Access.DESIGNER}),
    Permission.CASES_START: frozenset({_ADMIN, _OPERATOR, Access.SERVICE}),
    Permission.CASES_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR, Access.SERVICE}),
    Permission.CASES_CANCEL: frozenset({_ADMIN, _OPERATOR}),
    Permission.CASES_SIGNAL: frozenset({_ADMIN, _OPERATOR, Access.SERVICE}),
    Permission.ITEMS_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR, Access.PARTICIPANT}),
    Permission.ITEMS_SEE_ALL: frozenset({_ADMIN, _OPERATOR, _AUDITOR}),
    Permission.ITEMS_WORK: frozenset({_ADMIN, _OPERATOR, Access.PARTICIPANT}),
    Permission.ITEMS_ADMINISTER: frozenset({_ADMIN, _OPERATOR}),
    Permission.RESOURCES_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR, Access.DESIGNER}),
    Permission.RESOURCES_WRITE: frozenset({_ADMIN}),
    Permission.USERS_READ: frozenset({_ADMIN, _AUDITOR}),
    Permission.USERS_WRITE: frozenset({_ADMIN}),
}


def permissions_of(access: Iterable[str]) -> frozenset[Permission]:
    """What these roles grant together."""
    roles = frozenset(access)
    return frozenset(permission for permission, granted_to in GRANTED_TO.items() if not granted_to.isdisjoint(roles))


class Door(StrEnum):
    """What a route requires that needs no permission."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    REFRESH_TOKEN = "refresh token"
    ANY_TOKEN = "any token"


Guard = Permission | Door


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, the participant the user acts as, what the user may do, and the token that was shown.

    `token_access` are the roles in the token, of which not all need count; `expires_at` in seconds since 1970.
    """

    user: str
    participant: str
    permissions: frozenset[Permission]
    token_access: tuple[str, ...]
    token_id: str
    expires_at: int

    def may(self, permission: Permission) -> bool:
        """Whether it is granted."""
        return permission in self.permissions

    def must(self, permission: Permission) -> None:
        """Raises `Forbidden` (`permission_missing`) unless it is granted."""
        if not self.may(permission):
            raise Forbidden(f"{self.user} lacks the permission {permission}", code="permission_missing")
