"""`python -m tests.performance.quick_service PORT DELAY_MS`: an HTTP service that answers every request after a delay.

It parses as little as it may, so that on a machine with few cores the clients have them.
"""

import asyncio
import sys

END_OF_HEAD = b"\r\n\r\n"
BODY = b'{"available": 3, "sku": "chair"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Answering(asyncio.Protocol):
    """One connection: an answer for each request that has no body."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while END_OF_HEAD in self._seen:
            _, _, self._seen = self._seen.partition(END_OF_HEAD)
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def main(port: int, delay_ms: float) -> None:
    """Serves until it is ended."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(delay_ms / 1000), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
