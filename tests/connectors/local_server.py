"""A real HTTP server on this machine that answers as a test tells it, and remembers what it was asked."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def reply_json(value: Any, status: int = 200, content_type: str = "application/json") -> Answer:
    return reply(status, json.dumps(value).encode(), {"Content-Type": content_type})


def drip(pieces: Iterable[bytes], pause_s: float = 0.03) -> Answer:
    """Raw bytes, piece by piece, so that no single wait is long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            for piece in pieces:
                handler.wfile.write(piece)
                time.sleep(pause_s)
        except OSError:
            pass  # The client had enough, which is what these tests are about.

    return answer


def raw(content: bytes) -> Answer:
    """Raw bytes, and then the end of the connection."""
    return drip([content], pause_s=0)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection without an answer."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


@dataclass
class LocalServer:
    """The answer it gives to every request, and the requests and connections it had."""

    answer: Answer = field(default_factory=lambda: reply_json({}))
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def last(self) -> Received:
        return self.received[-1]

    def start(self) -> Callable[[], None]:
        """Begin to serve on a free port; the result stops it."""
        server = _Server(("127.0.0.1", 0), _handler_for(self))
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop


class _Server(ThreadingHTTPServer):
    block_on_close = False  # A dripping answer need not be waited for.

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # Broken connections are what these tests are about.


def _handler_for(local: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The headers and the body are written apart, which would cost 40 ms a call.

        def setup(self) -> None:
            local.connections += 1
            super().setup()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            lower_case = {name.lower(): value for name, value in self.headers.items()}
            local.received.append(
                Received(self.command, parts.path, parse_qsl(parts.query, keep_blank_values=True), lower_case, body)
            )
            local.answer(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
