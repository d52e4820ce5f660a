"""How long it takes until work goes on once a fault is over, and until what had piled up is done.

What had piled up are the events and calls that were in the store when the fault ended. New ones come in meanwhile and
do not count.
"""

import time
from dataclasses import dataclass
from threading import Thread

from redis import Redis
from redis.exceptions import RedisError

from engine.store import keys

POLL_S = 0.005
WATCHED_FOR_S = 120.0


@dataclass(slots=True)
class Recovery:
    """Seconds from the end of a fault; None while it has not happened. `waiting`: how many events and calls."""

    waiting: int = 0
    first_s: float | None = None
    drained_s: float | None = None


class Stopwatch:
    """Watches a store from the end of a fault, in a thread of its own."""

    def __init__(self, redis: "Redis", shards: int) -> None:
        self._redis = redis
        self._shards = range(shards)
        self.recovery = Recovery()
        self._began = time.monotonic()
        self._events = self._events_waiting()
        self._calls = self._calls_waiting()
        self.recovery.waiting = sum(map(len, self._events)) + sum(map(len, self._calls))
        self._thread = Thread(target=self._watch, name="stopwatch", daemon=True)
        self._thread.start()

    def stopped(self, within_s: float = WATCHED_FOR_S) -> Recovery:
        """The times, once everything that had piled up is done."""
        self._thread.join(within_s)
        self._redis.close()
        return self.recovery

    def _watch(self) -> None:
        until = self._began + WATCHED_FOR_S
        while self.recovery.drained_s is None and time.monotonic() < until:
            try:
                left = self._left()
            except RedisError:
                left = self.recovery.waiting
            passed_s = time.monotonic() - self._began
            if self.recovery.first_s is None and (left < self.recovery.waiting or left == 0):
                self.recovery.first_s = passed_s
            if left == 0:
                self.recovery.drained_s = passed_s
            time.sleep(POLL_S)

    def _left(self) -> int:
        events = [len(known & now) for known, now in zip(self._events, self._events_waiting())]
        calls = [len(known & now) for known, now in zip(self._calls, self._calls_waiting())]
        return sum(events) + sum(calls)

    def _events_waiting(self) -> list[set[bytes]]:
        pipe = self._redis.pipeline(transaction=False)
        for shard in self._shards:
            pipe.xrange(keys.events(shard))
        return [{identifier for identifier, _ in entries} for entries in pipe.execute()]

    def _calls_waiting(self) -> list[set[bytes]]:
        pipe = self._redis.pipeline(transaction=False)
        for shard in self._shards:
            pipe.zrange(keys.calls(shard), 0, -1)
        return [set(members) for members in pipe.execute()]
