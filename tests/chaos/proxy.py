"""A TCP proxy that stands between processes and Redis and makes the network as bad as asked for.

It can delay what passes, cut every connection, refuse new ones, and go deaf: connections stay open, and nothing
passes in one direction or in both (half-open, as after a switch that died).
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from tests.chaos.ports import HOST, free_port

CHUNK_BYTES = 65_536
STARTED_WITHIN_S = 10.0


class Proxy:
    """Listens on a port of its own and passes everything on to `target`, until it is told otherwise."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._delay_s = 0.0
        self._refusing = False
        self._swallows_requests = False
        self._swallows_replies = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._started = Event()
        self._thread = Thread(target=self._serve, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """The address that stands for the target's."""
        return f"redis://{HOST}:{self.port}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(STARTED_WITHIN_S), "the proxy does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._in_loop(self._cut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTED_WITHIN_S)

    def delay(self, seconds: float) -> None:
        """From now on each piece takes so long in each direction."""
        self._delay_s = seconds

    def lead_to(self, target: int) -> None:
        """From now on new connections lead to another port, and the old ones are reset."""
        self._target = target
        self.cut()

    def cut(self) -> None:
        """Resets every connection."""
        self._in_loop(self._cut)

    def refuse(self, refusing: bool = True) -> None:
        """From now on new connections are reset at once."""
        self._refusing = refusing

    def swallow(self, *, requests: bool = False, replies: bool = False) -> None:
        """From now on nothing passes in these directions, and every connection stays open."""
        self._swallows_requests, self._swallows_replies = requests, replies

    def mend(self) -> None:
        """Everything passes again. What was swallowed is gone, so connections that lost something are reset."""
        deaf = self._swallows_requests or self._swallows_replies
        self._delay_s = 0.0
        self._refusing = self._swallows_requests = self._swallows_replies = False
        if deaf:
            self.cut()

    # -- within the loop -----------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, HOST, self.port))
        self._started.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        try:
            answers, asks = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, asks}
        both = [
            self._pump(reader, asks, lambda: self._swallows_requests),
            self._pump(answers, writer, lambda: self._swallows_replies),
        ]
        # The end of the proxy ends its tasks; asyncio would log each as an error.
        with suppress(asyncio.CancelledError):
            await _first_of(both)
        for side in (writer, asks):
            self._open.discard(side)
            _reset(side)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallows: Callable[[], bool]
    ) -> None:
        try:
            while piece := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if not swallows():
                    writer.write(piece)
                    await writer.drain()
        except OSError:
            return

    def _cut(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    def _in_loop(self, act: Callable[[], None]) -> None:
        done = Event()

        def acted() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(acted)
        assert done.wait(STARTED_WITHIN_S), "the proxy hangs"


async def _first_of(coroutines: list[Coroutine[Any, Any, None]]) -> None:
    """Waits until one of them ends, and ends the others."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection so that the other side sees a reset, not an orderly end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.close()
