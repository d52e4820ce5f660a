"""A real HTTP proxy on this machine: it forwards plain requests, and tunnels those of TLS."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class LocalProxy:
    """What it was asked for: the first lines, and the `Proxy-Authorization` of each."""

    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Callable[[], None]:
        """Begin to listen on a free port; the result stops it."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener.close

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # The listener was closed.
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        first, *fields = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        named = dict(line.split(": ", 1) for line in fields)
        self.asked.append(first)
        self.authorizations.append(named.get("Proxy-Authorization"))
        method, target, _ = first.split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            server = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            parts = urlsplit(target)
            server = socket.create_connection((parts.hostname or "", parts.port or 80))
            server.sendall(head.replace(target.encode(), parts.path.encode() or b"/", 1))
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # One side has gone, and the other follows.
