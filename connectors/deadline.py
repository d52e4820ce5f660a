"""One deadline for a whole HTTP exchange, where the libraries below only know a timeout for each wait.

A socket's timeout begins anew with every byte that comes, so a server that drips its headers or its body could hold a
call for hours. Here the connection itself knows when the exchange must be over, and every wait gets what is left:
connecting (all addresses of a host together), the TLS handshake, each write, each read. What stays outside is the
look-up of the host's name, whose time is bounded by the resolver of the system.

The same place decides where a connection goes: to an address that the guard has passed, and to no other.
"""

import errno
import http.client
import io
import math
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from connectors.guard import Guard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SHORTEST_WAIT_S = 0.001
"""The wait that remains when the time is up. A socket takes 0 for "do not wait", and so says something else."""


_TO_A_PROXY = Guard(anywhere=True)
"""A proxy's address is the installation's own choice."""


@dataclass(slots=True)
class Waits:
    """The longest single waits of the exchange at hand, beside its deadline. A session's thread sets them before each
    exchange; no other thread reads them."""

    connect_s: float = math.inf
    read_s: float = math.inf


class DeadlineAdapter(HTTPAdapter):
    """The transport of a session for which `timeout=Timeout(total=seconds)` is a deadline of the whole exchange.

    Without a timeout an exchange has no time at all. `tls` gives the context of connections over TLS, in place of what
    a session says of certificates; it is asked when the first one is made.
    """

    def __init__(self, guard: Guard, tls: Callable[[], ssl.SSLContext], hosts: int) -> None:
        self.waits = Waits()
        self._tls = tls
        self._pools = {
            "http": partial(_DeadlinePool, guard=guard, waits=self.waits),
            "https": partial(_SecureDeadlinePool, guard=guard, waits=self.waits),
        }
        # A thread has one call at a time, and so needs one connection to a host.
        super().__init__(pool_connections=hosts, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    # The stubs name keys that a pool may be told apart by; others may stand in their place.
    def build_connection_pool_key_attributes(  # type: ignore[override]
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        parts = urlsplit(request.url or "")
        host = {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}
        if parts.scheme != "https":
            return host, {}
        context = self._tls()
        return host, {"ssl_context": context, "cert_reqs": context.verify_mode}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: the context has been told already."""


class _DeadlineConnection(HTTPConnection):
    """A connection on which setting the timeout starts the clock, and reading it says what is left.

    The pool sets it twice in an exchange, to the total before anything is done and to the rest of the total before
    the answer is awaited, and so both times to the same deadline.
    """

    guard: Guard
    waits: Waits
    _deadline = 0.0
    _reader: "_DeadlineReader"

    @property
    def timeout(self) -> float | None:
        return max(self._deadline - time.monotonic(), SHORTEST_WAIT_S)

    @timeout.setter
    def timeout(self, value: float | None) -> None:
        self._deadline = 0.0 if value is None else time.monotonic() + value

    def _new_conn(self) -> socket.socket:
        guard = self.guard if self.proxy is None else _TO_A_PROXY
        try:
            addresses = guard.addresses(self._dns_host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        return self._connect_to_one_of(addresses)

    def _connect_to_one_of(self, addresses: list[str]) -> socket.socket:
        failure = OSError("the host has no address")
        until = min(self._deadline, time.monotonic() + self.waits.connect_s)
        for index, address in enumerate(addresses):
            # Each address has an equal share of what is left, so that a dead one leaves time for those after it.
            share_s = max(until - time.monotonic(), SHORTEST_WAIT_S) / (len(addresses) - index)
            try:
                connected = create_connection((address, self.port), share_s, self.source_address, self.socket_options)
                # The handshake of TLS is next, and belongs to connecting.
                connected.settimeout(max(until - time.monotonic(), SHORTEST_WAIT_S))
                return connected
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host} in time") from failure
        raise NewConnectionError(self, f"no connection to {self.host}: {failure}") from failure

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        super().send(data)

    # `http.client` declares a class here, and does nothing with it but to call it.
    def response_class(  # type: ignore[override]
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None
    ) -> http.client.HTTPResponse:
        """An answer whose reads all end at the deadline."""
        response = http.client.HTTPResponse(sock, debuglevel, method)
        self._reader = _DeadlineReader(response.fp.detach(), sock, self._deadline, self.waits.read_s)
        response.fp = io.BufferedReader(self._reader)
        return response

    # urllib3 declares an answer of its own, which is not one of `http.client`.
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        response = super().getresponse()
        self._reader.end_is_expected = True
        return response


class _SecureDeadlineConnection(_DeadlineConnection, HTTPSConnection):
    """The same over TLS."""


class _DeadlinePool(HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection

    def __init__(self, host: str, port: int | None = None, *, guard: Guard, waits: Waits, **rest: Any) -> None:
        super().__init__(host, port, **rest)
        self._guard, self._waits = guard, waits

    def _new_conn(self) -> _DeadlineConnection:
        connection = super()._new_conn()
        assert isinstance(connection, _DeadlineConnection), "the pool makes what it was told to make"
        connection.guard, connection.waits = self._guard, self._waits
        return connection


class _SecureDeadlinePool(_DeadlinePool, HTTPSConnectionPool):  # type: ignore[misc]  # both make connections
    ConnectionCls = _SecureDeadlineConnection


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until the deadline, also when something to read is always there.

    `http.client` takes the end of the connection for the end of the headers. Here an end that comes before they are
    complete is an error, or half an answer would look like a whole one without a body.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float, read_s: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self._read_s = read_s
        self.end_is_expected = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError("the exchange took too long")
        self._sock.settimeout(min(remaining_s, self._read_s))
        count = self._raw.readinto(buffer)
        if count == 0 and not self.end_is_expected:
            raise ConnectionResetError(errno.ECONNRESET, "the connection ended before the answer did")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
