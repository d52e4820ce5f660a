"""Engagements on Redis.

org:engaged    hash  `<item> <ms since 1970>` by resource
"""

from collections.abc import Iterable, Mapping

from redis import Redis

from engine.errors import Unavailable
from engine.store import keys
from engine.store.engagements import Engagement, IsOver, refused
from engine.store.redis_store import BUSY, asked

ATTEMPTS = 16
"""How often an engagement is tried while others engage resources too."""


class RedisEngagements:
    """Engagements on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client

    def engage(self, item: str, resources: Iterable[str], at: int, is_over: IsOver) -> Mapping[str, str]:
        names = list(resources)
        for _ in range(ATTEMPTS):
            with self._redis.pipeline(transaction=True) as pipe:
                # redis-py gives this one method no types.
                asked(lambda: pipe.watch(keys.ENGAGED))  # type: ignore[no-untyped-call]  # noqa: B023
                found = asked(lambda: pipe.hmget(keys.ENGAGED, names))  # noqa: B023
                held = {name: _engagement(each) for name, each in zip(names, found, strict=True) if each is not None}
                busy = refused(held, item, is_over)
                if busy:
                    return busy
                pipe.multi()
                pipe.hset(keys.ENGAGED, mapping=dict.fromkeys(names, f"{item} {at}"))
                try:
                    asked(pipe.execute)
                except Unavailable as refusal:
                    if refusal.code != BUSY:
                        raise
                    continue
                return {}
        raise Unavailable("resources are engaged by others all the time: try again", code=BUSY)


def _engagement(written: bytes) -> Engagement:
    item, since = written.decode().split(" ")
    return Engagement(item, int(since))
