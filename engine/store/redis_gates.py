"""Gates on Redis. All keys lie on one node of a cluster: only calls that a gate concerns come there.

load:{gates}<name>      zset    who is beyond a gate, by when his place is free again
queue:{gates}<name>     zset    who waits before it, by when he came
rate:{gates}<name>      string  when the next call would be due
watch:{gates}<name>     string  who looks at the gate again
breaker:{gates}<host>   hash    calls by second, or since when it is open
queue:{gates}           set     the gates with a queue
breaker:{gates}         zset    the hosts whose breakers are not closed
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis import Redis

from engine.store import keys
from engine.store.gates import (
    COUNTED_S,
    FARTHEST_MS,
    KEPT_S,
    PLACE_MS,
    WATCH_MS,
    Admitted,
    Asked,
    Breaker,
    BreakerRule,
    BreakerState,
    Counted,
    Gate,
    Load,
)
from engine.store.redis_store import asked, milliseconds


class RedisGates:
    """Gates on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client
        self._gate = client.register_script(files("engine.store").joinpath("gate.lua").read_text())
        self._breaker = client.register_script(files("engine.store").joinpath("breaker.lua").read_text())

    def ask(self, gate: Gate, wanted: Asked, owner: str) -> Admitted:
        arguments: list[Any] = [gate.name, owner, wanted.room, _or_none(gate.concurrency), _or_none(gate.interval_ms)]
        arguments += [gate.burst, int(gate.host), _or_none(gate.patience_ms), PLACE_MS, WATCH_MS, FARTHEST_MS]
        for items in (wanted.leaving, wanted.queued, wanted.fresh):
            arguments += [len(items), *items]
        of_gate = (keys.load, keys.queue, keys.rate, keys.breaker, keys.watch)
        names = [*(key(gate.name) for key in of_gate), keys.QUEUES]
        items, fresh, overdue, waiting, again = asked(lambda: self._gate(keys=names, args=arguments))
        return Admitted(_texts(items), fresh, _texts(overdue), waiting, None if again < 0 else again)

    def renew(self, gate: Gate, items: Sequence[str]) -> None:
        until = milliseconds(asked(self._redis.time)) + PLACE_MS
        asked(lambda: self._redis.zadd(keys.load(gate.name), dict.fromkeys(items, until), xx=True))

    def queues(self) -> list[str]:
        return sorted(name.decode() for name in asked(lambda: self._redis.smembers(keys.QUEUES)))

    def record(self, host: str, rule: BreakerRule, counted: Counted, jitter: float) -> BreakerState:
        arguments: list[Any] = [host, COUNTED_S, *rule, jitter, KEPT_S, counted.probes_passed, counted.probes_failed]
        arguments += [counted.cause, counted.connector]
        for ago, ended in counted.ended.items():
            arguments += [ago, *ended]
        names = (keys.breaker(host), keys.TROUBLED)
        return BreakerState(asked(lambda: self._breaker(keys=names, args=arguments)).decode())

    def troubled(self) -> list[str]:
        return [host.decode() for host in asked(lambda: self._redis.zrange(keys.TROUBLED, 0, -1))]

    def breakers(self) -> list[Breaker]:
        hosts = sorted(self.troubled())
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for host in hosts:
            pipe.hmget(keys.breaker(host), "since", "until", "cause", "connector")
        time, *found = asked(pipe.execute)
        return [_breaker(host, each, milliseconds(time)) for host, each in zip(hosts, found, strict=True) if each[1]]

    def load(self, names: Sequence[str]) -> list[Load]:
        now = milliseconds(asked(self._redis.time))
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.zcount(keys.load(name), now, "+inf")
            pipe.zcard(keys.queue(name))
        found = asked(pipe.execute)
        return [Load(*found[at : at + 2]) for at in range(0, len(found), 2)]


def _breaker(host: str, fields: Sequence[bytes], now: int) -> Breaker:
    since, until, cause, connector = (field.decode() for field in fields)
    state = BreakerState.OPEN if int(until) > now else BreakerState.HALF_OPEN
    return Breaker(host, state, int(since), int(until), cause, connector)


def _or_none(value: float | None) -> float | str:
    return "" if value is None else value


def _texts(items: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(item.decode() for item in items)
