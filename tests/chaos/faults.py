"""The faults. Each is a function that hurts a site, waits for what is to be seen meanwhile, and puts it right again.

When it returns the fault is over. Pauses are those of the faults themselves: how long something is away.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from engine.store import keys
from tests.chaos.failpoints import Failpoint, How, When
from tests.chaos.redis_process import RedisProcess
from tests.chaos.site import DESK, Site

AWAY_S = float(os.environ.get("CASEWRIGHT_CHAOS_AWAY_S", "5"))
"""How long the broker is away (a minute in the figures of `docs/guarantees.md`)."""

CLOCK_WRONG_S = 3.0
"""How long it is until it is looked whether everything goes on. The clock stays as it is."""

UNSYNCED_S = 1.0
"""What `appendfsync everysec` may leave in the memory of the machine."""

HALTED_S = 7.0
"""Longer than the time-out of a command and than a lease."""

Fault = Callable[[Site], float | None]
"""Gives the moment (monotonic seconds) of a crash that may lose what was kept just before it, else None."""


# -- processes ---------------------------------------------------------------------------------------------------------


def worker_killed(site: Site) -> None:
    """One worker of two is lost, and started again at once."""
    site.restart("worker-1")


def all_workers_killed(site: Site) -> None:
    """Every worker is lost at the same moment."""
    site.restart(*site.worker_names)


def beat_killed(site: Site) -> None:
    """Beat is lost, and missing for a while."""
    site.kill("beat-1")
    time.sleep(1.5)
    site.start("beat-1")


def api_killed(site: Site) -> None:
    """The API is lost with all requests it had."""
    site.restart("api")


def all_killed(site: Site) -> None:
    """All processes but Redis are lost at the same moment."""
    site.restart(*site.worker_names, *site.beat_names, "api")


def two_beats(site: Site) -> None:
    """A second beat runs for a while beside the first."""
    site.start("beat-2")
    schedule = site.directory / "beat-schedule-2"
    site.wait_until(lambda: bool(list(site.directory.glob(f"{schedule.name}*"))), "the second beat")
    time.sleep(3)
    site.kill("beat-2")


def worker_halted(site: Site) -> None:
    """A worker that has read and stepped events is halted before its commit; it goes on when another has its lease."""
    site.kill("worker-1")
    fences = _fenced(site)
    halting = Failpoint("store.commit", When.BEFORE, 1, How.HALT)
    site.start("worker-1", "tests.chaos.failing_worker", halting.environment(site.new_file("failed")))
    pid = str(site.pid("worker-1")).encode()
    site.wait_until(lambda: site.is_halted("worker-1"), "the halt of a worker")
    with site.state.client() as redis:
        held = [shard for shard in range(site.settings.shards) if pid in _owner(redis.hget(keys.lease(shard), "owner"))]
        assert held, "the halted worker holds no lease"
        site.wait_until(
            lambda: any(pid not in _owner(redis.hget(keys.lease(shard), "owner")) for shard in held), "another drainer"
        )
    site.go_on("worker-1")
    site.wait_until(lambda: _fenced(site) > fences, "the late commit to be refused")
    site.restart("worker-1")


# -- Redis -------------------------------------------------------------------------------------------------------------


def redis_stopped(site: Site) -> None:
    """The state's Redis is stopped as by an operator, and started again."""
    site.state.stop()
    site.state.start()


def redis_killed(site: Site) -> None:
    """The state's Redis is killed, and started again."""
    site.state.kill()
    site.state.start()


def power_lost(site: Site) -> float:
    """The machine of the state's Redis loses power: what it wrote within the last second is gone.

    The page cache of a process that is killed survives it, so the file is cut to the length it had a second before.
    With `everysec` Redis asks the disk once a second, so no more than this is at stake while the disk keeps up.
    """
    with _lengths_of(site.state) as lengths:
        time.sleep(UNSYNCED_S + 0.5)
    site.state.kill()
    at = time.monotonic()
    length = max((size for moment, size in lengths if moment <= at - UNSYNCED_S), default=0)
    os.truncate(site.state.append_only_file, length)
    site.state.start()
    return at


