"""The `http` connector: one HTTP request, made with requests, and its answer.

| key of the config | meaning |
|---|---|
| `url` | required; http or https |
| `method` | GET (default), POST, PUT, PATCH, DELETE |
| `headers` | name to value; those that `auth` and the connector set take precedence |
| `query` | name to value, added to the query of the URL; a list repeats the name, null leaves it out |
| `body` | a string is sent as it is, a mapping as a form if the content type says so, all else as JSON; null: no body |
| `auth` | `{bearer: X}`, `{api_key: {header or query: NAME, value: X}}` or `{basic: {username, password}}` |
| `timeout_s` | total, from connecting to the last byte; the smaller of this and the request's own counts |
| `expect` | the statuses that are a success, such as `2xx` (default) or `404` |
| `max_response_bytes` | the longest body, after decompression; default 5 MiB |

Where neither `body` nor `query` is given, the task's input is sent: as a JSON body by POST, PUT and PATCH, as the query
by GET and DELETE (a mapping in it as its JSON text). A POST, PUT or PATCH with `query` alone still sends the input.
The output is `{status, headers, body, elapsed_ms}`: header names in lower case, the body decoded where it is JSON and
text otherwise. A redirect is not followed: it is a status like any other.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from re import compile as pattern
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, LocationValueError, ReadTimeoutError
from urllib3.util import Timeout

from connectors import auth, bodies, headers
from connectors.config import (
    Path,
    Unknown,
    anything,
    bad_config,
    check_deployed,
    integer,
    list_of,
    mapping_of,
    number,
    one_of,
    table,
    text,
    text_that,
)
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome, covers, http_kind
from connectors.secrets import shown_url
from connectors.sessions import Sessions

METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
METHODS = ("GET", *METHODS_WITH_BODY, "DELETE")
MAX_TIMEOUT_S = 3600.0
MIN_TIMEOUT_S = 0.001
DEFAULT_RESPONSE_BYTES = 5 * 1024 * 1024
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
EXCERPT_BYTES = 4096
"""How much of an unexpected answer's body is read for the message."""
CHUNK_BYTES = 64 * 1024
HOSTS_PER_THREAD = 32
"""To how many hosts a thread keeps a connection open."""
MAX_CAUSES = 10
"""How deep an exception is searched for what lies behind it."""
RETRYABLE_STATUSES = ("408", "429", "5xx")

_STATUS = pattern(r"[1-5](?:xx|[0-9][0-9])")
# Blanks, control characters and backslashes are read differently by different parsers of URLs.
_AMBIGUOUS = pattern(r"[\x00-\x20\x7f\\]")
# What a header of our own may hold; everything else in an id is percent-encoded.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def _is_url(value: str) -> bool:
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


def _check_expected(value: Any, path: Path) -> list[ConfigProblem]:
    if isinstance(value, Unknown) or _STATUS.fullmatch(str(value)):
        return []
    return [ConfigProblem(path, "must be a status such as 404, or a class of them such as 2xx")]


def _check_url_and_auth(config: Any, path: Path) -> list[ConfigProblem]:
    problems = _KEYS(config, path)
    if problems or not isinstance(config, Mapping) or "auth" not in config or isinstance(config["url"], Unknown):
        return problems
    in_both = "@" in urlsplit(config["url"]).netloc
    return [ConfigProblem((*path, "auth"), "the URL holds a user and password already")] if in_both else []


_KEYS = table(
    {
        "method": one_of(*METHODS),
        "url": text_that(_is_url, "an http or https URL"),
        "headers": mapping_of(headers.check_name, headers.check_value),
        "query": mapping_of(text, anything),
        "body": anything,
        "auth": auth.check,
        "timeout_s": number(MIN_TIMEOUT_S, MAX_TIMEOUT_S),
        "expect": list_of(_check_expected),
        "max_response_bytes": integer(1, MAX_RESPONSE_BYTES),
    },
    required=("url",),
)


