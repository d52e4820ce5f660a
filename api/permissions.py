"""Who may do what: one table from permissions to the access roles that grant them.

admin        everything
operator     starts, watches, suspends and cancels cases, administers everybody's items, and teaches rules
designer     deploys, reads and retires specifications, and teaches rules
participant  works on the items that are offered to, or owned by, the participant the user acts as
service      starts cases, tells them what happens outside, and reads them, whoever started them
auditor      sees everything, also what was refused to others, and changes nothing

That is what they grant by default. The table can be changed over the API, and roles be added to it; `admin` stays as
it is, so that nobody can lock everybody out.

Access roles are not the organisational roles of a participant: those decide who is offered work, and grant nothing
here. What one may not know of is answered as if it did not exist (404); what one may know of and not do with 403. Who
works on items without `ITEMS_SEE_ALL` sees an item while it is offered to his participant or owned by it, and stays
able to see it after somebody else of those it was offered to was faster.
"""

from collections.abc import Iterable, Mapping
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
    CONNECTORS_READ = "connectors:read"
    CONNECTORS_WRITE = "connectors:write"
    RULES_WRITE = "rules:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    AUDIT_READ = "audit:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


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
    Permission.CONNECTORS_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR, Access.DESIGNER}),
    Permission.CONNECTORS_WRITE: frozenset({_ADMIN}),
    Permission.RULES_WRITE: frozenset({_ADMIN, _OPERATOR, Access.DESIGNER}),
    Permission.USERS_READ: frozenset({_ADMIN, _AUDITOR}),
    Permission.USERS_WRITE: frozenset({_ADMIN}),
    Permission.AUDIT_READ: frozenset({_ADMIN, _AUDITOR}),
    Permission.WEBHOOKS_READ: frozenset({_ADMIN, _OPERATOR, _AUDITOR}),
    Permission.WEBHOOKS_WRITE: frozenset({_ADMIN}),
}

BY_DEFAULT: dict[str, frozenset[Permission]] = {
    role.value: frozenset(permission for permission, granted_to in GRANTED_TO.items() if role in granted_to)
    for role in Access
}
"""The same table by role."""

_NAMED = {permission.value: permission for permission in Permission}


def permissions_of(
    access: Iterable[str], changed: Mapping[str, tuple[str, ...]] | None = None
) -> frozenset[Permission]:
    """What these roles grant together. `changed` are those that do not grant what they do by default."""
    return frozenset().union(*(granted_by(role, changed or {}) for role in access))


def granted_by(role: str, changed: Mapping[str, tuple[str, ...]]) -> frozenset[Permission]:
    """What a role grants; nothing where there is no such role. A permission of another version does not count."""
    if role != Access.ADMIN and role in changed:
        return frozenset(_NAMED[name] for name in changed[role] if name in _NAMED)
    return BY_DEFAULT.get(role, frozenset())


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

    `token_access` are the roles in the token, of which not all need count, and `access` those that do; `expires_at` in
    seconds since 1970. With `specifications` (None: all) nothing counts for others, nor for their cases.
    """

    user: str
    participant: str
    permissions: frozenset[Permission]
    token_access: tuple[str, ...]
    token_id: str
    expires_at: int
    access: frozenset[str] = frozenset()
    specifications: frozenset[str] | None = None

    def reaches(self, specification: str) -> bool:
        """Whether what is granted counts for a specification."""
        return self.specifications is None or specification in self.specifications

    def may(self, permission: Permission) -> bool:
        """Whether it is granted."""
        return permission in self.permissions

    def must(self, permission: Permission) -> None:
        """Raises `Forbidden` (`permission_missing`) unless it is granted."""
        if not self.may(permission):
            raise Forbidden(f"{self.user} lacks the permission {permission}", code="permission_missing")
