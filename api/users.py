"""Users: who may call the API, with which roles, and as which participant."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from api.access_roles import ROLE_NAME, check_roles
from api.answers import answer, no_content
from api.auth import participant_of
from api.context import parts, principal
from api.deployed import IDENTIFIER
from api.messages import Body, ListQuery
from api.names import NAME
from api.pages import page_of
from api.passwords import hashed
from api.permissions import Access, Door, Permission
from api.routes import Routes
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.registry import User

routes = Routes("users")

__all__ = ["NAME", "routes"]

MOST_ROLES_OF_A_USER = 32
MOST_SPECIFICATIONS = 1_000

RoleName = Annotated[str, Field(pattern=f"^{ROLE_NAME.pattern}$")]
SpecificationId = Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$", max_length=100)]


class UserAddress(BaseModel):
    """Names a user."""

    username: str


class UserBody(Body):
    """A user. Without `password` the present one stays; without `resource_id` the participant is of the same name.

    `access`: roles, each one of `GET /access-roles`. With `specifications` (ids; null: all) what they grant counts for
    these and their cases alone.
    """

    password: str | None = Field(None, min_length=8, max_length=1024)
    access: list[RoleName] = Field(max_length=MOST_ROLES_OF_A_USER)
    resource_id: str | None = Field(None, pattern=f"^{NAME.pattern}$")
    disabled: bool = False
    specifications: list[SpecificationId] | None = Field(None, max_length=MOST_SPECIFICATIONS)


class UserView(BaseModel):
    """A user, without the password."""

    username: str
    access: list[str]
    resource_id: str
    disabled: bool
    has_password: bool
    specifications: list[str] | None


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
    check_roles(body.access)
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
        specifications=tuple(sorted(set(body.specifications))) if body.specifications is not None else None,
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
    # Whoever gets the name later must not be asked for by keys of the one before.
    for key in parts().access.rights.api_keys(path.username):
        parts().access.rights.delete_api_key(key.id)
    return no_content()


def _view(user: User) -> UserView:
    return UserView(
        username=user.name,
        access=sorted(user.access),
        resource_id=participant_of(user),
        disabled=user.disabled,
        has_password=user.password_hash is not None,
        specifications=list(user.specifications) if user.specifications is not None else None,
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"no user {name}", code="user_not_found")


def _oneself() -> Conflict:
    # Otherwise the last administrator could lock everybody out.
    return Conflict("nobody takes away his own right to administer users; another administrator can", code="own_user")
