"""Callbacks: how the outcome of a call comes later, from outside, by `POST /api/v1/callbacks/{token}`.

The token is all that the caller needs and all that is checked of him, so it is a capability: whoever has it may
complete this one call, and nothing else.

- *It names the item*, and so the case and the shard, which can be read from an item's id: a callback is routed
  without a table to look it up in, and no token has to be stored or swept.
- *It is signed*: `c1.<item>.<HMAC-SHA256 of c1.<item>>`, both parts in base64url (RFC 4648, section 5). Without the
  key no token can be made, and none can be turned into that of another item. Comparing takes the same time whatever
  is wrong.
- *It is the same for every attempt*, as the idempotency key is: a call made again after a crash sends the same bytes,
  and the other side, which knows the key, may answer under the token it got first.
- *It counts once* because an item has one outcome: the first wins, and what comes later is noted and ignored. So it
  needs no mark of its own, and does not run out before its item ends.
- *Its key* is derived from a secret of the installation by HMAC with a label (as HKDF does, RFC 5869), so that a token
  could never pass for something else signed with the same secret. Several secrets may be known: the first signs, and
  the others still open what was signed before they were replaced.

In a config `{callback: url}` stands for the URL of the call itself, and `{callback: {item: ID}}` for that of another
item of the same case. They are filled in as late as secrets are, in the worker: no case and no journal holds a token.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATH = "/api/v1/callbacks/"
OWN = "url"
"""What stands in `{callback: url}`."""
MAX_TOKEN_CHARS = 2048
LEAST_SECRET_BYTES = 32

_VERSION = "c1"
_LABEL = b"casewright callbacks 1"
_TOKEN = re.compile(r"c1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")


class CallbackInvalid(Exception):
    """A token that this installation has not signed. Its text does not repeat it."""


class CallbackUnknown(Exception):
    """A config asks for a callback URL that cannot be given."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Makes the tokens and URLs of one installation, and opens them.

    `keys` are derived keys, the one that signs first. `public_url` is where the API is reached from outside, such as
    `https://cases.example`; without it there are tokens, but no URLs to send.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    public_url: str | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("callbacks need a key")

    def token(self, item: str) -> str:
        """The token of an item."""
        return token(self.keys[0], item)

    def item(self, given: str) -> str:
        """The item that a token names. Raises `CallbackInvalid`."""
        return item_of(self.keys, given)

    def url(self, item: str) -> str:
        """The URL under which an item's outcome is awaited. Raises `CallbackUnknown` without a public URL."""
        if self.public_url is None:
            raise CallbackUnknown("this installation has no public URL at which a callback could arrive")
        return f"{self.public_url.rstrip('/')}{PATH}{self.token(item)}"


def key_of(secret: str) -> bytes:
    """The key that signs tokens, derived from a secret of the installation, which may also sign other things.

    Raises `ValueError` for a secret of fewer than `LEAST_SECRET_BYTES` bytes.
    """
    content = secret.encode()
    if len(content) < LEAST_SECRET_BYTES:
        raise ValueError(f"the secret of callbacks has fewer than {LEAST_SECRET_BYTES} bytes")
    return hmac.digest(content, _LABEL, "sha256")


def token(key: bytes, item: str) -> str:
    """The token of an item, signed with a key."""
    signed = f"{_VERSION}.{_encoded(item.encode())}"
    return f"{signed}.{_signature(key, signed)}"


def item_of(keys: Sequence[bytes], given: str) -> str:
    """The item that a token names, if one of the keys has signed it. Raises `CallbackInvalid`."""
    parts = _TOKEN.fullmatch(given) if len(given) <= MAX_TOKEN_CHARS else None
    if parts is None:
        raise CallbackInvalid("this is not a callback token")
    signed, _, signature = given.rpartition(".")
    # Every key is tried, so that the time says nothing about which of them it was.
    matching = [hmac.compare_digest(_signature(key, signed), signature) for key in keys]
    if not any(matching):
        raise CallbackInvalid("this token was not signed here")
    try:
        return _decoded(parts[1]).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CallbackInvalid("this is not a callback token") from error


def asked_for(value: Any) -> str | None:
    """What a config asks for at this place: `url` for the call's own URL, an item's id for that of the item, and None
    where it asks for no callback URL."""
    if not isinstance(value, Mapping) or set(value) != {"callback"}:
        return None
    wanted = value["callback"]
    if isinstance(wanted, Mapping) and set(wanted) == {"item"}:
        wanted = wanted["item"]
    return wanted if isinstance(wanted, str) else None


def filled_in(config: Any, item: str, callbacks: Callbacks | None) -> Any:
    """A copy of a config in which the URL stands for each `{callback: ...}`.

    An item may give away only callbacks of its own case. Raises `CallbackUnknown`.
    """
    wanted = asked_for(config)
    if wanted is not None:
        return _url(wanted, item, callbacks)
    if isinstance(config, Mapping):
        return {key: filled_in(value, item, callbacks) for key, value in config.items()}
    if isinstance(config, list):
        return [filled_in(value, item, callbacks) for value in config]
    return config


def items_in(config: Any) -> Iterator[str]:
    """The items whose callback URLs a config asks for, `url` for its own."""
    wanted = asked_for(config)
    if wanted is not None:
        yield wanted
    elif isinstance(config, Mapping):
        for value in config.values():
            yield from items_in(value)
    elif isinstance(config, list):
        for value in config:
            yield from items_in(value)


def _url(wanted: str, item: str, callbacks: Callbacks | None) -> str:
    if callbacks is None:
        raise CallbackUnknown("nobody would receive a callback here")
    other = item if wanted == OWN else wanted
    if _case_of(other) != _case_of(item):
        raise CallbackUnknown(f"{other} is not an item of this case")
    return callbacks.url(other)


def _case_of(item: str) -> str:
    return item.rpartition(":")[0]


def _signature(key: bytes, signed: str) -> str:
    return _encoded(hmac.digest(key, signed.encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
