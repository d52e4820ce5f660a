"""What a callback says: the output of the call that waited for it, or that the call has failed.

The output is `{headers, body}`: header names in lower case, the body read as the `http` connector reads an answer.
A body of `application/problem+json` (RFC 9457) says that the other side has failed: its `status` is the kind of the
failure, as if it had been the status of an answer (`http_500` without one).

Who calls has shown the token, which is signed. Where the config has a `signature`, the body must be signed too, as
senders of webhooks do it: an HMAC of the body as it was sent, in a header.

| key of `signature` | meaning |
|---|---|
| `key` | required; what the other side signs with, as `{secret: NAME}` |
| `header` | where the signature stands; `X-Hub-Signature-256` by default |
| `algorithm` | `sha256` (default), `sha384`, `sha512` |
| `encoding` | `hex` (default) or `base64` |
| `prefix` | what stands before it; `sha256=` and so on by default |
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Any

from connectors import bodies
from connectors.config import one_of, table, text
from connectors.headers import check_name
from connectors.port import Done, Failed, FailureKind, Inbound, InboundRefused, Outcome, covers, http_kind

PROBLEM = "application/problem+json"
DEFAULT_HEADER = "X-Hub-Signature-256"
RETRYABLE_STATUSES = ("408", "429", "5xx")
STATUS_OF_A_PROBLEM = 500

HIDDEN_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""What a proxy before us may have added, and no case should keep."""

check_signature = table(
    {
        "key": text,
        "header": check_name,
        "algorithm": one_of("sha256", "sha384", "sha512"),
        "encoding": one_of("hex", "base64"),
        "prefix": text,
    },
    required=("key",),
)


def outcome_of(inbound: Inbound, signature: Mapping[str, Any] | None) -> Outcome:
    """The outcome that a callback brings. Raises `InboundRefused` if it is not signed as `signature` says."""
    fields = {name.lower(): value for name, value in inbound.headers.items()}
    if signature is not None:
        _require_signed(fields, inbound.body, signature)
    content_type = fields.get("content-type")
    try:
        body = bodies.decode(inbound.body, content_type)
    except bodies.UndecodableBody as error:
        return Failed(FailureKind.BAD_RESPONSE, f"the body of the callback is {error}", retryable=False)
    if (content_type or "").partition(";")[0].strip().lower() == PROBLEM:
        return _problem(body)
    return Done({"headers": {name: fields[name] for name in fields if name not in HIDDEN_HEADERS}, "body": body})


def _problem(body: Any) -> Failed:
    told = body if isinstance(body, Mapping) else {}
    status = told.get("status")
    if type(status) is not int or not 400 <= status <= 599:
        status = STATUS_OF_A_PROBLEM
    said = [part for part in (told.get("title"), told.get("detail")) if isinstance(part, str) and part]
    retryable = any(covers(entry, status) for entry in RETRYABLE_STATUSES)
    return Failed(http_kind(status), ": ".join(["the callback says that it failed", *said]), retryable)


def _require_signed(fields: Mapping[str, str], content: bytes, signature: Mapping[str, Any]) -> None:
    algorithm = signature.get("algorithm", "sha256")
    digest = hmac.digest(signature["key"].encode(), content, algorithm)
    written = digest.hex() if signature.get("encoding", "hex") == "hex" else base64.b64encode(digest).decode()
    expected = signature.get("prefix", f"{algorithm}=") + written
    header = signature.get("header", DEFAULT_HEADER)
    given = fields.get(header.lower())
    # Compared as bytes, because `compare_digest` takes no text beyond ASCII.
    if given is None or not hmac.compare_digest(given.strip().encode(), expected.encode()):
        raise InboundRefused(f"the body is not signed in {header}")
