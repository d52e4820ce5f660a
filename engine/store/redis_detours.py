"""Detours on Redis.

org:pilers     hash  participants by `<specification>/<task>`
{s}:chainers   hash  participants by root case; the commit with which the case ends takes it out (`redis_store.py`)
"""

from redis import Redis

from engine.names import shard_of
from engine.store import keys
from engine.store.detours import OutOfTurn
from engine.store.redis_store import asked


class RedisDetours:
    """Detours on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis", shards: int) -> None:
        self._redis = client
        self._shards = shards

    def of(self, specification: str, task: str, root: str) -> OutOfTurn:
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(keys.PILERS, _pile(specification, task))
        pipe.hget(self._chainers(root), root)
        piler, chainer = asked(pipe.execute)
        return OutOfTurn(piler.decode() if piler else None, chainer.decode() if chainer else None)

    def pile(self, specification: str, task: str, person: str) -> str:
        return self._first(keys.PILERS, _pile(specification, task), person)

    def unpile(self, specification: str, task: str) -> None:
        asked(lambda: self._redis.hdel(keys.PILERS, _pile(specification, task)))

    def piles(self) -> dict[tuple[str, str], str]:
        found = asked(lambda: self._redis.hgetall(keys.PILERS))
        named = ((pile.decode().partition("/"), person.decode()) for pile, person in found.items())
        return {(specification, task): person for (specification, _, task), person in named}

    def chain(self, root: str, person: str) -> str:
        return self._first(self._chainers(root), root, person)

    def unchain(self, root: str) -> None:
        asked(lambda: self._redis.hdel(self._chainers(root), root))

    def _first(self, key: str, field: str, person: str) -> str:
        pipe = self._redis.pipeline(transaction=True)
        pipe.hsetnx(key, field, person)
        pipe.hget(key, field)
        return str(asked(pipe.execute)[1].decode())

    def _chainers(self, root: str) -> str:
        return keys.chainers(shard_of(root, self._shards))


def _pile(specification: str, task: str) -> str:
    """The id of a specification holds no slash."""
    return f"{specification}/{task}"
