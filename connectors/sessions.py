"""One session of requests for each thread, since a session is not made for several at once."""

import ssl
import threading
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from weakref import WeakSet

import requests

from connectors.deadline import DeadlineAdapter, Waits
from connectors.guard import Guard


class Sessions:
    """The sessions of all threads. Each keeps one connection open to each of its last `hosts` hosts.

    They take nothing from the environment (no proxy, no .netrc), keep no cookie, try nothing twice, and follow no
    redirect. Their `timeout` must be a `urllib3.Timeout(total=seconds)`. They connect to what `guard` allows, and over
    TLS with the context that `tls` gives.
    """

    def __init__(self, hosts: int, guard: Guard, tls: Callable[[], ssl.SSLContext]) -> None:
        self._hosts = hosts
        self._guard = guard
        self._tls = tls
        self._of_thread = _OfThread()
        # Weak, so that the connections of a thread that has ended are closed with it.
        self._all: WeakSet[Session] = WeakSet()
        self._lock = threading.Lock()

    def of_this_thread(self) -> "Session":
        """The session that no other thread uses."""
        if self._of_thread.session is None:
            self._of_thread.session = Session(DeadlineAdapter(self._guard, self._tls, self._hosts))
            with self._lock:
                self._all.add(self._of_thread.session)
        return self._of_thread.session

    def close(self) -> None:
        """Close every open connection."""
        with self._lock:
            for session in list(self._all):
                session.close()


class Session(requests.Session):
    """A session as `Sessions` describes it; `waits` are the bounds of its next exchange."""

    def __init__(self, adapter: DeadlineAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.headers.clear()
        self.headers.update({"User-Agent": "casewright", "Accept": "*/*", "Accept-Encoding": "identity"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self._adapter = adapter

    @property
    def waits(self) -> Waits:
        """The longest single waits of the next exchange."""
        return self._adapter.waits

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: to prepare for a redirect, a session reads the whole body of one even when it does not follow it."""
        return None


class _OfThread(threading.local):
    session: Session | None = None
