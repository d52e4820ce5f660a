"""Access tokens by the client credentials grant of OAuth 2 (RFC 6749, section 4.4), kept until shortly before they end.

Many calls at once need the same token: one of them fetches it, the others wait for that one. A token that the other
side no longer takes (401) is thrown away once, by whoever notices first, and fetched anew.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

RENEWED_BEFORE_S = 60.0
"""How long before its end a token is renewed; of a short-lived one, at most a quarter of its life before."""
LIFETIME_S = 300.0
"""How long a token is kept that does not say when it ends."""
MAX_GRANTS = 256
"""How many grants are remembered, the longest unused being forgotten first. Data may not choose how many there are."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Whose token it is: everything that is sent for it."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    audience: str | None = None
    client_in: str = "header"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and how long it lives from now, in seconds."""

    value: str = field(repr=False)
    lifetime_s: float = LIFETIME_S


class TokenWaitTooLong(Exception):
    """Another call was still fetching the token when this one's time was up."""


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str | None = None
    good_until: float = 0.0


class AccessTokens:
    """The tokens of a connector, by grant. May be shared by threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Grant, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, grant: Grant, fetch: Callable[[], AccessToken], wait_s: float) -> str:
        """The token of a grant; `fetch` is called if none is kept that is good for a while.

        Raises what `fetch` raises, and `TokenWaitTooLong` when another thread's fetch takes longer than `wait_s`.
        """
        kept = self._of(grant)
        if not kept.lock.acquire(timeout=max(wait_s, 0)):
            raise TokenWaitTooLong
        try:
            if kept.token is None or self._clock() >= kept.good_until:
                fetched = fetch()
                early_s = min(RENEWED_BEFORE_S, fetched.lifetime_s / 4)
                kept.token, kept.good_until = fetched.value, self._clock() + fetched.lifetime_s - early_s
            return kept.token
        finally:
            kept.lock.release()

    def refused(self, grant: Grant, token: str) -> None:
        """Forget this token, which the other side did not take; one fetched since then stays."""
        kept = self._of(grant)
        if kept.token == token:
            kept.token = None

    def _of(self, grant: Grant) -> _Kept:
        with self._lock:
            kept = self._kept.pop(grant, None) or _Kept()
            self._kept[grant] = kept
            while len(self._kept) > MAX_GRANTS:
                self._kept.pop(next(iter(self._kept)))
            return kept
