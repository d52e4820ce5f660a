"""API keys: programs ask in the name of a user without logging in, `Authorization: Bearer cwk_...`.

A key is shown once, when it is made. Kept of it is the SHA-256 of its secret: nobody finds 256 bits of chance by
guessing, so a slow hash would protect nothing.
"""

import hmac
import secrets
from hashlib import sha256
from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from api.access_roles import ROLE_NAME, check_roles
from api.answers import answer, no_content
from api.context import parts, principal
from api.deployed import IDENTIFIER
from api.messages import AMoment, Body, ListQuery, moment
from api.pages import page_of
from api.permissions import Permission
from api.problems import Unauthenticated
from api.routes import API, Routes
from engine.data.moments import milliseconds
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.registry import User
from engine.store.rights import MOST_KEYS_OF_A_USER, ApiKey

routes = Routes("api_keys")

PREFIX = "cwk_"
"""How every key begins, so that one that got somewhere it should not be is found."""

LONGEST = 256


class UserOfKeys(BaseModel):
    """Names a user."""

    username: str


class KeyAddress(UserOfKeys):
    """Names a key of a user."""

    key_id: str


class NewKey(Body):
    """A key to make. `access`: roles it is good for, of those its user has (by default all); `expires_at`: its end."""

    name: str = Field("", max_length=128)
    access: list[Annotated[str, Field(pattern=f"^{ROLE_NAME.pattern}$")]] | None = Field(None, max_length=32)
    specifications: list[Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$", max_length=100)]] | None = Field(
        None, max_length=1_000
    )
    expires_at: AMoment | None = None


class KeyView(BaseModel):
    """A key, without its secret."""

    id: str
    username: str
    name: str
    access: list[str]
    specifications: list[str] | None
    made_at: str | None
    made_by: str
    expires_at: str | None


class MadeKey(KeyView):
    """A key that was made. `key` is shown this once."""

    key: str


class KeyList(BaseModel):
    """A page of keys, by id."""

    items: list[KeyView]
    next: str | None


@routes.post("/users/<username>/api-keys", Permission.USERS_WRITE, {201: MadeKey})
def make_api_key(path: UserOfKeys, body: NewKey) -> Response:
    """Makes a key with which programs ask in the name of a user."""
    user = _user(path.username)
    access = sorted(set(body.access)) if body.access is not None else sorted(user.access)
    check_roles(access)
    expires_at = milliseconds(body.expires_at) if body.expires_at is not None else 0
    now = parts().store.now()
    if body.expires_at is not None and expires_at <= now:
        raise InvalidInput(
            "the key would never be good", code="invalid_request", problems=[Problem("$.expires_at", "is past")]
        )
    rights = parts().access.rights
    if len(rights.api_keys(user.name)) >= MOST_KEYS_OF_A_USER:
        raise Conflict(f"{user.name} has {MOST_KEYS_OF_A_USER} keys: remove one first", code="too_many_api_keys")
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    key = ApiKey(
        id=identifier,
        user=user.name,
        digest=sha256(secret.encode()).digest(),
        name=body.name,
        access=tuple(access),
        specifications=tuple(sorted(set(body.specifications))) if body.specifications is not None else None,
        made_at=now,
        made_by=principal().user,
        expires_at=expires_at,
    )
    rights.put_api_key(key)
    shown = MadeKey(**_view(key).model_dump(), key=f"{PREFIX}{identifier}_{secret}")
    location = f"{API}/users/{user.name}/api-keys/{identifier}"
    return answer(shown, 201, {"Location": location, "Cache-Control": "no-store"})


@routes.get("/users/<username>/api-keys", Permission.USERS_READ, {200: KeyList})
def list_api_keys(path: UserOfKeys, query: ListQuery) -> Response:
    """Lists the keys of a user."""
    kept = parts().access.rights.api_keys(_user(path.username).name)
    found, following = page_of(kept, lambda key: (0, key.id), query.limit, query.cursor)
    return answer(KeyList(items=[_view(key) for key in found], next=following))


@routes.delete("/users/<username>/api-keys/<key_id>", Permission.USERS_WRITE, {204: None})
def delete_api_key(path: KeyAddress) -> Response:
    """Removes a key: it is refused from now on."""
    key = parts().access.rights.api_key(path.key_id)
    if key is None or key.user != path.username or not parts().access.rights.delete_api_key(key.id):
        raise NotFound(f"{path.username} has no key {path.key_id}", code="api_key_not_found")
    return no_content()


def shown_key(text: str) -> ApiKey:
    """The key that was shown. Raises `Unauthenticated`, whatever is wrong with it."""
    identifier, _, secret = text.removeprefix(PREFIX).partition("_")
    known = len(text) <= LONGEST and identifier.isascii() and identifier.isalnum()
    key = parts().access.rights.api_key(identifier) if known else None
    digest = sha256(secret.encode(errors="surrogatepass")).digest()
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise Unauthenticated("there is no such API key", code="token_invalid")
    if key.expires_at and key.expires_at <= parts().store.now():
        raise Unauthenticated("the API key has expired", code="token_expired")
    return key


def _user(name: str) -> User:
    user = parts().registry.user(name)
    if user is None:
        raise NotFound(f"no user {name}", code="user_not_found")
    return user


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        username=key.user,
        name=key.name,
        access=list(key.access),
        specifications=list(key.specifications) if key.specifications is not None else None,
        made_at=moment(key.made_at),
        made_by=key.made_by,
        expires_at=moment(key.expires_at),
    )
