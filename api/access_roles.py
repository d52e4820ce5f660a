"""Access roles: what each grants can be changed, and roles of an installation's own be added.

A change counts from the next request on. Whoever may write users may give himself everything, so this needs no other
permission than that.
"""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from api.answers import answer, no_content
from api.context import parts, principal
from api.messages import Body, ListQuery, moment
from api.names import ROLE_NAME
from api.pages import page_of
from api.permissions import BY_DEFAULT, Access, Permission, granted_by
from api.routes import Routes
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.rights import MOST_ROLES, StoredRole

__all__ = ["ROLE_NAME", "check_roles", "routes"]

routes = Routes("access_roles")


class RoleAddress(BaseModel):
    """Names an access role."""

    role: str


class RoleBody(Body):
    """What an access role grants."""

    permissions: list[Annotated[Permission, Field(strict=False)]] = Field(max_length=len(Permission))


class RoleView(BaseModel):
    """An access role. `built_in` ones are there by default; `changed`: it does not grant what it does by default."""

    role: str
    permissions: list[str]
    built_in: bool
    changed: bool
    put_at: str | None
    put_by: str | None


class RoleList(BaseModel):
    """A page of access roles, by name."""

    items: list[RoleView]
    next: str | None


@routes.get("/access-roles", Permission.USERS_READ, {200: RoleList})
def list_access_roles(query: ListQuery) -> Response:
    """Lists access roles, and what each grants."""
    stored = _stored()
    names = sorted({*BY_DEFAULT, *stored})
    found, following = page_of(names, lambda name: (0, name), query.limit, query.cursor)
    return answer(RoleList(items=[_view(name, stored) for name in found], next=following))


@routes.get("/access-roles/<role>", Permission.USERS_READ, {200: RoleView})
def get_access_role(path: RoleAddress) -> Response:
    """Shows what an access role grants."""
    stored = _stored()
    if path.role not in BY_DEFAULT and path.role not in stored:
        raise _unknown(path.role)
    return answer(_view(path.role, stored))


@routes.put("/access-roles/<role>", Permission.USERS_WRITE, {200: RoleView, 201: RoleView})
def put_access_role(path: RoleAddress, body: RoleBody) -> Response:
    """Says what an access role grants from now on, or makes one."""
    if not ROLE_NAME.fullmatch(path.role):
        problem = Problem("role", f"is to be {ROLE_NAME.pattern}")
        raise InvalidInput("this cannot be the name of a role", code="invalid_name", problems=(problem,))
    if path.role == Access.ADMIN:
        # Otherwise the last administrator could lock everybody out.
        raise Conflict("admin grants everything, always", code="role_fixed")
    stored = _stored()
    new = path.role not in BY_DEFAULT and path.role not in stored
    if new and len(stored) >= MOST_ROLES:
        raise Conflict(f"there are {MOST_ROLES} roles already: remove one first", code="too_many_roles")
    role = StoredRole(
        path.role,
        tuple(sorted({permission.value for permission in body.permissions})),
        parts().store.now(),
        principal().user,
    )
    parts().access.rights.put_role(role)
    return answer(_view(path.role, {**stored, path.role: role}), 201 if new else 200)


@routes.delete("/access-roles/<role>", Permission.USERS_WRITE, {204: None})
def delete_access_role(path: RoleAddress) -> Response:
    """Removes a role of the installation's own; a built-in one grants what it does by default again."""
    if not parts().access.rights.delete_role(path.role) and path.role not in BY_DEFAULT:
        raise _unknown(path.role)
    return no_content()


def check_roles(access: list[str]) -> None:
    """Raises `InvalidInput` (`unknown_role`) unless there are such access roles."""
    if all(role in BY_DEFAULT for role in access):
        return
    known = {*BY_DEFAULT, *_stored()}
    problems = [
        Problem(f"$.access[{index}]", f"there is no access role {role}: {', '.join(sorted(known))}")
        for index, role in enumerate(access)
        if role not in known
    ]
    if problems:
        raise InvalidInput("there is no such access role", code="unknown_role", problems=problems)


def _stored() -> dict[str, StoredRole]:
    return {role.name: role for role in parts().access.rights.roles()}


def _view(name: str, stored: dict[str, StoredRole]) -> RoleView:
    changed = stored.get(name)
    granted = granted_by(name, {role.name: role.permissions for role in stored.values()})
    return RoleView(
        role=name,
        permissions=sorted(granted),
        built_in=name in BY_DEFAULT,
        changed=changed is not None,
        put_at=moment(changed.put_at) if changed is not None else None,
        put_by=changed.put_by if changed is not None else None,
    )


def _unknown(role: str) -> NotFound:
    return NotFound(f"no access role {role}", code="role_not_found")
