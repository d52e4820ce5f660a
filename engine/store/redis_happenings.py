"""Happenings on Redis.

{s}:handled    channel   the ids of cases whose events were handled
{s}:notices    stream    field `e`: a packed notice, until somebody has seen to it
{s}:exceptions stream    field `e`: a packed exception that nothing more is done about
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec.msgpack import Decoder
from redis import Redis

from engine.store import keys
from engine.store.exception_log import Logged, PastException
from engine.store.happenings import KeptNotice, Notice
from engine.store.redis_store import asked

_notice = Decoder(Notice).decode
_exception = Decoder(PastException).decode

PAUSE_S = 1.0


class RedisHappenings:
    """Happenings on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client

    def listen(self, ready: Callable[[], None], stop: Callable[[], bool]) -> Iterator[str]:
        channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
        try:
            asked(lambda: channel.psubscribe(keys.EVERY_HANDLED))
            while not stop():
                message = asked(lambda: channel.get_message(timeout=PAUSE_S))
                if message is None:
                    yield ""
                elif message["type"] == "psubscribe":
                    ready()
                elif message["type"] == "pmessage":
                    yield message["data"].decode()
        finally:
            channel.close()

    def notices(self, shard: int, limit: int) -> list[KeptNotice]:
        found = asked(lambda: self._redis.xrange(keys.notices(shard), count=limit))
        return [KeptNotice(identifier.decode(), _notice(fields[b"e"])) for identifier, fields in found]

    def exceptions(self, shard: int, before: str | None, limit: int) -> list[Logged]:
        newest = "+" if before is None else f"({before}"
        found = asked(lambda: self._redis.xrevrange(keys.exceptions(shard), newest, count=limit))
        return [Logged(identifier.decode(), _exception(fields[b"e"])) for identifier, fields in found]

    def seen_to(self, shard: int, identifiers: Sequence[str]) -> None:
        if identifiers:
            asked(lambda: self._redis.xdel(keys.notices(shard), *identifiers))
