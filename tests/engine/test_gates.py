"""What gates mean: one suite, run in memory, on fakeredis and on a real Redis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest

from engine.store import keys
from engine.store.gates import (
    PLACE_MS,
    Admitted,
    Asked,
    BreakerRule,
    BreakerState,
    Counted,
    Gate,
    Gates,
    Load,
)
from engine.store.memory_gates import MemoryGates
from engine.store.redis_gates import RedisGates

TWO = Gate("stock", concurrency=2)
HOST = Gate("stock.example:443", host=True, patience_ms=60_000)
RULE = BreakerRule(calls=4, failures=0.5, open_ms=1_000, most_open_ms=3_000, probes=2)


@dataclass
class Bench:
    """Gates, and how their time is made to pass."""

    gates: Gates
    later: Callable[[int], None]

    def ask(self, gate: Gate, *, owner: str = "w1", **wanted: Any) -> Admitted:
        return self.gates.ask(gate, Asked(**wanted), owner)

    def record(self, *ended: tuple[int, int], passed: int = 0, failed: int = 0, cause: str = "") -> BreakerState:
        counted = Counted(dict(enumerate(ended)), passed, failed, cause, "stock")
        return self.gates.record(HOST.name, RULE, counted, 1.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000.0

    def __call__(self) -> float:
        return self.now

    def later(self, ms: int) -> None:
        self.now += ms


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        clock = Clock()
        yield Bench(MemoryGates(clock), clock.later)
        return
    client: Any = (
        fakeredis.FakeRedis(version=(7,)) if request.param == "fakeredis" else request.getfixturevalue("redis_client")
    )

    def later(ms: int) -> None:
        # The clock of a Redis cannot be moved from here: what stands there moves instead.
        for name in (TWO.name, HOST.name, "slow"):
            for zset in (keys.load(name), keys.queue(name)):
                for member, score in client.zrange(zset, 0, -1, withscores=True):
                    client.zadd(zset, {member: score - ms})
            if (due := client.get(keys.rate(name))) is not None:
                client.set(keys.rate(name), float(due) - ms)
            client.delete(keys.watch(name))
            breaker = keys.breaker(name)
            if (until := client.hget(breaker, "until")) is not None:
                client.hset(
                    breaker, mapping={"until": int(until) - ms, "since": int(client.hget(breaker, "since")) - ms}
                )

    yield Bench(RedisGates(client), later)


def test_a_gate_lets_in_as_many_as_it_has_places(bench: Bench) -> None:
    assert bench.ask(TWO, fresh=["a", "b", "c"]).fresh == 2
    assert bench.ask(TWO, fresh=["c"]).fresh == 0
    assert bench.gates.load([TWO.name, "other"]) == [Load(2, 0), Load(0, 0)]


def test_who_waits_passes_in_order_when_a_place_is_free_and_nobody_overtakes(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    assert bench.ask(TWO, queued=["c", "d", "e"], room=9) == Admitted(waiting=3)
    assert bench.gates.queues() == [TWO.name]
    assert bench.ask(TWO, leaving=["a"], room=9, fresh=["f"]) == Admitted(items=("c",), waiting=2)
    assert bench.ask(TWO, leaving=["b", "c"], room=9) == Admitted(items=("d", "e"))
    assert bench.gates.queues() == []


def test_who_frees_places_takes_only_what_he_has_room_for(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    bench.ask(TWO, queued=["c", "d"])
    assert bench.ask(TWO, leaving=["a", "b"], room=1) == Admitted(items=("c",), waiting=1)
    assert bench.ask(TWO, room=1, owner="w2") == Admitted(items=("d",))


def test_a_place_freed_just_before_somebody_waits_is_his_at_once(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    bench.ask(TWO, leaving=["a"])
    assert bench.ask(TWO, queued=["c"], room=1) == Admitted(items=("c",))


def test_who_comes_again_keeps_his_place_in_the_queue(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    bench.ask(TWO, queued=["c"])
    bench.ask(TWO, queued=["d", "c"])
    assert bench.ask(TWO, leaving=["a"], room=9).items == ("c",)


def test_a_place_that_nobody_renews_is_free_again(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    bench.later(PLACE_MS - 1_000)
    bench.gates.renew(TWO, ["a", "never-let-in"])
    bench.later(2_000)
    assert bench.gates.load([TWO.name]) == [Load(1, 0)]
    assert bench.ask(TWO, fresh=["c", "d"]).fresh == 1


def test_a_rate_lets_a_burst_pass_and_then_one_at_a_time(bench: Bench) -> None:
    slow = Gate("slow", interval_ms=60_000, burst=3)
    assert bench.ask(slow, fresh=["a", "b", "c", "d"]).fresh == 3
    held = bench.ask(slow, queued=["d", "e"], room=9)
    assert (held.items, held.waiting) == ((), 2)
    assert held.again_ms is not None and 59_000 < held.again_ms <= 60_000
    bench.later(60_000)
    assert bench.ask(slow, room=9).items == ("d",)
    bench.later(600_000)
    assert bench.ask(slow, room=9, fresh=["f", "g", "h"]) == Admitted(items=("e",), fresh=2)


def test_of_many_workers_one_looks_at_a_gate_again(bench: Bench) -> None:
    slow = Gate("slow", interval_ms=60_000)
    bench.ask(slow, fresh=["a"])
    assert bench.ask(slow, queued=["b"], room=9, owner="w1").again_ms is not None
    assert bench.ask(slow, queued=["c"], room=9, owner="w2").again_ms is None
    assert bench.ask(slow, room=9, owner="w1").again_ms is not None
    bench.later(120_000)
    assert bench.ask(slow, room=1, owner="w2").items == ("b",)


def test_a_gate_without_terms_lets_everybody_pass(bench: Bench) -> None:
    bench.ask(TWO, fresh=["a", "b"])
    bench.ask(TWO, queued=["c", "d"])
    assert bench.ask(Gate(TWO.name), room=9, fresh=["e"]) == Admitted(items=("c", "d"), fresh=1)


def test_a_breaker_opens_when_half_of_enough_calls_fail(bench: Bench) -> None:
    assert bench.record((1, 0), (1, 1), cause="timeout") is BreakerState.CLOSED
    assert bench.ask(HOST, fresh=["a", "b"]).fresh == 2
    assert bench.record((0, 1), cause="http_503: busy") is BreakerState.OPEN
    assert bench.gates.troubled() == [HOST.name]
    [breaker] = bench.gates.breakers()
    assert (breaker.host, breaker.state) == (HOST.name, BreakerState.OPEN)
    assert (breaker.cause, breaker.connector) == ("http_503: busy", "stock")
    assert 900 <= breaker.until - breaker.since <= 1_000


def test_a_few_failures_among_many_calls_open_nothing(bench: Bench) -> None:
    assert bench.record((50, 10), (50, 10)) is BreakerState.CLOSED
    assert bench.gates.troubled() == []


def test_failures_of_long_ago_do_not_count(bench: Bench) -> None:
    counted = Counted({11: (0, 10), 0: (0, 1)})
    assert bench.gates.record(HOST.name, RULE, counted, 1.0) is BreakerState.CLOSED


def test_nobody_passes_an_open_breaker_and_then_one_at_a_time_tries(bench: Bench) -> None:
    bench.record((0, 4))
    closed = bench.ask(HOST, fresh=["a"])
    assert closed.fresh == 0
    held = bench.ask(HOST, queued=["a", "b", "c"], room=9)
    assert (held.items, held.waiting) == ((), 3)
    assert held.again_ms is not None and held.again_ms <= 1_000
    bench.later(1_000)
    assert bench.ask(HOST, room=9) == Admitted(items=("a",), waiting=2)
    assert bench.ask(HOST, room=9, fresh=["d"]) == Admitted(waiting=2)
    assert bench.gates.breakers()[0].state is BreakerState.HALF_OPEN


def test_a_breaker_closes_after_probes_that_succeed(bench: Bench) -> None:
    bench.record((0, 4))
    bench.later(1_000)
    assert bench.record(passed=1) is BreakerState.HALF_OPEN
    assert bench.record(passed=1) is BreakerState.CLOSED
    assert bench.gates.troubled() == []
    assert bench.ask(HOST, fresh=["a", "b"]).fresh == 2


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_bound(bench: Bench) -> None:
    bench.record((0, 4))
    for longest in (2_000, 3_000, 3_000):
        bench.later(longest)
        assert bench.record(failed=1, cause="connection") is BreakerState.OPEN
        bench.ask(HOST, queued=["a"])
        again = bench.ask(HOST).again_ms
        assert again is not None and longest - 100 < again <= longest
    bench.later(3_000)
    assert bench.record(passed=1) is BreakerState.HALF_OPEN
    assert bench.gates.breakers()[0].cause == "connection"


def test_a_probe_that_never_came_back_gives_way_to_the_next(bench: Bench) -> None:
    bench.record((0, 4))
    bench.later(1_000)
    assert bench.ask(HOST, fresh=["a"]).fresh == 1
    assert bench.ask(HOST, fresh=["b"]).fresh == 0
    bench.later(PLACE_MS)
    assert bench.ask(HOST, fresh=["b"]).fresh == 1


def test_calls_that_began_before_it_opened_say_nothing(bench: Bench) -> None:
    bench.record((0, 4))
    assert bench.record((9, 0), (0, 9)) is BreakerState.OPEN
    bench.later(1_000)
    assert bench.record((9, 0)) is BreakerState.HALF_OPEN


def test_who_waited_too_long_at_a_host_is_given_up(bench: Bench) -> None:
    bench.record((0, 4))
    bench.ask(HOST, queued=["a", "b"])
    bench.later(50_000)
    bench.record(failed=1)
    bench.ask(HOST, queued=["c"])
    bench.later(10_000)
    assert bench.ask(HOST, room=1) == Admitted(overdue=("a",), waiting=2)
    assert bench.ask(HOST, room=9) == Admitted(items=("c",), overdue=("b",))
