"""One request over a session and the redirects it leads to, within one deadline.

A redirect is followed as RFC 9110, section 15.4, says: 303 asks with GET, and so do 301 and 302 after a POST; 307 and
308 repeat method and body. To another origin only the content's own headers and the ids of the call go along, no
credentials and nothing else that was given; from https to http nothing goes at all.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.util import Timeout

from connectors.guard import Guard
from connectors.http_answer import content_of
from connectors.http_config import is_url, same_origin
from connectors.sessions import Session

MAX_REDIRECT_BYTES = 64 * 1024
"""How much of the body of a redirect is read, to use the connection again."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GOES_ANYWHERE = frozenset({"user-agent", "accept", "accept-encoding", "content-type", "content-length"})
_OWN = frozenset({"idempotency-key", "x-correlation-id"})
_OF_CONTENT = ("Content-Type", "Content-Length", "Transfer-Encoding")


@dataclass(frozen=True, slots=True)
class Exchange:
    """How requests of one call are made: over which session, until when (`time.monotonic`), and through which proxy.

    Through a proxy the other side's address is the proxy's to resolve; here it is looked at before, so that a name
    that leads to a forbidden address is refused, but what the proxy then connects to is its own matter.
    """

    session: Session
    until: float
    guard: Guard
    proxy: str | None = None

    @contextmanager
    def answer(self, request: requests.Request, redirects: int) -> Iterator[requests.Response]:
        """The answer to a request, its body not read yet. Raises what requests and urllib3 raise, `AddressRefused`, and
        `ValueError` for a request that cannot be made."""
        prepared = self.session.prepare_request(request)
        for followed in range(redirects + 1):
            with closing(self._send(prepared)) as response:
                following = _following(prepared, response) if followed < redirects else None
                if following is None:
                    yield response
                    return
                # Only an answer that was read to its end leaves the connection to the request that follows.
                content_of(response, MAX_REDIRECT_BYTES)
            prepared = following

    def remaining_s(self) -> float:
        """The time that is left."""
        return self.until - time.monotonic()

    def _send(self, prepared: requests.PreparedRequest) -> requests.Response:
        if self.remaining_s() <= 0:
            raise requests.Timeout("no time was left to begin")
        proxies: Mapping[str, str] = {}
        if self.proxy is not None:
            proxies = {"http": self.proxy, "https": self.proxy}
            self._look_at(prepared.url or "")
        # The stubs know a timeout only as a number, which would be one for each wait and not the total.
        total: Any = Timeout(total=self.remaining_s())
        return self.session.send(prepared, stream=True, timeout=total, allow_redirects=False, proxies=dict(proxies))

    def _look_at(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            self.guard.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        except socket.gaierror:
            # Behind some proxies a host cannot be resolved at all. Then there is no address here to be forbidden.
            return


def _following(prepared: requests.PreparedRequest, response: requests.Response) -> requests.PreparedRequest | None:
    """The request that a redirect asks for, None where the answer is none that can be followed."""
    url, location = prepared.url or "", response.headers.get("location")
    if response.status_code not in REDIRECTS or location is None:
        return None
    target = urljoin(url, location)
    if not is_url(target) or (url.startswith("https:") and not target.startswith("https:")):
        return None
    request = prepared.copy()
    request.prepare_url(target, None)
    if not same_origin(url, target):
        for name in [name for name in request.headers if name.lower() not in _GOES_ANYWHERE | _OWN]:
            del request.headers[name]
    if response.status_code == 303 or (response.status_code in (301, 302) and prepared.method == "POST"):
        request.method = "HEAD" if prepared.method == "HEAD" else "GET"
        request.body = None
        for name in _OF_CONTENT:
            request.headers.pop(name, None)
    return request
