"""One deadline for a whole HTTP exchange, where the libraries below only know a timeout for each wait.

A socket's timeout begins anew with every byte that comes, so a server that drips its headers or its body could hold a
call for hours. Here the connection itself knows when the exchange must be over, and every wait gets what is left:
connecting (all addresses of a host together), the TLS handshake, each write, each read. What stays outside is the
look-up of the host's name, whose time is bounded by the resolver of the system.
"""

import errno
import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SHORTEST_WAIT_S = 0.001
"""The wait that remains when the time is up. A socket takes 0 for "do not wait", and so says something else."""


class DeadlineAdapter(HTTPAdapter):
    """The transport of a session for which `timeout=Timeout(total=seconds)` is a deadline of the whole exchange.

    Without a timeout an exchange has no time at all.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _DeadlinePool, "https": _SecureDeadlinePool}


class _DeadlineConnection(HTTPConnection):
    """A connection on which setting the timeout starts the clock, and reading it says what is left.

    The pool sets it twice in an exchange, to the total before anything is done and to the rest of the total before
    the answer is awaited, and so both times to the same deadline.
    """

    _deadline = 0.0
    _reader: "_DeadlineReader"

    @property
    def timeout(self) -> float | None:
        return max(self._deadline - time.monotonic(), SHORTEST_WAIT_S)

    @timeout.setter
    def timeout(self, value: float | None) -> None:
        self._deadline = 0.0 if value is None else time.monotonic() + value

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        return self._connect_to_one_of([str(address[0]) for *_, address in found])

    def _connect_to_one_of(self, addresses: list[str]) -> socket.socket:
        failure = OSError("the host has no address")
        for index, address in enumerate(addresses):
            # Each address has an equal share of what is left, so that a dead one leaves time for those after it.
            share_s = max(self._deadline - time.monotonic(), SHORTEST_WAIT_S) / (len(addresses) - index)
            try:
                connected = create_connection((address, self.port), share_s, self.source_address, self.socket_options)
                connected.settimeout(self.timeout)
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
        self._reader = _DeadlineReader(response.fp.detach(), sock, self._deadline)
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


class _SecureDeadlinePool(HTTPSConnectionPool):
    ConnectionCls = _SecureDeadlineConnection


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until the deadline, also when something to read is always there.

    `http.client` takes the end of the connection for the end of the headers. Here an end that comes before they are
    complete is an error, or half an answer would look like a whole one without a body.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self.end_is_expected = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError("the exchange took too long")
        self._sock.settimeout(remaining_s)
        count = self._raw.readinto(buffer)
        if count == 0 and not self.end_is_expected:
            raise ConnectionResetError(errno.ECONNRESET, "the connection ended before the answer did")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
