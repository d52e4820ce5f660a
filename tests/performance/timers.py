"""What a tick costs while nothing is due: with no timer, and with a million of them, in turn in one run.

python -m tests.performance.timers
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from engine.store import codec, keys
from engine.store.redis_store import RedisStore
from tests.redis_server import running_redis

SHARDS = 16
PENDING = 1_000_000
CHUNK = 10_000
FAR_MS = 4_000_000_000_000


def main() -> None:
    """Prints the time of a tick over all shards, without and with pending timers, and how fast due ones fire."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pending", type=int, default=PENDING)
    parser.add_argument("--ticks", type=int, default=300)
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        client = Redis(port=port)
        store = RedisStore(client, SHARDS)
        empty = _ticks(store, arguments.ticks)
        _fill(client, arguments.pending)
        full = _ticks(store, arguments.ticks)
        print(f"a tick of {SHARDS} shards, nothing due: {empty:.2f} ms with 0 timers pending")
        print(f"a tick of {SHARDS} shards, nothing due: {full:.2f} ms with {arguments.pending:,} timers pending")
        print(f"ratio {full / empty:.2f}")
        _due(client, store)


def _ticks(store: RedisStore, ticks: int) -> float:
    """The median time of a tick, in milliseconds."""
    shards, times = list(range(SHARDS)), []
    for _ in range(ticks):
        began = time.perf_counter()
        store.fire_timers(shards, 1_000)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _fill(client: "Redis", pending: int) -> None:
    for start in range(0, pending, CHUNK):
        pipe = client.pipeline(transaction=False)
        for n in range(start, min(start + CHUNK, pending)):
            due = FAR_MS + n
            pipe.zadd(keys.timers(n % SHARDS), {codec.pack_timer(f"case-{n}", 1, due): due})
        pipe.execute()


def _due(client: "Redis", store: RedisStore) -> None:
    """How long ten thousand timers of one shard take that are due at once."""
    pipe = client.pipeline(transaction=False)
    for n in range(CHUNK):
        pipe.zadd(keys.timers(0), {codec.pack_timer(f"due-{n}", 1, n): n})
    pipe.execute()
    began, fired = time.perf_counter(), 0
    while (done := store.fire_timers([0], 1_000)[0].timers) > 0:
        fired += done
    print(f"{fired:,} timers of one shard that are due at once: {(time.perf_counter() - began) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
