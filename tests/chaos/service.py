"""The service outside that the cases call: it adds one, fails as often as its address says, and remembers every key.

A small HTTP server in a thread of its own. `POST /add/<n>` answers the first n requests of each `Idempotency-Key` with
503, the next ones with `{"n": n + 1}`.
"""

import asyncio
import json
from collections import defaultdict
from threading import Event, Thread
from types import TracebackType
from typing import Self

from tests.chaos.ports import HOST, free_port

STARTED_WITHIN_S = 10.0


class Service:
    """Runs while the block is open. `bodies` are those that came with each key, in order."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._started = Event()
        self._thread = Thread(target=self._serve, name="service", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(STARTED_WITHIN_S), "the service does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTED_WITHIN_S)

    def keys_of_several_requests(self) -> list[str]:
        """Keys that came with more than one body: they would stand for different things."""
        return sorted(key for key, bodies in tuple(self.bodies.items()) if len(set(bodies)) > 1)

    async def answer(self, writer: asyncio.StreamWriter, path: str, key: str, body: bytes) -> None:
        """Answers one request. Raises `ConnectionError` to end the connection."""
        status, answer = self._answered(path, key, body)
        writer.write(response(status, answer))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, HOST, self.port))
        self._started.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readline()).split():
                headers = await _headers(reader)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self.answer(writer, request[1].decode(), headers.get("idempotency-key", ""), body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # Who asked is gone, which is what these tests are about, or the service ends.
        writer.close()

    def _answered(self, path: str, key: str, body: bytes) -> tuple[int, bytes]:
        bodies = self.bodies[key]
        bodies.append(body)
        if len(bodies) <= int(path.rpartition("/")[2]):
            return 503, b"{}"
        return 200, json.dumps({"n": json.loads(body)["n"] + 1}).encode()


def response(status: int, body: bytes, length: int | None = None, more: str = "") -> bytes:
    """An answer as it is sent; `length`: what it says of its length; `more`: further lines of its head."""
    told = len(body) if length is None else length
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {told}\r\n{more}"
    return f"{head}\r\n".encode() + body


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers
