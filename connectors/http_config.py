"""What the config of an `http` call and the settings of an `http` connector may hold, and what both make together."""

from collections.abc import Callable, Mapping
from re import compile as pattern
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors import auth, bodies, guard, headers, tls
from connectors.config import (
    Check,
    Path,
    Unknown,
    anything,
    boolean,
    integer,
    list_of,
    mapping_of,
    number,
    one_of,
    table,
    text,
    text_that,
    written_out,
)
from connectors.inbound import check_signature
from connectors.port import ConfigProblem
from connectors.webhook import check_wait

METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
METHODS = ("GET", *METHODS_WITH_BODY, "DELETE", "HEAD", "OPTIONS")
MAX_TIMEOUT_S = 3600.0
MIN_TIMEOUT_S = 0.001
DEFAULT_BODY_BYTES = 5 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 10

_STATUS = pattern(r"[1-5](?:xx|[0-9][0-9])")
# Blanks, control characters and backslashes are read differently by different parsers of URLs.
_AMBIGUOUS = pattern(r"[\x00-\x20\x7f\\]")
_SCHEME = pattern(r"[A-Za-z][A-Za-z0-9+.-]*:")


def is_url(value: str) -> bool:
    """Whether a string is an http or https URL that every reader understands alike."""
    try:
        parts = urlsplit(value)
        (parts.hostname or "").encode("idna")
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not _AMBIGUOUS.search(value)
        )
    except ValueError:
        return False


def _is_base_url(value: str) -> bool:
    return is_url(value) and not urlsplit(value).query and not urlsplit(value).fragment and "@" not in value


def _is_relative(value: str) -> bool:
    return _SCHEME.match(value) is None and not _AMBIGUOUS.search(value)


def _check_expected(value: Any, path: Path) -> list[ConfigProblem]:
    if isinstance(value, Unknown) or _STATUS.fullmatch(str(value)):
        return []
    return [ConfigProblem(path, "must be a status such as 404, or a class of them such as 2xx")]


_check_url = text_that(is_url, "an http or https URL")
_check_url_or_path = text_that(
    lambda value: is_url(value) or _is_relative(value), "an http or https URL, or what follows the base URL"
)
_check_auth = auth.check_with(_check_url)
_check_headers = mapping_of(headers.check_name, headers.check_value)

_LIMITS: Mapping[str, Check] = {
    "timeout_s": number(MIN_TIMEOUT_S, MAX_TIMEOUT_S),
    "connect_timeout_s": number(MIN_TIMEOUT_S, MAX_TIMEOUT_S),
    "read_timeout_s": number(MIN_TIMEOUT_S, MAX_TIMEOUT_S),
    "max_request_bytes": integer(0, MAX_BODY_BYTES),
    "max_response_bytes": integer(1, MAX_BODY_BYTES),
    "redirects": integer(0, MAX_REDIRECTS),
}
"""What settings and config both may say, the smaller one being what counts."""

_CONFIG_KEYS: Mapping[str, Check] = {
    **_LIMITS,
    "method": one_of(*METHODS),
    "headers": _check_headers,
    "query": mapping_of(text, anything),
    "body": anything,
    "encode": one_of(*bodies.SENT),
    "decode": one_of(*bodies.READ),
    "auth": _check_auth,
    "expect": list_of(_check_expected),
    "callback": boolean,
    "wait_s": check_wait,
    "signature": check_signature,
}
_KEYS = table({**_CONFIG_KEYS, "url": _check_url}, required=("url",))
_KEYS_UNDER_BASE = table({**_CONFIG_KEYS, "url": _check_url_or_path})

_PROXY = table({"url": _check_url, "username": text, "password": text}, required=("url",))
_SETTINGS = table(
    {
        **_LIMITS,
        "base_url": written_out(text_that(_is_base_url, "an http or https URL without user, query and fragment")),
        "headers": _check_headers,
        "auth": _check_auth,
        "allow": list_of(guard.check_entry),
        "proxy": _PROXY,
        "tls": tls.check,
    }
)


