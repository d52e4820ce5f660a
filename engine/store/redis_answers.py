"""Kept answers on Redis.

answer:<name>  hash  `digest` of the request, its `owner`, and its packed `answer` once it has one
"""

from msgspec.msgpack import Decoder, Encoder
from redis import Redis

from engine.store import keys
from engine.store.kept_answers import KEPT_S, UNDER_WAY_S, Found, KeptAnswer, Standing
from engine.store.redis_store import asked

_encode = Encoder().encode
_answer = Decoder(KeptAnswer).decode

_TAKE = """
local found = redis.call("HMGET", KEYS[1], "digest", "answer")
if found[1] then return found end
redis.call("HSET", KEYS[1], "digest", ARGV[1], "owner", ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[3])
return {}
"""

_KEEP = """
if redis.call("HGET", KEYS[1], "owner") ~= ARGV[1] then return 0 end
redis.call("HSET", KEYS[1], "answer", ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[3])
return 1
"""

_GIVE_BACK = """
if redis.call("HGET", KEYS[1], "owner") ~= ARGV[1] then return 0 end
if redis.call("HEXISTS", KEYS[1], "answer") == 1 then return 0 end
return redis.call("DEL", KEYS[1])
"""


class RedisAnswers:
    """Kept answers on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._take = client.register_script(_TAKE)
        self._keep = client.register_script(_KEEP)
        self._give_back = client.register_script(_GIVE_BACK)

    def take(self, name: str, digest: str, owner: str) -> Found:
        found = asked(lambda: self._take(keys=[keys.answer(name)], args=[digest, owner, UNDER_WAY_S]))
        if not found:
            return Found(Standing.TAKEN)
        if found[0] != digest.encode():
            return Found(Standing.OTHER)
        return Found(Standing.ANSWERED, _answer(found[1])) if found[1] else Found(Standing.UNDER_WAY)

    def keep(self, name: str, owner: str, answer: KeptAnswer) -> None:
        asked(lambda: self._keep(keys=[keys.answer(name)], args=[owner, _encode(answer), KEPT_S]))

    def give_back(self, name: str, owner: str) -> None:
        asked(lambda: self._give_back(keys=[keys.answer(name)], args=[owner]))
