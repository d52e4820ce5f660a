"""Outside issuers: who is known elsewhere asks here with the JWT he has from there (RFC 7519, RFC 7517).

They stand in a file (`CASEWRIGHT_ISSUERS`, YAML or JSON), a list of:

| key | meaning |
|---|---|
| `issuer` | required; what `iss` of a token must be |
| `audience` | required; what `aud` must be, or hold |
| `jwks_url`, `jwks_file` | one of them is required: where the public keys are (JWKS) |
| `algorithms` | `RS256` and `ES256` by default; none that needs a shared secret |
| `user_claim` | which claim names the user; `sub` by default |
| `prefix` | put before it; none by default |
| `roles_claim` | which claim lists roles; `roles` by default; `realm_access.roles` for one within another |
| `roles` | required; their role: the access roles it grants here, `{staff: [participant]}`; `"*"`: everybody's |
| `users` | `known` (default): the user must be entered here, and what is granted is what both say; `any`: need not be |

Keys are fetched when they are first needed, kept for five minutes, and fetched again at most every 30 seconds for a
name that is not among them, so that nobody can have them fetched at will.
"""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError, PyJWTError
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from deploy.settings import SettingsError
from engine.errors import Unavailable

FETCH_TIMEOUT_S = 3.0
KEPT_S = 300.0
FETCHED_AGAIN_S = 30.0
TRIED_AGAIN_S = 5.0
"""How long nothing is fetched after a fetch that failed: each takes up to `FETCH_TIMEOUT_S` of a thread."""

LEEWAY_S = 30
"""How far clocks may differ."""

EVERYBODY = "*"

Algorithm = Literal["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"]


class IssuerConfig(BaseModel):
    """One issuer, as the file describes it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: str | None = Field(None, pattern="^https?://")
    jwks_file: str | None = None
    algorithms: list[Algorithm] = Field(["RS256", "ES256"], min_length=1)
    user_claim: str = "sub"
    prefix: str = Field("", pattern="^[A-Za-z0-9._@+-]*$")
    roles_claim: str = "roles"
    roles: dict[str, list[str]]
    users: Literal["known", "any"] = "known"

    @model_validator(mode="after")
    def _has_keys(self) -> "IssuerConfig":
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("has either jwks_url or jwks_file")
        return self


class _File(RootModel[list[IssuerConfig]]):
    """The file."""


class OutsideToken(NamedTuple):
    """What a token of an outside issuer says: the user, the roles it grants here, its id and end (s since 1970)."""

    user: str
    access: tuple[str, ...]
    token_id: str
    expires_at: int
    must_be_known: bool


class Issuer:
    """An issuer and its keys. Safe for use by several threads."""

    def __init__(self, config: IssuerConfig) -> None:
        self.config = config
        self._client = (
            PyJWKClient(config.jwks_url, lifespan=KEPT_S, timeout=FETCH_TIMEOUT_S, cooldown_duration=FETCHED_AGAIN_S)
            if config.jwks_url is not None
            else None
        )
        self._file: tuple[int, PyJWKSet] | None = None
        self._failed_at = 0.0
        self._lock = Lock()

    def read(self, token: str, kid: object) -> OutsideToken:
        """What a token says. Raises `PyJWTError` for one that is not good, `Unavailable` while keys are not to be had.

        What it says is what was signed: the algorithm is one of ours, and the key one of the issuer's.
        """
        key = self._key(kid)
        claims = jwt.decode(
            token,
            key,
            algorithms=list(self.config.algorithms),
            audience=self.config.audience,
            issuer=self.config.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud"]},
        )
        user = claims.get(self.config.user_claim)
        if not isinstance(user, str) or not user:
            raise jwt.InvalidTokenError(f"the token has no {self.config.user_claim}")
        named = claims.get("jti")
        token_id = f"{self.config.issuer} {named}" if isinstance(named, str) else jwt_digest(token)
        return OutsideToken(
            user=self.config.prefix + user,
            access=self._access(claims),
            token_id=token_id,
            expires_at=int(claims["exp"]),
            must_be_known=self.config.users == "known",
        )

    def _access(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        theirs: Any = claims
        for part in self.config.roles_claim.split("."):
            theirs = theirs.get(part) if isinstance(theirs, Mapping) else None
        if isinstance(theirs, str):
            theirs = theirs.split()
        named = [role for role in theirs if isinstance(role, str)] if isinstance(theirs, list) else []
        granted = (access for role in [*named, EVERYBODY] for access in self.config.roles.get(role, ()))
        return tuple(dict.fromkeys(granted))

    def _key(self, kid: object) -> PyJWK:
        if not isinstance(kid, str):
            raise jwt.InvalidTokenError("the token names no key")
        if self._client is None:
            found = next((key for key in self._of_file().keys if key.key_id == kid), None)
            if found is None:
                raise jwt.InvalidTokenError("the token names a key that its issuer does not have")
            return found
        # Those who wait for the same keys find that they were not to be had, and do not ask one after the other.
        with self._lock:
            if self._failed_at and time.monotonic() - self._failed_at < TRIED_AGAIN_S:
                raise self._away()
            try:
                return self._client.get_signing_key(kid)
            except PyJWKClientConnectionError:
                self._failed_at = time.monotonic()
                raise self._away() from None

    def _of_file(self) -> PyJWKSet:
        assert self.config.jwks_file is not None, "an issuer has an address or a file"
        path = Path(self.config.jwks_file)
        try:
            changed = path.stat().st_mtime_ns
            with self._lock:
                if self._file is None or self._file[0] != changed:
                    self._file = (changed, PyJWKSet.from_json(path.read_text(encoding="utf-8")))
                return self._file[1]
        except (OSError, ValueError, PyJWKSetError):
            raise self._away() from None

    def _away(self) -> Unavailable:
        return Unavailable("the keys of the issuer of this token are not to be had now", code="issuer_unavailable")


class Issuers:
    """All outside issuers, by name."""

    def __init__(self, configs: Sequence[IssuerConfig]) -> None:
        self._issuers = {config.issuer: Issuer(config) for config in configs}

    def of(self, token: str) -> tuple[Issuer, object] | None:
        """The issuer that a token says it is from, and the key it names; None for one of ours. Nothing is checked yet.

        Raises `PyJWTError` and `RecursionError` for what is no token.
        """
        if not self._issuers:
            return None
        unverified = jwt.decode_complete(token, options={"verify_signature": False})
        name = unverified["payload"].get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        return (issuer, unverified["header"].get("kid")) if issuer is not None else None


def read_issuers(path: Path | None) -> Issuers:
    """The issuers of a file. Raises `SettingsError`."""
    if path is None:
        return Issuers(())
    try:
        written = YAML(typ="safe").load(StringIO(path.read_text(encoding="utf-8")))
        return Issuers(_File.model_validate(written).root)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SettingsError((f"CASEWRIGHT_ISSUERS: {path} cannot be read: {error}",)) from None
    except ValidationError as invalid:
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in invalid.errors()]
        raise SettingsError(tuple(f"CASEWRIGHT_ISSUERS: {path}: {problem}" for problem in problems)) from None


def jwt_digest(token: str) -> str:
    """What a token without an id is known by when it is revoked: by its signed part, since others can be rewritten."""
    return sha256(token.rpartition(".")[0].encode()).hexdigest()


NOT_GOOD = (PyJWTError, PyJWKClientError, PyJWKSetError, RecursionError, ValueError)
"""What a token that is not good may raise while it is read: its header comes before its signature is checked."""
