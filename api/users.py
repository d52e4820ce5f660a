"""Users: who may call the API, with which roles, and as which participant."""

import re
from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answers import answer, no_content
from api.auth import participant_of
from api.context import parts, principal
from api.messages import Body, ListQuery
from api.pages import page_of
from api.passwords import hashed
from api.permissions import Access, Door, Permission
from api.routes import Routes
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.registry import User

routes = Routes("users")

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}")
"""Names of users and participants. No comma: the journal lists people with commas between them. No dot alone: it would
be taken for a way through an address."""

AccessName = Literal["admin", "operator", "designer", "participant", "service", "auditor"]


class UserAddress(BaseModel):
    """Names a user."""

    username: str


class UserBody(Body):
    """A user. Without `password` the present one stays; without `resource_id` the participant is of the same name."""

    password: str | None = Field(None, min_length=8, max_length=1024)
    access: list[AccessName] = Field(max_length=len(Access))
    resource_id: str | None = Field(None, pattern=f"^{NAME.pattern}$")
    disabled: bool = False


class UserView(BaseModel):
    """A user, without the password."""

    username: str
    access: list[str]
    resource_id: str
    disabled: bool
    has_password: bool


class UserList(BaseModel):
    """A page of users, by name."""

    items: list[UserView]
    next: str | None


@routes.get("/users", Permission.USERS_READ, {200: UserList})
def list_users(query: ListQuery) -> Response:
    """Lists users."""
    users, following = page_of(parts().registry.users(), lambda user: (0, user.name), query.limit, query.cursor)
    return answer(UserList(items=[_view(user) for user in users], next=following))


@routes.get("/users/<username>", Door.SIGNED_IN, {200: UserView})
def get_user(path: UserAddress) -> Response:
    """Shows a user: everybody himself, and others to who may read users."""
    if path.username != principal().user:
        principal().must(Permission.USERS_READ)
    user = parts().registry.user(path.username)
    if user is None:
        raise _unknown(path.username)
    return answer(_view(user))


@routes.put("/users/<username>", Permission.USERS_WRITE, {200: UserView, 201: UserView})
def put_user(path: UserAddress, body: UserBody) -> Response:
    """Enters or changes a user."""
    if not NAME.fullmatch(path.username):
        problem = Problem("username", f"is to be {NAME.pattern}")
        raise InvalidInput("this cannot be the name of a user", code="invalid_name", problems=(problem,))
    if path.username == principal().user and (body.disabled or Access.ADMIN.value not in body.access):
        raise _oneself()
    registry = parts().registry
    present = registry.user(path.username)
    kept = present.password_hash if present is not None else None
    user = User(
        name=path.username,
        password_hash=hashed(body.password) if body.password is not None else kept,
        access=tuple(sorted(set(body.access))),
        resource_id=body.resource_id,
        disabled=body.disabled,
    )
    registry.put_user(user)
    return answer(_view(user), 200 if present is not None else 201)


@routes.delete("/users/<username>", Permission.USERS_WRITE, {204: None})
def delete_user(path: UserAddress) -> Response:
    """Removes a user."""
    if path.username == principal().user:
        raise _oneself()
    if not parts().registry.delete_user(path.username):
        raise _unknown(path.username)
    return no_content()


def _view(user: User) -> UserView:
    return UserView(
        username=user.name,
        access=sorted(user.access),
        resource_id=participant_of(user),
        disabled=user.disabled,
        has_password=user.password_hash is not None,
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"no user {name}", code="user_not_found")


def _oneself() -> Conflict:
    # Otherwise the last administrator could lock everybody out.
    return Conflict("nobody takes away his own right to administer users; another administrator can", code="own_user")