def check_settings(settings: Any, path: Path) -> list[ConfigProblem]:
    """The settings of a connector. Credentials need a base URL, or a task could have them sent anywhere."""
    problems = _SETTINGS(settings, path)
    if problems or not isinstance(settings, Mapping) or "base_url" in settings:
        return problems
    return [ConfigProblem((*path, key), "needs a base_url") for key in ("auth", "headers") if key in settings]


def check_with(base_url: str | None) -> Check:
    """The check of a config, for a connector with or without a base URL."""
    keys = _KEYS if base_url is None else _KEYS_UNDER_BASE

    def check(config: Any, path: Path) -> list[ConfigProblem]:
        problems = keys(config, path)
        if problems or not isinstance(config, Mapping):
            return problems
        return [problem for rule in _RULES for problem in rule(config, path, base_url)]

    return check


def _credentials_once(config: Mapping[str, Any], path: Path, base_url: str | None) -> list[ConfigProblem]:
    url = config.get("url", "")
    if "auth" not in config or isinstance(url, Unknown) or "@" not in urlsplit(url).netloc:
        return []
    return [ConfigProblem((*path, "auth"), "the URL holds a user and password already")]


def _stays_under_base(config: Mapping[str, Any], path: Path, base_url: str | None) -> list[ConfigProblem]:
    url = config.get("url", "")
    if base_url is None or isinstance(url, Unknown) or joined(base_url, url) is not None:
        return []
    return [ConfigProblem((*path, "url"), f"leads away from {base_url}")]


def _waits_if_it_says_so(config: Mapping[str, Any], path: Path, base_url: str | None) -> list[ConfigProblem]:
    if config.get("callback"):
        return []
    return [ConfigProblem((*path, key), "needs callback: true") for key in ("wait_s", "signature") if key in config]


_RULES: tuple[Callable[[Mapping[str, Any], Path, str | None], list[ConfigProblem]], ...] = (
    _credentials_once,
    _stays_under_base,
    _waits_if_it_says_so,
)


def joined(base_url: str, url: str) -> str | None:
    """The URL of a call under a base URL, or None when it leads away from it.

    `url` continues the path of the base, with or without a slash, or is a whole URL that begins with the base. No
    segment may be `.` or `..`, however it is encoded: data of a case could climb out of its place with one.
    """
    base, target = urlsplit(base_url), urlsplit(url)
    if not target.scheme:
        separator = "" if not url or url.startswith("?") else "/"
        target = urlsplit(base_url.rstrip("/") + separator + url.lstrip("/"))
    segments = unquote(unquote(target.path)).replace("\\", "/").split("/")
    stem = base.path.rstrip("/")
    inside = target.path == stem or target.path.startswith(f"{stem}/")
    if _origin(target.geturl()) != _origin(base_url) or "@" in target.netloc or not inside:
        return None
    return None if "." in segments or ".." in segments else target.geturl()


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def host_of(url: Any) -> str | None:
    """Host and port of a URL; None where it is no URL, or not known."""
    if not isinstance(url, str) or not is_url(url):
        return None
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def merged(settings: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a call with what the settings say: headers of both, the smaller limit, other keys of the config
    before those of the settings, and the whole URL. The config has passed its check."""
    whole = {key: settings[key] for key in ("auth",) if key in settings} | dict(config)
    for key in _LIMITS:
        given = [each[key] for each in (settings, config) if key in each]
        if given:
            whole[key] = min(given)
    if "headers" in settings:
        whole["headers"] = merged_headers(settings["headers"], config.get("headers", {}))
    if "base_url" in settings:
        whole["url"] = joined(settings["base_url"], config.get("url", ""))
    return whole


def merged_headers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Header fields of which the later layer wins: their names are the same in upper and lower case."""
    fields = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(fields.values())
