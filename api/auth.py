"""Authentication: who asks, shown by a JWT (RFC 7519) or an API key, and what a route takes to be called.

Tokens of our own are signed with HS256, by the key that their header names (`deploy.signing_keys`); those of outside
issuers are read by `api.issuers`, with algorithms and keys of their own, so that neither is taken for the other. API
keys stand in the same header and begin with `cwk_` (`api.api_keys`).

Claims: `sub` = the user, `access` = permission roles, `resource` = the participant, `type` = access or refresh, `jti`,
`iat`, `nbf`, `exp`. A token can grant less than its user has and never more: what counts is what the roles in the token
and those the user has now both grant. A user who is disabled, removed, or has lost a role has so at once, whatever
tokens are out. The participant is the user's present one. What the roles grant stands in `permissions`.

A refresh token is good for `POST /auth/refresh` and for being revoked; it stays the same until it expires.
"""

from collections.abc import Mapping
from dataclasses import replace as with_changes
from datetime import timedelta
from time import time
from typing import Any, cast

from flask import Flask, Response, current_app, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError, RevokedTokenError
from jwt.exceptions import ExpiredSignatureError, PyJWTError
from msgspec.structs import replace
from pydantic import BaseModel, Field

from api import login_throttle, rate_limits
from api.answers import answer, no_content
from api.api_keys import PREFIX, shown_key
from api.context import context, parts, principal
from api.issuers import NOT_GOOD, Issuers, OutsideToken
from api.messages import Body
from api.names import NAME
from api.passwords import hashed, is_outdated, matches
from api.permissions import Access, Door, Guard, Permission, Principal, permissions_of
from api.problems import Unauthenticated
from api.routes import Repeats, Routes, refusal
from deploy.credentials import ADMIN_USER
from deploy.settings import Settings
from deploy.signing_keys import KeyRing
from engine.errors import Forbidden
from engine.resources.organisation import Participant
from engine.store.registry import Registry, User

routes = Routes("auth")

KEY_RING = "casewright.key_ring"
ISSUERS = "casewright.issuers"
"""Where the application keeps what tokens are checked with."""

NEVER = 2**53
"""When something ends that does not (seconds since 1970)."""


class Credentials(Body):
    """A name and a password."""

    username: str = Field(max_length=128)
    password: str = Field(max_length=1024)


