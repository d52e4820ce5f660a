"""One session of requests for each thread, since a session is not made for several at once."""

import threading
from http.cookiejar import DefaultCookiePolicy
from weakref import WeakSet

import requests

from connectors.deadline import DeadlineAdapter


class Sessions:
    """The sessions of all threads. Each keeps one connection open to each of its last `hosts` hosts.

    They take nothing from the environment (no proxy, no .netrc), keep no cookie, try nothing twice, and follow no
    redirect. Their `timeout` must be a `urllib3.Timeout(total=seconds)`.
    """

    def __init__(self, hosts: int) -> None:
        self._hosts = hosts
        self._of_thread = _OfThread()
        # Weak, so that the connections of a thread that has ended are closed with it.
        self._all: WeakSet[requests.Session] = WeakSet()
        self._lock = threading.Lock()

    def of_this_thread(self) -> requests.Session:
        """The session that no other thread uses."""
        if self._of_thread.session is None:
            self._of_thread.session = _new_session(self._hosts)
            with self._lock:
                self._all.add(self._of_thread.session)
        return self._of_thread.session

    def close(self) -> None:
        """Close every open connection."""
        with self._lock:
            for session in list(self._all):
                session.close()


class _OfThread(threading.local):
    session: requests.Session | None = None


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: to prepare for a redirect, a session reads the whole body of one even when it does not follow it."""
        return None


def _new_session(hosts: int) -> requests.Session:
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.headers.update({"User-Agent": "casewright", "Accept": "*/*", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    # A thread has one call at a time, and so needs one connection to a host.
    adapter = DeadlineAdapter(pool_connections=hosts, pool_maxsize=1, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
