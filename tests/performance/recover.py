"""What a round of `recover` costs: with nothing to do, and with much that waits, in one run.

python -m tests.performance.recover
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from engine.events import CaseCancelled, Envelope
from engine.store import codec, keys
from engine.store.redis_store import RedisStore
from tests.redis_server import running_redis

SHARDS = 16
WAITING = 1_000_000
ROUNDS = 300
CHUNK = 10_000


def main() -> None:
    """Prints the time of a round over all shards, and what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=WAITING, help="events, calls and timers, a third each")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        client = Redis(port=port)
        store = RedisStore(client, SHARDS)
        store.work()
        _tell(client, store, "nothing waits")
        _fill(client, arguments.waiting // 3)
        _tell(client, store, f"{arguments.waiting:,} events, calls and timers wait")


def _tell(client: "Redis", store: RedisStore, what: str) -> None:
    before = client.info("stats")["total_commands_processed"]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work = store.work()
        times.append((time.perf_counter() - began) * 1000)
    commands = (client.info("stats")["total_commands_processed"] - before - 1) / ROUNDS
    busy = sum(bool(shard.undrained or shard.due_timers or shard.due_calls) for shard in work)
    print(
        f"{what}: a round over {SHARDS} shards {statistics.median(times):.2f} ms (max {max(times):.2f}), "
        f"{commands:.0f} commands in two round trips, rings for {busy} shards"
    )


def _fill(client: "Redis", each: int) -> None:
    envelope = codec.pack_envelope(Envelope("c", CaseCancelled("ann")))
    for start in range(0, each, CHUNK):
        pipe = client.pipeline(transaction=False)
        for number in range(start, min(start + CHUNK, each)):
            shard = number % SHARDS
            pipe.xadd(keys.events(shard), {"e": envelope})
            pipe.zadd(keys.timers(shard), {codec.pack_timer(f"c{number}", 1, number): number})
            pipe.zadd(keys.calls(shard), {f"c{number}:1": number})
        pipe.execute()


if __name__ == "__main__":
    main()