class HttpConnector:
    """Makes HTTP requests; the module says what its config may hold.

    Every request carries the item's id as `Idempotency-Key`, the same for each attempt, and `X-Correlation-Id`. A call
    is over when its total timeout is, whatever the server does; only the look-up of the host's name may take longer
    (see `connectors.deadline`). Each thread keeps a connection open to each of its last `hosts_per_thread` hosts.

    Timeouts and broken connections are retryable, and so are the statuses 408, 429 and 5xx.
    """

    name = "http"

    def __init__(self, hosts_per_thread: int = HOSTS_PER_THREAD) -> None:
        self._sessions = Sessions(hosts_per_thread)

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(_check_url_and_auth, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = _check_url_and_auth(request.config, ())
        if problems:
            return bad_config(problems)
        started, session = time.monotonic(), self._sessions.of_this_thread()
        try:
            prepared = session.prepare_request(_request(request))
        except ValueError as error:
            # So requests refuses a URL or a header, and so the encoding of JSON a value that is none.
            what = f"no request can be made of the config ({type(error).__name__}): {_where(request.config)}"
            return Failed(FailureKind.BAD_CONFIG, what, retryable=False)
        try:
            return _exchange(session, prepared, request, started)
        except (requests.RequestException, HTTPError) as error:
            return _failure(error, _where(request.config))

    def close(self) -> None:
        self._sessions.close()


def _request(request: CallRequest) -> requests.Request:
    config = request.config
    method = config.get("method", "GET")
    credentials = auth.credentials(config.get("auth"))
    given = {name: headers.field_value(value) for name, value in config.get("headers", {}).items()}
    content_type = next((value for name, value in given.items() if name.lower() == "content-type"), None)
    content, made_type = _body(method, request, content_type)
    own = {
        "Idempotency-Key": quote(request.item_id, _PRINTABLE),
        "X-Correlation-Id": quote(request.correlation_id, _PRINTABLE),
    }
    return requests.Request(
        method,
        config["url"],
        headers=_merged({"Content-Type": made_type} if made_type else {}, given, credentials.headers, own),
        params=[*bodies.fields(_query(method, request)), *credentials.query.items()],
        data=content,
    )


def _body(method: str, request: CallRequest, content_type: str | None) -> tuple[bytes | None, str | None]:
    body = request.config.get("body", request.input if method in METHODS_WITH_BODY else None)
    return (None, None) if body is None else bodies.encode(body, content_type)


def _query(method: str, request: CallRequest) -> Mapping[str, Any]:
    sends_input = method not in METHODS_WITH_BODY and "body" not in request.config
    query: Mapping[str, Any] = request.config.get("query", request.input if sends_input else {})
    return query


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    # The names of headers are the same in upper and lower case, and the later layer wins.
    merged = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(merged.values())


def _exchange(
    session: requests.Session, prepared: requests.PreparedRequest, request: CallRequest, started: float
) -> Outcome:
    config, where = request.config, _where(request.config)
    total_s = min(request.timeout_s, config.get("timeout_s", MAX_TIMEOUT_S)) - (time.monotonic() - started)
    with closing(_send(session, prepared, total_s)) as response:
        if not any(covers(entry, response.status_code) for entry in config.get("expect", ("2xx",))):
            return _unexpected(response, where)
        content = _content(response, config.get("max_response_bytes", DEFAULT_RESPONSE_BYTES))
    if content is None:
        return Failed(FailureKind.TOO_LARGE, f"the body is too large: {where}", retryable=False)
    return _done(response, content, elapsed_ms=round((time.monotonic() - started) * 1000), where=where)


def _send(session: requests.Session, prepared: requests.PreparedRequest, total_s: float) -> requests.Response:
    if total_s <= 0:
        raise requests.Timeout("no time was left to begin")
    # The stubs know a timeout only as a number, which would be one for each wait and not the total.
    total: Any = Timeout(total=total_s)
    return session.send(prepared, stream=True, timeout=total, allow_redirects=False)


def _content(response: requests.Response, limit: int) -> bytes | None:
    """The whole body, or None when it is longer than `limit`. It is read from urllib3, since requests would report a
    timeout that happens here as a broken connection."""
    if (response.raw.length_remaining or 0) > limit:
        return None
    content = bytearray()
    for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > limit:
            return None
    # A body of no bytes is never read, and only reading would give the connection back for the next call.
    response.raw.release_conn()
    return bytes(content)


def _done(response: requests.Response, content: bytes, elapsed_ms: int, where: str) -> Outcome:
    try:
        body = bodies.decode(content, response.headers.get("content-type"))
    except bodies.UndecodableBody as error:
        return Failed(FailureKind.BAD_RESPONSE, f"the body is not JSON ({error}): {where}", retryable=False)
    lower_case = {name.lower(): value for name, value in response.headers.items()}
    return Done({"status": response.status_code, "headers": lower_case, "body": body, "elapsed_ms": elapsed_ms})


def _unexpected(response: requests.Response, where: str) -> Failed:
    status = response.status_code
    retryable = any(covers(entry, status) for entry in RETRYABLE_STATUSES)
    asked = headers.retry_after_s(response.headers.get("retry-after"), datetime.now(UTC)) if retryable else None
    message = f"status {status} from {where}: {_excerpt(response)}".removesuffix(": ")
    return Failed(http_kind(status), message, retryable, asked)


def _excerpt(response: requests.Response) -> str:
    try:
        content = response.raw.read(EXCERPT_BYTES, decode_content=True)
    except HTTPError:
        # The status has decided already; a body that breaks off or cannot be unpacked only leaves the message shorter.
        return ""
    return bodies.text(content, response.headers.get("content-type"))


def _where(config: Mapping[str, Any]) -> str:
    return f"{config.get('method', 'GET')} {shown_url(config['url'])}"


_FAILURES = (
    ((TimeoutError, ReadTimeoutError, requests.Timeout), FailureKind.TIMEOUT, True, "no complete answer in time"),
    ((DecodeError,), FailureKind.BAD_RESPONSE, False, "the body cannot be unpacked"),
    ((LocationValueError, requests.exceptions.InvalidURL), FailureKind.BAD_CONFIG, False, "no host has this URL"),
)
"""What an exception means, if it is one of these or has one of them behind it. Any other is a broken connection."""


def _failure(error: Exception, where: str) -> Failed:
    causes = list(_causes(error))
    for exceptions, kind, retryable, what in _FAILURES:
        if any(isinstance(cause, exceptions) for cause in causes):
            return Failed(kind, f"{what}: {where}", retryable)
    return Failed(FailureKind.CONNECTION, f"{_reason(causes[-1])}: {where}", retryable=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(cause: BaseException) -> str:
    # The innermost cause is a socket's or http.client's own; those further out quote the URL with its query.
    return (cause.strerror if isinstance(cause, OSError) else None) or f"{type(cause).__name__} {cause}"
