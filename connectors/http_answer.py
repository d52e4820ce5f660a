"""What an `http` call makes of an answer, and of an exchange that broke."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from urllib3.exceptions import DecodeError, HTTPError, LocationValueError, ReadTimeoutError

from connectors import bodies, headers
from connectors.http_config import DEFAULT_BODY_BYTES
from connectors.port import Done, Failed, FailureKind, Outcome, covers, http_kind
from connectors.secrets import shown_url

EXCERPT_BYTES = 4096
"""How much of an unexpected answer's body is read for the message."""
CHUNK_BYTES = 64 * 1024
MAX_CAUSES = 10
"""How deep an exception is searched for what lies behind it."""
RETRYABLE_STATUSES = ("408", "429", "5xx")


def is_expected(response: requests.Response, config: Mapping[str, Any]) -> bool:
    """Whether the status is one that the config calls a success."""
    return any(covers(entry, response.status_code) for entry in config.get("expect", ("2xx",)))


def output_of(response: requests.Response, config: Mapping[str, Any], elapsed_ms: int) -> Outcome:
    """The output of a call whose status is a success: `{status, headers, body, elapsed_ms}`."""
    content = content_of(response, config.get("max_response_bytes", DEFAULT_BODY_BYTES))
    if content is None:
        return Failed(FailureKind.TOO_LARGE, f"the body is too large: {where(config)}", retryable=False)
    try:
        body = bodies.decode(content, response.headers.get("content-type"), config.get("decode"))
    except bodies.UndecodableBody as error:
        # Whatever garbled it may be gone the next time. By default no task tries it again: `retry.on` must name it.
        return Failed(FailureKind.BAD_RESPONSE, f"the body is {error}: {where(config)}", retryable=True)
    lower_case = {name.lower(): value for name, value in response.headers.items()}
    return Done({"status": response.status_code, "headers": lower_case, "body": body, "elapsed_ms": elapsed_ms})


def content_of(response: requests.Response, limit: int) -> bytes | None:
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


def unexpected(response: requests.Response, place: str) -> Failed:
    """The failure of a call whose status is no success."""
    status = response.status_code
    retryable = any(covers(entry, status) for entry in RETRYABLE_STATUSES)
    asked = headers.retry_after_s(response.headers.get("retry-after"), datetime.now(UTC)) if retryable else None
    message = f"status {status} from {place}: {_excerpt(response)}".removesuffix(": ")
    return Failed(http_kind(status), message, retryable, asked)


def _excerpt(response: requests.Response) -> str:
    try:
        content = response.raw.read(EXCERPT_BYTES, decode_content=True)
    except HTTPError:
        # The status has decided already; a body that breaks off or cannot be unpacked only leaves the message shorter.
        return ""
    return bodies.text(content, response.headers.get("content-type"))


def where(config: Mapping[str, Any]) -> str:
    """Method and URL of a call, as they may be shown."""
    return f"{config.get('method', 'GET')} {shown_url(config['url'])}"


_FAILURES = (
    ((TimeoutError, ReadTimeoutError, requests.Timeout), FailureKind.TIMEOUT, True, "no complete answer in time"),
    ((DecodeError,), FailureKind.BAD_RESPONSE, True, "the body cannot be unpacked"),
    ((LocationValueError, requests.exceptions.InvalidURL), FailureKind.BAD_CONFIG, False, "no host has this URL"),
    ((requests.exceptions.InvalidHeader,), FailureKind.BAD_CONFIG, False, "a header cannot be sent"),
)
"""What an exception means, if it is one of these or has one of them behind it. Any other is a broken connection."""


def broken(error: Exception, place: str) -> Failed:
    """The failure of an exchange that an exception of requests or urllib3 has ended."""
    causes = list(_causes(error))
    for exceptions, kind, retryable, what in _FAILURES:
        if any(isinstance(cause, exceptions) for cause in causes):
            return Failed(kind, f"{what}: {place}", retryable)
    return Failed(FailureKind.CONNECTION, f"{_reason(causes[-1])}: {place}", retryable=True)


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
