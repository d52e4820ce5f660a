"""Webhooks on Redis.

webhooks:all             hash    packed webhooks by name
webhooks:delivery:<id>   string  a packed delivery; for a day also of one that arrived, so that it is not made again
webhooks:due             zset    deliveries by when they are due, or no longer their taker's
webhooks:dead            zset    deliveries that were given up, by when they were due last
"""

from collections.abc import Sequence

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from redis import Redis

from engine.store import keys
from engine.store.paging import Cursor
from engine.store.redis_store import asked
from engine.store.webhooks import MOST_DEAD, TAKEN_MS, Delivery, DeliveryPage, Webhook

KEPT_S = 24 * 3600

_encode = Encoder().encode
_webhook = Decoder(Webhook).decode
_delivery = Decoder(Delivery).decode

_ADD = """
if redis.call("SET", KEYS[1], ARGV[1], "NX") then redis.call("ZADD", KEYS[2], ARGV[3], ARGV[2]) end
return 1
"""

_TAKE = """
local due = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[2])
for _, name in ipairs(due) do redis.call("ZADD", KEYS[1], ARGV[3], name) end
return due
"""

_PUT_OFF = """
if redis.call("ZSCORE", KEYS[2], ARGV[2]) then
  redis.call("SET", KEYS[1], ARGV[1])
  redis.call("ZADD", KEYS[2], ARGV[3], ARGV[2])
end
return 1
"""

_BURY = """
if redis.call("ZREM", KEYS[2], ARGV[2]) == 1 then
  redis.call("SET", KEYS[1], ARGV[1])
  redis.call("ZADD", KEYS[3], ARGV[3], ARGV[2])
end
return redis.call("ZRANGE", KEYS[3], 0, -(tonumber(ARGV[4]) + 1))
"""

_REVIVE = """
if redis.call("ZREM", KEYS[3], ARGV[2]) == 0 then return 0 end
redis.call("SET", KEYS[1], ARGV[1])
redis.call("ZADD", KEYS[2], ARGV[3], ARGV[2])
return 1
"""


class RedisWebhooks:
    """Webhooks on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client
        self._add = client.register_script(_ADD)
        self._take = client.register_script(_TAKE)
        self._put_off = client.register_script(_PUT_OFF)
        self._bury = client.register_script(_BURY)
        self._revive = client.register_script(_REVIVE)

    def wanted(self) -> bool:
        return bool(asked(lambda: self._redis.exists(keys.WEBHOOKS)))

    def webhooks(self) -> list[Webhook]:
        packed = asked(lambda: self._redis.hvals(keys.WEBHOOKS))
        return sorted(map(_webhook, packed), key=lambda webhook: webhook.name)

    def webhook(self, name: str) -> Webhook | None:
        packed = asked(lambda: self._redis.hget(keys.WEBHOOKS, name))
        return _webhook(packed) if packed else None

    def put_webhook(self, webhook: Webhook) -> bool:
        return bool(asked(lambda: self._redis.hset(keys.WEBHOOKS, webhook.name, _encode(webhook))))

    def delete_webhook(self, name: str) -> bool:
        return bool(asked(lambda: self._redis.hdel(keys.WEBHOOKS, name)))

    def add(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            of = [keys.delivery(each.id), keys.WEBHOOKS_DUE]
            asked(lambda: self._add(keys=of, args=[_encode(each), each.id, each.due]))  # noqa: B023

    def take(self, now: int, limit: int) -> list[Delivery]:
        names = asked(lambda: self._take(keys=[keys.WEBHOOKS_DUE], args=[now, limit, now + TAKEN_MS]))
        if not names:
            return []
        packed = asked(lambda: self._redis.mget([keys.delivery(name.decode()) for name in names]))
        return [_delivery(each) for each in packed if each]

    def put_off(self, delivery: Delivery) -> None:
        of = [keys.delivery(delivery.id), keys.WEBHOOKS_DUE]
        asked(lambda: self._put_off(keys=of, args=[_encode(delivery), delivery.id, delivery.due]))

    def bury(self, delivery: Delivery) -> None:
        of = [keys.delivery(delivery.id), keys.WEBHOOKS_DUE, keys.WEBHOOKS_DEAD]
        arguments: list[bytes | str | int] = [_encode(delivery), delivery.id, delivery.due, MOST_DEAD]
        for name in asked(lambda: self._bury(keys=of, args=arguments)):
            pipe = self._redis.pipeline(transaction=True)
            pipe.zrem(keys.WEBHOOKS_DEAD, name)
            pipe.delete(keys.delivery(name.decode()))
            asked(pipe.execute)

    def done(self, delivery: Delivery) -> None:
        pipe = self._redis.pipeline(transaction=True)
        pipe.zrem(keys.WEBHOOKS_DUE, delivery.id)
        pipe.expire(keys.delivery(delivery.id), KEPT_S)
        asked(pipe.execute)

    def dead(self, limit: int, after: str | None) -> DeliveryPage:
        place = Cursor.read(after) if after else None
        greatest = place.score if place is not None else "+inf"
        found: list[Cursor] = []
        start = 0
        while len(found) <= limit:
            members = self._dead_members(greatest, start, limit + 1)
            places = [Cursor(int(score), name.decode()) for name, score in members]
            found += [each for each in places if place is None or each < place]
            start += len(members)
            if len(members) <= limit:
                break
        shown = found[:limit]
        packed = asked(lambda: self._redis.mget([keys.delivery(each.name) for each in shown])) if shown else []
        following = shown[-1].written() if len(found) > limit else None
        return DeliveryPage([_delivery(each) for each in packed if each], following)

    def revive(self, identifier: str, now: int) -> bool:
        packed = asked(lambda: self._redis.get(keys.delivery(identifier)))
        if packed is None:
            return False
        anew = replace(_delivery(packed), attempts=0, due=now, error="")
        of = [keys.delivery(identifier), keys.WEBHOOKS_DUE, keys.WEBHOOKS_DEAD]
        return bool(asked(lambda: self._revive(keys=of, args=[_encode(anew), identifier, now])))

    def _dead_members(self, greatest: int | str, start: int, count: int) -> list[tuple[bytes, float]]:
        found = asked(
            lambda: self._redis.zrevrangebyscore(
                keys.WEBHOOKS_DEAD, greatest, "-inf", start=start, num=count, withscores=True
            )
        )
        return list(found)
