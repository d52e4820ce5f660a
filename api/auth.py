"""Authentication: who asks, shown by a JWT (RFC 7519, HS256), and what a route takes to be called.

Claims: `sub` = the user, `access` = permission roles, `resource` = the participant, `type` = access or refresh, `jti`,
`iat`, `nbf`, `exp`. A token can grant less than its user has and never more: what counts is what the roles in the token
and those the user has now both grant. A user who is disabled, removed, or has lost a role has so at once, whatever
tokens are out. The participant is the user's present one. What the roles grant stands in `permissions`.

A refresh token is good for `POST /auth/refresh` and for being revoked; it stays the same until it expires.
"""

from collections.abc import Mapping
from datetime import timedelta
from time import time
from typing import Any

from flask import Flask, Response, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError, RevokedTokenError
from jwt.exceptions import ExpiredSignatureError, PyJWTError
from pydantic import BaseModel, Field

from api.answers import answer, no_content
from api.context import context, parts, principal
from api.messages import Body
from api.passwords import hashed, matches
from api.permissions import Access, Door, Guard, Permission, Principal, permissions_of
from api.problems import Unauthenticated
from api.routes import Routes
from deploy.credentials import ADMIN_USER
from deploy.settings import Settings
from engine.errors import Forbidden
from engine.resources.organisation import Participant
from engine.store.registry import Registry, User

routes = Routes("auth")


class Credentials(Body):
    """A name and a password."""

    username: str = Field(max_length=128)
    password: str = Field(max_length=1024)


class Tokens(BaseModel):
    """A pair of tokens. The access token ends in `expires_in` seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@routes.post("/auth/token", Door.PUBLIC, {200: Tokens})
def get_token(body: Credentials) -> Response:
    """Exchanges a name and a password for tokens.

    An unknown name, a wrong password, and a user who is disabled or has none are told apart neither by the answer nor
    by the time it takes.
    """
    user = parts().registry.user(body.username)
    known = user is not None and not user.disabled and user.password_hash is not None
    right = matches(body.password, user.password_hash if user is not None and known else None)
    if user is None or not known or not right:
        raise Unauthenticated("the name or the password is wrong", code="wrong_credentials")
    claims = {"access": list(user.access), "resource": participant_of(user)}
    return _tokens(user.name, claims, create_refresh_token(user.name, additional_claims=claims))


@routes.post("/auth/refresh", Door.REFRESH_TOKEN, {200: Tokens})
def refresh_token() -> Response:
    """Gives a new access token for a refresh token, which is sent as the bearer."""
    asks, shown = principal(), request.authorization
    assert shown is not None and shown.token is not None, "it was admitted without a token"
    return _tokens(asks.user, {"access": list(asks.token_access), "resource": asks.participant}, shown.token)


@routes.post("/auth/revoke", Door.ANY_TOKEN, {204: None})
def revoke_token() -> Response:
    """Refuses the token that was sent, an access or a refresh token, from now on."""
    asks = principal()
    parts().registry.revoke(asks.token_id, max(asks.expires_at - int(time()), 1))
    return no_content()


def set_up_tokens(app: Flask, settings: Settings, secret: str, registry: Registry) -> None:
    """Has the application sign and check tokens."""
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.token_lifetime_s),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_lifetime_s),
    )
    manager = JWTManager(app)

    def revoked(_header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
        return registry.revoked(str(claims["jti"]))

    manager.token_in_blocklist_loader(revoked)


def guard_routes(app: Flask, guards: Mapping[str, Guard]) -> None:
    """Admits requests by the guards of their routes. A route without a guard is not served to anybody."""

    def admit() -> None:
        # Where there is no such route, Flask refuses by itself; which methods a route has is no secret.
        if request.endpoint is None or request.method == "OPTIONS":
            return
        guard = guards.get(request.endpoint)
        if guard is None:
            raise Forbidden("this route has no guard and is not served", code="route_not_guarded")
        if guard is Door.PUBLIC:
            return
        asks = authenticated(guard)
        context().principal = asks
        if isinstance(guard, Permission):
            asks.must(guard)

    app.before_request(admit)


def authenticated(guard: Guard) -> Principal:
    """Who shows a token that is good for this guard. Raises `Unauthenticated`."""
    claims = _claims(guard)
    user = parts().registry.user(claims["sub"])
    if user is None or user.disabled:
        raise Unauthenticated("the user of this token is gone or disabled", code="user_disabled")
    roles = claims.get("access")
    token_access = tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()
    return Principal(
        user=user.name,
        participant=participant_of(user),
        permissions=permissions_of(user.access) & permissions_of(token_access),
        token_access=token_access,
        token_id=claims["jti"],
        expires_at=int(claims["exp"]),
    )


def participant_of(user: User) -> str:
    """The participant a user acts as: the one that is named, else the one of the same name."""
    return user.resource_id or user.name


def add_first_user(registry: Registry, password: str | None) -> None:
    """Makes the user `admin` where there is none. Two who start at once agree: the later one's attempt is refused.

    Without a password the user can only be shown by a token that was made where the secret is known.
    """
    if registry.user(ADMIN_USER) is not None:
        return
    # The participant first: a start that is cut off in between is done again.
    if all(participant.id != ADMIN_USER for participant in registry.participants()):
        registry.put_participant(Participant(ADMIN_USER, "Administrator", roles=(Access.ADMIN.value,)))
    registry.add_user(User(ADMIN_USER, hashed(password) if password is not None else None, (Access.ADMIN.value,)))


def _claims(guard: Guard) -> dict[str, Any]:
    try:
        verify_jwt_in_request(refresh=guard is Door.REFRESH_TOKEN, verify_type=guard is not Door.ANY_TOKEN)
        claims = get_jwt()
    except NoAuthorizationError:
        raise Unauthenticated("a token is needed: Authorization: Bearer <token>", code="token_missing") from None
    except ExpiredSignatureError:
        raise Unauthenticated("the token has expired", code="token_expired") from None
    except RevokedTokenError:
        raise Unauthenticated("the token was revoked", code="token_revoked") from None
    except (PyJWTError, JWTExtendedException, RecursionError) as error:
        # The header of a token is read before its signature is checked, and may be nested as deep as anybody likes.
        raise Unauthenticated(f"the token is not valid: {error}", code="token_invalid") from None
    if not isinstance(claims.get("jti"), str) or not isinstance(claims.get("exp"), int | float):
        raise Unauthenticated("the token lacks `jti` or `exp`", code="token_invalid")
    return claims


def _tokens(user: str, claims: dict[str, Any], refresh: str) -> Response:
    access = create_access_token(user, additional_claims=claims)
    return answer(
        Tokens(access_token=access, refresh_token=refresh, expires_in=parts().settings.token_lifetime_s),
        headers={"Cache-Control": "no-store"},
    )
