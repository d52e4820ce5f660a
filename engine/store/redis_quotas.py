"""Quotas on Redis. Time is the server's, so that all processes count alike.

quota:rate:<name>   string  when an even flow would have the next request (ms), until that is past
quota:wrong:<name>  hash    how many failures, and until when nobody may try again
"""

from redis import Redis

from engine.store import keys
from engine.store.quotas import FORGOTTEN_AFTER_S, Patience, Rate
from engine.store.redis_store import asked, milliseconds

_TAKE = """
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call("GET", KEYS[1]) or 0)
-- What lies further ahead than it can was written by a clock that has gone back since.
if due < now or due > now + (burst + 1) * interval then due = now end
local early = due - (burst - 1) * interval - now
if early > 0 then return math.ceil(early) end
redis.call("SET", KEYS[1], string.format("%.3f", due + interval), "PX", math.ceil(due + interval - now) + 1)
return 0
"""

_FAIL = """
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = redis.call("HINCRBY", KEYS[1], "count", 1)
local beyond = count - tonumber(ARGV[1])
local wait = 0
if beyond > 0 then wait = math.min(2 ^ math.min(beyond - 1, 30), tonumber(ARGV[2])) end
redis.call("HSET", KEYS[1], "until", string.format("%.0f", now + wait * 1000))
redis.call("EXPIRE", KEYS[1], ARGV[3])
return 1
"""


class RedisQuotas:
    """Quotas on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client
        self._take = client.register_script(_TAKE)
        self._fail = client.register_script(_FAIL)

    def take(self, name: str, rate: Rate) -> float:
        interval_ms = 1000 / rate.per_s
        return float(asked(lambda: self._take(keys=[keys.quota(name)], args=[interval_ms, rate.burst]))) / 1000

    def fail(self, name: str, patience: Patience) -> None:
        arguments = [patience.free, patience.longest_s, FORGOTTEN_AFTER_S]
        asked(lambda: self._fail(keys=[keys.failures(name)], args=arguments))

    def waits(self, names: list[str]) -> float:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for name in names:
            pipe.hget(keys.failures(name), "until")
        time, *found = asked(pipe.execute)
        now = milliseconds(time)
        return max(0.0, *(int(until or 0) - now for until in found)) / 1000

    def forgive(self, names: list[str]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.delete(keys.failures(name))
        asked(pipe.execute)
