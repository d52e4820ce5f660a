"""A Redis in memory (fakeredis, which runs the real scripts in a real Lua) on the simulated clock.

Every round trip of the client is a point where actors meet and where faults strike: finer than the operations of the
store, several of which take two or three. A pipeline may be cut in the middle.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import fakeredis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

from engine.store.port import Commit, Lease, Outcome
from engine.store.redis_store import RedisStore
from tests.simulation.operations import Operations
from tests.simulation.watch import Watch

WITH_A_CLOCK = (
    "fakeredis._helpers.time",
    "fakeredis._socket._base.time",
    "fakeredis.commands_mixins.server_mixin.time",
    "fakeredis.model._stream.time",
)
READS = frozenset({"TIME", "HGET", "HMGET", "HGETALL", "LRANGE", "XRANGE", "ZRANGEBYSCORE", "XLEN", "ZCOUNT"})


class _Time:
    """The module `time`, with another clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.sleep = time.sleep
        self.monotonic = time.monotonic

    def time(self) -> float:
        return self._now_ms() / 1000


@contextmanager
def clock_of_redis(now_ms: Callable[[], int]) -> Iterator[None]:
    """While it is entered, fakeredis tells this time."""
    clock = _Time(now_ms)
    patches = [patch(name, clock) for name in WITH_A_CLOCK]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def away() -> Exception:
    """What the client raises when the connection breaks."""
    return RedisConnectionError("the simulated connection is broken")


class _FaultyPipeline(Pipeline):
    """A pipeline whose execution is one round trip."""

    operations: Operations
    looker: Watch

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands = [args for args, _ in self.command_stack]
        writes = any(command[0].upper() not in READS for command in commands)

        def act() -> list[Any]:
            answers: list[Any] = Pipeline.execute(self, raise_on_error)
            if writes:
                self.looker.look_everywhere()
            return answers

        def partly(share: float) -> None:
            del self.command_stack[int(len(self.command_stack) * share) :]
            Pipeline.execute(self, False)
            self.looker.look_everywhere()

        name = " ; ".join(str(command[0]) for command in commands)
        return self.operations.do(name, act, away, partly if len(commands) > 1 else None)


class FaultyRedis(fakeredis.FakeRedis):
    """A client whose commands are operations with faults."""

    operations: Operations
    looker: Watch

    def execute_command(self, *args: Any, **options: Any) -> Any:
        def act() -> Any:
            return fakeredis.FakeRedis.execute_command(self, *args, **options)  # type: ignore[no-untyped-call]

        return self.operations.do(str(args[0]), act, away)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> _FaultyPipeline:
        assert not transaction, "the store does everything in scripts"
        pipe = _FaultyPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.operations, pipe.looker = self.operations, self.looker
        return pipe


class WatchedRedisStore(RedisStore):
    """The Redis store. The watch hears who got a lease and who committed."""

    watch: Watch

    def acquire(self, shard: int, owner: str) -> Lease | None:
        lease = super().acquire(shard, owner)
        if lease is not None:
            self.watch.acquired(lease)
        return lease

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        with self.watch.committing(commits):
            outcomes = super().commit(commits, lease)
        self.watch.committed(commits, outcomes, lease)
        return outcomes


def redis_stores(
    shards: int, operations: Operations, watch_of: Callable[[RedisStore], Watch]
) -> tuple[RedisStore, Watch, WatchedRedisStore]:
    """The store past all faults, what watches it, and the store as actors reach it."""
    server = fakeredis.FakeServer()
    truth = RedisStore(fakeredis.FakeRedis(server=server), shards)
    watch = watch_of(truth)
    client = FaultyRedis(server=server)
    client.operations, client.looker = operations, watch
    store = WatchedRedisStore(client, shards)
    store.watch = watch
    return truth, watch, store