def redis_halted(site: Site) -> None:
    """Redis does nothing for longer than a command may take and a lease holds."""
    site.state.halt()
    time.sleep(HALTED_S)
    site.state.go_on()


def failed_over(site: Site) -> float:
    """The state's Redis is lost with its machine, and its replica, which lags behind, takes its place."""
    return site.fail_over()


# -- the broker --------------------------------------------------------------------------------------------------------


def broker_emptied(site: Site) -> None:
    """The broker forgets everything, several times."""
    with site.broker.client() as redis:
        for _ in range(5):
            redis.flushdb()
            time.sleep(0.2)


def broker_away(site: Site) -> None:
    """The broker is away for a while."""
    site.broker.stop()
    time.sleep(AWAY_S)
    site.broker.start()


def clock_forward(site: Site) -> None:
    """The clock of Redis, by which everything goes, is put on by an hour: leases and deadlines are over at once."""
    site.clock.move(3600)
    time.sleep(CLOCK_WRONG_S)


def clock_back(site: Site) -> None:
    """It is put back by an hour, and put right again once a case that began meanwhile has ended.

    Leases and bells seem to hold for an hour more. What was to be at a moment waits for it until then.
    """
    site.clock.move(-3600)
    client = site.client(DESK)
    began = client.start_case("sequence", {"key": "by the wrong clock"})["case_id"]
    site.wait_until(lambda: client.case(began)["status"] == "completed", "the end of a case by the wrong clock")
    site.clock.move(0)


# -- the network -------------------------------------------------------------------------------------------------------


def redis_slow(site: Site) -> None:
    """Every answer of Redis takes 400 ms."""
    site.proxy.delay(0.2)
    time.sleep(4)
    site.proxy.mend()


def redis_slower_than_a_lease(site: Site) -> None:
    """A drain takes longer than its lease: every answer of Redis takes 2.4 s, for half a minute."""
    site.proxy.delay(1.2)
    time.sleep(30)
    site.proxy.mend()


def connections_cut(site: Site) -> None:
    """Every connection to Redis is reset, again and again; then none is possible for a second."""
    for _ in range(15):
        site.proxy.cut()
        time.sleep(0.2)
    site.proxy.refuse()
    site.proxy.cut()
    time.sleep(1)
    site.proxy.mend()


def replies_lost(site: Site) -> None:
    """Half-open: Redis hears and does everything, and nobody hears its answers."""
    site.proxy.swallow(replies=True)
    time.sleep(HALTED_S)
    site.proxy.mend()


def deaf(site: Site) -> None:
    """Half-open: connections stay open and nothing passes."""
    site.proxy.swallow(requests=True, replies=True)
    time.sleep(HALTED_S)
    site.proxy.mend()


# -- space -------------------------------------------------------------------------------------------------------------


def disk_full(site: Site) -> None:
    """The append-only file cannot grow for a while."""
    site.state.limit_files(site.state.append_only_file.stat().st_size + 20_000)
    time.sleep(5)
    site.state.limit_files(None)


def memory_full(site: Site) -> None:
    """Redis may use no more memory than it does."""
    with site.state.client() as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", 1)
        time.sleep(5)
        redis.config_set("maxmemory", 0)


# -- what is seen meanwhile --------------------------------------------------------------------------------------------


def _owner(found: bytes | None) -> bytes:
    return found or b""


def _fenced(site: Site) -> int:
    return site.log().count("was lost: another drainer goes on")


@contextmanager
def _lengths_of(redis: RedisProcess) -> Iterator[list[tuple[float, int]]]:
    """The lengths of the append-only file, each with its moment, while the block runs and up to its end."""
    lengths: list[tuple[float, int]] = []
    over = Event()

    def measure() -> None:
        while not over.wait(0.01):
            lengths.append((time.monotonic(), redis.append_only_file.stat().st_size))

    thread = Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield lengths
    finally:
        over.set()
        thread.join()
