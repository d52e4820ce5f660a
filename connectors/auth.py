"""How an HTTP call shows who it is: a bearer token, an API key, basic authentication (RFC 6750, RFC 7617), or a token
that is fetched first (OAuth 2, `connectors.oauth`)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.config import Check, Path, choice, one_of, table, text
from connectors.headers import check_name, check_value, field_value
from connectors.oauth import Grant
from connectors.port import ConfigProblem


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is added to a request: headers and query parameters."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


def _check_api_key(value: Any, path: Path) -> list[ConfigProblem]:
    problems = _API_KEY(value, path)
    if not problems and isinstance(value, Mapping) and ("header" in value) == ("query" in value):
        return [ConfigProblem(path, "must have exactly one of header, query")]
    return problems


_API_KEY = table({"header": check_name, "query": text, "value": check_value}, required=("value",))
_BASIC = table({"username": text, "password": text}, required=("username", "password"))

_OAUTH2_REQUIRED = ("token_url", "client_id", "client_secret")


def check_with(url: Check) -> Check:
    """`{bearer: X} | {api_key: {header | query: NAME, value: X}} | {basic: {username, password}} | {oauth2: {token_url,
    client_id, client_secret, scope, audience, client_in}}`; `url` says what a URL is."""
    oauth2 = {
        "token_url": url,
        "client_id": text,
        "client_secret": text,
        "scope": text,
        "audience": text,
        "client_in": one_of("header", "body"),
    }
    return choice(
        {
            "bearer": check_value,
            "api_key": _check_api_key,
            "basic": _BASIC,
            "oauth2": table(oauth2, required=_OAUTH2_REQUIRED),
        }
    )


def grant_of(auth: Mapping[str, Any] | None) -> Grant | None:
    """The grant for which a token must be fetched, None where nothing has to be fetched."""
    if auth is None or "oauth2" not in auth:
        return None
    return Grant(**auth["oauth2"])


def basic(username: str, password: str) -> str:
    """The value of `Authorization` for a user and password."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def credentials(auth: Mapping[str, Any] | None) -> Credentials:
    """What an `auth` that passed its check, and needs nothing fetched, adds to a request."""
    if auth is None:
        return Credentials()
    [(kind, value)] = auth.items()
    return _ISSUERS[kind](value)


def bearer(token: str) -> Credentials:
    """What a bearer token adds to a request."""
    return Credentials(headers={"Authorization": f"Bearer {field_value(token)}"})


def _api_key(key: Mapping[str, Any]) -> Credentials:
    value = field_value(key["value"])
    return Credentials(headers={key["header"]: value}) if "header" in key else Credentials(query={key["query"]: value})


def _basic(login: Mapping[str, str]) -> Credentials:
    return Credentials(headers={"Authorization": basic(login["username"], login["password"])})


_ISSUERS: Mapping[str, Callable[[Any], Credentials]] = {"bearer": bearer, "api_key": _api_key, "basic": _basic}
