"""How an HTTP call shows who it is: a bearer token, an API key, or basic authentication (RFC 6750, RFC 7617)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.config import Path, choice, table, text
from connectors.headers import check_name, check_value, field_value
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

check = choice({"bearer": check_value, "api_key": _check_api_key, "basic": _BASIC})
"""`{bearer: X} | {api_key: {header | query: NAME, value: X}} | {basic: {username, password}}`."""


def credentials(auth: Mapping[str, Any] | None) -> Credentials:
    """What an `auth` that passed `check` adds to a request."""
    if auth is None:
        return Credentials()
    [(kind, value)] = auth.items()
    return _ISSUERS[kind](value)


def _bearer(token: str) -> Credentials:
    return Credentials(headers={"Authorization": f"Bearer {field_value(token)}"})


def _api_key(key: Mapping[str, Any]) -> Credentials:
    value = field_value(key["value"])
    return Credentials(headers={key["header"]: value}) if "header" in key else Credentials(query={key["query"]: value})


def _basic(login: Mapping[str, str]) -> Credentials:
    pair = f"{login['username']}:{login['password']}".encode()
    return Credentials(headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"})


_ISSUERS: Mapping[str, Callable[[Any], Credentials]] = {"bearer": _bearer, "api_key": _api_key, "basic": _basic}