class Tokens(BaseModel):
    """A pair of tokens. The access token ends in `expires_in` seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@routes.post(
    "/auth/token", Door.PUBLIC, {200: Tokens, 401: refusal("The name or the password is wrong")}, Repeats.NOT_NEEDED
)
def get_token(body: Credentials) -> Response:
    """Exchanges a name and a password for tokens.

    An unknown name, a wrong password, and a user who is disabled or has none are told apart neither by the answer nor
    by the time it takes. Who guesses wrong again and again has to wait (429), longer each time.
    """
    login_throttle.check(body.username)
    user = parts().registry.user(body.username)
    known = user is not None and not user.disabled and user.password_hash is not None
    right = matches(body.password, user.password_hash if user is not None and known else None)
    if user is None or not known or not right:
        login_throttle.failed(body.username)
        raise Unauthenticated("the name or the password is wrong", code="wrong_credentials")
    login_throttle.succeeded(body.username)
    if user.password_hash is not None and is_outdated(user.password_hash):
        parts().registry.put_user(replace(user, password_hash=hashed(body.password)))
    claims = {"access": list(user.access), "resource": participant_of(user)}
    refresh = create_refresh_token(user.name, additional_claims=claims, additional_headers=_names_key())
    return _tokens(user.name, claims, refresh)


@routes.post("/auth/refresh", Door.REFRESH_TOKEN, {200: Tokens}, Repeats.NOT_NEEDED)
def refresh_token() -> Response:
    """Gives a new access token for a refresh token, which is sent as the bearer."""
    asks, shown = principal(), request.authorization
    assert shown is not None and shown.token is not None, "it was admitted without a token"
    return _tokens(asks.user, {"access": list(asks.token_access), "resource": asks.participant}, shown.token)


@routes.post("/auth/revoke", Door.ANY_TOKEN, {204: None}, Repeats.NOT_NEEDED)
def revoke_token() -> Response:
    """Refuses the token that was sent, an access or a refresh token, from now on."""
    asks = principal()
    if asks.token_id.startswith(PREFIX):
        raise Forbidden("an API key is removed from its user: DELETE /users/{username}/api-keys/{id}", code="api_key")
    parts().registry.revoke(asks.token_id, max(asks.expires_at - int(time()), 1))
    return no_content()


def set_up_tokens(app: Flask, settings: Settings, ring: KeyRing, issuers: Issuers, registry: Registry) -> None:
    """Has the application sign and check tokens."""
    app.extensions[KEY_RING], app.extensions[ISSUERS] = ring, issuers
    app.config.update(
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.token_lifetime_s),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_lifetime_s),
    )
    manager = JWTManager(app)

    def revoked(_header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
        return registry.revoked(str(claims["jti"]))

    def signing(_identity: object) -> str:
        return ring.present().secret

    def checking(header: Mapping[str, Any], _claims: Mapping[str, Any]) -> str:
        named = header.get("kid")
        key = ring.named(named) if named is None or isinstance(named, str) else None
        if key is None:
            raise PyJWTError("it is signed with a key that is not, or no longer, good")
        return key.secret

    manager.token_in_blocklist_loader(revoked)
    manager.encode_key_loader(signing)
    manager.decode_key_loader(checking)


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
            # What only reads is the same for everybody, and health must not wait for Redis.
            if request.method == "POST":
                rate_limits.count(None)
            return
        asks = authenticated(guard)
        context().principal = asks
        rate_limits.count(asks.user)
        if isinstance(guard, Permission):
            asks.must(guard)

    app.before_request(admit)


def authenticated(guard: Guard) -> Principal:
    """Who shows a token or a key that is good for this guard. Raises `Unauthenticated`."""
    shown = request.authorization
    if shown is not None and shown.type == "bearer" and (shown.token or "").startswith(PREFIX):
        return _by_key(shown.token or "", guard)
    outside = _from_outside(shown.token) if shown is not None and shown.type == "bearer" and shown.token else None
    if outside is not None:
        return _by_outside_token(outside, guard)
    claims = _claims(guard)
    user, changed = parts().access.rights.admission(claims["sub"])
    if user is None or user.disabled:
        raise _disabled()
    roles = claims.get("access")
    token_access = tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()
    return _principal(user, token_access, changed, claims["jti"], int(claims["exp"]))


def _by_key(key: str, guard: Guard) -> Principal:
    if guard is Door.REFRESH_TOKEN:
        raise Unauthenticated("an API key refreshes nothing", code="token_invalid")
    kept = shown_key(key)
    user, changed = parts().access.rights.admission(kept.user)
    if user is None or user.disabled:
        raise _disabled()
    until = kept.expires_at // 1000 or NEVER
    asks = _principal(user, kept.access, changed, PREFIX + kept.id, until)
    if kept.specifications is None:
        return asks
    own = frozenset(kept.specifications)
    return with_changes(asks, specifications=own if asks.specifications is None else own & asks.specifications)


def _from_outside(token: str) -> OutsideToken | None:
    """What a token of an outside issuer says; None for one of ours. Raises `Unauthenticated`."""
    try:
        found = cast(Issuers, current_app.extensions[ISSUERS]).of(token)
        return found[0].read(token, found[1]) if found is not None else None
    except ExpiredSignatureError:
        raise _expired() from None
    except NOT_GOOD as error:
        raise _not_valid(error) from None


def _by_outside_token(token: OutsideToken, guard: Guard) -> Principal:
    if guard is Door.REFRESH_TOKEN:
        raise Unauthenticated("tokens of another issuer are refreshed there", code="token_invalid")
    if parts().registry.revoked(token.token_id):
        raise _revoked()
    user, changed = parts().access.rights.admission(token.user)
    if user is None and not token.must_be_known and NAME.fullmatch(token.user):
        user = User(token.user, access=token.access)
    if user is None or user.disabled:
        raise _disabled()
    return _principal(user, token.access, changed, token.token_id, token.expires_at)


def _principal(
    user: User, token_access: tuple[str, ...], changed: Mapping[str, tuple[str, ...]], token_id: str, expires_at: int
) -> Principal:
    return Principal(
        user=user.name,
        participant=participant_of(user),
        permissions=permissions_of(user.access, changed) & permissions_of(token_access, changed),
        token_access=token_access,
        token_id=token_id,
        expires_at=expires_at,
        access=frozenset(user.access) & frozenset(token_access),
        specifications=frozenset(user.specifications) if user.specifications is not None else None,
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
        raise _expired() from None
    except RevokedTokenError:
        raise _revoked() from None
    except (PyJWTError, JWTExtendedException, RecursionError) as error:
        # The header of a token is read before its signature is checked, and may be nested as deep as anybody likes.
        raise _not_valid(error) from None
    if not isinstance(claims.get("jti"), str) or not isinstance(claims.get("exp"), int | float):
        raise Unauthenticated("the token lacks `jti` or `exp`", code="token_invalid")
    if "aud" in claims or "iss" in claims:
        # Ours say neither: what says for whom it is, or from whom, was not made for us.
        raise Unauthenticated("the token is for somebody else, or from somebody else", code="token_invalid")
    return claims


def _disabled() -> Unauthenticated:
    return Unauthenticated("the user of this token is gone or disabled", code="user_disabled")


def _expired() -> Unauthenticated:
    return Unauthenticated("the token has expired", code="token_expired")


def _revoked() -> Unauthenticated:
    return Unauthenticated("the token was revoked", code="token_revoked")


def _not_valid(error: BaseException) -> Unauthenticated:
    return Unauthenticated(f"the token is not valid: {error}", code="token_invalid")


def _names_key() -> dict[str, str]:
    """The header of a new token that names the key it is signed with."""
    return {"kid": cast(KeyRing, current_app.extensions[KEY_RING]).present().id}


def _tokens(user: str, claims: dict[str, Any], refresh: str) -> Response:
    access = create_access_token(user, additional_claims=claims, additional_headers=_names_key())
    return answer(
        Tokens(access_token=access, refresh_token=refresh, expires_in=parts().settings.token_lifetime_s),
        headers={"Cache-Control": "no-store"},
    )
