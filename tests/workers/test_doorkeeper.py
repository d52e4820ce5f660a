"""The doorkeeper: calls pass the limits of their connectors and the breakers of their hosts, and none is lost there."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock, Semaphore
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.limits import BreakerSettings, Rate, Terms
from connectors.port import CallRequest, ConfigProblem, Done, Failed, Outcome
from connectors.registry import Registry
from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.events import CallAnswered, CallFailed, CaseSubmitted, Envelope
from engine.store import codec
from engine.store.gates import QUEUED_MS, Admitted, Asked, Gate
from engine.store.memory import MemoryStore
from engine.store.memory_gates import MemoryGates
from engine.store.port import Commit, Submission
from engine.store.port import Outcome as Committed
from workers.chunks import Numbers
from workers.connect import CallRoom

CASE = "case-1"


class Service:
    """A connector whose calls end when the test lets them, and that counts how many are under way."""

    def __init__(self, name: str, host: str | None = None) -> None:
        self.name = name
        self.host = host
        self.well = True
        self.made: list[str] = []
        self.under_way = self.most_under_way = 0
        self._lock = Lock()
        self._ends = Semaphore(0)

    def call(self, request: CallRequest) -> Outcome:
        with self._lock:
            self.made.append(request.item_id)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        self._ends.acquire(timeout=10)
        with self._lock:
            self.under_way -= 1
        return Done({}) if self.well else Failed("http_503", "busy", retryable=True)

    def let_end(self, calls: int = 1000) -> None:
        self._ends.release(calls)

    def target(self, config: Mapping[str, Any]) -> str | None:
        return self.host

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return []

    def close(self) -> None:
        self.let_end()


class CountingGates(MemoryGates):
    """Gates that count how often they are asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    def ask(self, gate: Gate, wanted: Asked, owner: str) -> Admitted:
        self.asked.append(gate.name)
        return super().ask(gate, wanted, owner)


class Bench:
    """One room with its services; `limited` and `host` are the interesting ones."""

    def __init__(self, terms: Mapping[str, Terms], rooms: int = 1, threads: int = 4) -> None:
        self.now = 1_700_000_000_000
        self.store = MemoryStore(1, lambda: self.now)
        self.gates = CountingGates(self.store.now)
        self.services = {
            name: Service(name, host) for name, host in (("limited", None), ("free", None), ("host", "stock:80"))
        }
        self.registry = Registry(self.services.values(), terms=terms)
        self.rooms = [
            CallRoom(self.store, self.registry, f"w{n}", threads, lambda shard: None, self.gates) for n in range(rooms)
        ]

    def place(self, calls: Sequence[Call]) -> None:
        stub = Case(CASE, "s", "1", "main", CaseStatus.SUBMITTED)
        self.store.submit([Submission(stub, Envelope(CASE, CaseSubmitted({}, "test")))])
        after = replace(stub, status=CaseStatus.RUNNING, revision=1, counter=99)
        [waiting] = self.store.read(0, 10).events
        self.store.commit([Commit(stub, after, codec.pack_case(after), placed=list(calls), handled=[waiting.id])])

    def run(self, calls: Sequence[Call]) -> None:
        self.place(calls)
        for room in self.rooms:
            room.take(0)

    def drop(self, items: Sequence[str]) -> None:
        case = self.store.case(CASE)
        assert case is not None
        after = replace(case, revision=case.revision + 1)
        [done] = self.store.commit([Commit(case, after, codec.pack_case(after), dropped=list(items))])
        assert done is Committed.DONE

    def outcomes(self) -> list[Any]:
        return [waiting.envelope.event for waiting in self.store.read(0, 1000).events]

    def waiting(self, gate: str) -> int:
        return self.gates.load([gate])[0].waiting

    def close(self) -> None:
        for service in self.services.values():
            service.let_end()
        for room in self.rooms:
            room.close()


@pytest.fixture
def bench_of() -> Iterator[Callable[..., Bench]]:
    opened: list[Bench] = []

    def build(terms: Mapping[str, Terms], **sizes: int) -> Bench:
        opened.append(Bench(terms, **sizes))
        return opened[-1]

    yield build
    for bench in opened:
        bench.close()


def calls_to(connector: str, *numbers: int, attempts: int = 1) -> list[Call]:
    return [Call(f"{CASE}:{number}", "task", connector, {}, {}, 5.0, attempts, 1) for number in numbers]


def eventually(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not fact():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


def test_no_more_calls_are_under_way_than_allowed_and_all_are_made(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=2)}, rooms=2)
    limited = bench.services["limited"]
    bench.run(calls_to("limited", *range(1, 41)))
    eventually(lambda: limited.under_way == 2 and bench.waiting("limited") == 38)
    limited.let_end()
    eventually(lambda: len(bench.outcomes()) == 40)
    assert limited.most_under_way == 2
    assert sorted(limited.made) == sorted(f"{CASE}:{number}" for number in range(1, 41))
    eventually(lambda: bench.gates.load(["limited"]) == [(0, 0)])


def test_calls_of_others_go_on_beside_those_that_wait(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)})
    bench.services["free"].let_end()
    bench.run([*calls_to("limited", *range(1, 21)), *calls_to("free", *range(21, 41))])
    eventually(lambda: len(bench.services["free"].made) == 20)
    assert len(bench.services["limited"].made) == 1


def test_a_rate_is_kept(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(rate=Rate(1.0, 3))})
    limited = bench.services["limited"]
    limited.let_end()
    bench.run(calls_to("limited", *range(1, 8)))
    eventually(lambda: len(limited.made) == 3 and bench.waiting("limited") == 4)
    bench.now += 1_000
    bench.rooms[0].let_in("limited")
    eventually(lambda: len(limited.made) == 4)
    bench.now += 60_000
    bench.rooms[0].let_in("limited")
    eventually(lambda: len(limited.made) == 7)


def test_a_call_that_was_cancelled_while_it_waited_takes_nobodys_place(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)})
    limited = bench.services["limited"]
    bench.run(calls_to("limited", *range(1, 5)))
    eventually(lambda: bench.waiting("limited") == 3)
    bench.drop([f"{CASE}:2", f"{CASE}:3"])
    limited.let_end()
    eventually(lambda: limited.made == [f"{CASE}:1", f"{CASE}:4"])


def test_the_attempt_of_a_call_that_waited_is_its_first(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)})
    bench.run(calls_to("limited", 1, 2))
    eventually(lambda: bench.waiting("limited") == 1)
    bench.services["limited"].let_end()
    eventually(lambda: [event.attempt for event in bench.outcomes()] == [1, 1])


def test_a_queue_that_was_lost_costs_time_and_no_call(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)})
    limited = bench.services["limited"]
    bench.run(calls_to("limited", 1, 2))
    eventually(lambda: bench.waiting("limited") == 1)
    lost = Gate("limited")
    [item] = bench.gates.ask(lost, Asked(room=1), "somebody who dies now").items
    assert item == f"{CASE}:2"
    limited.let_end()
    eventually(lambda: len(bench.outcomes()) == 1)
    bench.now += QUEUED_MS
    bench.rooms[0].take(0)
    eventually(lambda: limited.made == [f"{CASE}:1", f"{CASE}:2"])


def test_a_chunk_is_over_though_its_calls_still_wait_at_a_gate(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)})
    bench.place(calls_to("limited", *range(1, 6)))
    over: list[bool] = []
    bench.rooms[0].take_chunk(0, Numbers(CASE, "limited", (1, 2, 3, 4, 5)), lambda: over.append(True))
    eventually(lambda: bench.waiting("limited") == 4)
    bench.services["limited"].let_end()
    eventually(lambda: over == [True] and len(bench.outcomes()) == 5)


def test_a_limit_that_is_taken_away_lets_everybody_in(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=1)}, threads=8)
    limited = bench.services["limited"]
    bench.run(calls_to("limited", *range(1, 7)))
    eventually(lambda: bench.waiting("limited") == 5)
    bench.registry.replace(bench.services.values(), {})
    bench.rooms[0].let_in("limited")
    eventually(lambda: limited.under_way == 6)


BREAKER = Terms(breaker=BreakerSettings(calls=4, open_s=5, probes=2, patience_s=60))


def in_trouble(bench: Bench) -> None:
    """Four calls fail, and four more wait."""
    service = bench.services["host"]
    service.well = False
    bench.run(calls_to("host", *range(1, 5)))
    service.let_end(4)
    eventually(lambda: bench.gates.troubled() == ["stock:80"])


def test_a_host_in_trouble_is_left_alone_then_tried_and_then_called_as_before(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"host": BREAKER}, rooms=2)
    service = bench.services["host"]
    in_trouble(bench)
    more = calls_to("host", *range(5, 21))
    case = bench.store.case(CASE)
    assert case is not None
    after = replace(case, revision=case.revision + 1)
    assert bench.store.commit([Commit(case, after, codec.pack_case(after), placed=more)]) == [Committed.DONE]
    for room in bench.rooms:
        eventually(lambda room=room: room.take(0) is False)  # type: ignore[misc]
    eventually(lambda: bench.waiting("stock:80") == 16)
    assert len(service.made) == 4
    service.well = True
    bench.now += 7_000
    bench.rooms[0].let_in("stock:80")
    eventually(lambda: len(service.made) == 5)
    bench.rooms[1].let_in("stock:80")
    service.let_end(1)
    eventually(lambda: len(service.made) == 6)
    service.let_end()
    eventually(lambda: len(service.made) == 20)
    assert bench.gates.troubled() == []


def test_a_probe_that_fails_leaves_the_others_waiting(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"host": BREAKER})
    service = bench.services["host"]
    in_trouble(bench)
    service.let_end()
    eventually(lambda: len(bench.outcomes()) == 4)
    bench.drop([])
    place_more(bench, calls_to("host", 5, 6, 7))
    eventually(lambda: bench.waiting("stock:80") == 3)
    bench.now += 7_000
    bench.rooms[0].let_in("stock:80")
    eventually(lambda: len(service.made) == 5 and bench.waiting("stock:80") == 2)
    eventually(lambda: bench.gates.breakers()[0].until > bench.now)
    bench.rooms[0].let_in("stock:80")
    assert len(service.made) == 5


def place_more(bench: Bench, calls: Sequence[Call]) -> None:
    case = bench.store.case(CASE)
    assert case is not None
    after = replace(case, revision=case.revision + 1)
    assert bench.store.commit([Commit(case, after, codec.pack_case(after), placed=list(calls))]) == [Committed.DONE]
    bench.rooms[0].take(0)


def test_who_waited_too_long_for_a_host_fails_with_its_last_cause(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"host": BREAKER})
    in_trouble(bench)
    eventually(lambda: len(bench.outcomes()) == 4)
    place_more(bench, calls_to("host", 5))
    eventually(lambda: bench.waiting("stock:80") == 1)
    bench.now += 61_000
    bench.rooms[0].let_in("stock:80")
    eventually(lambda: len(bench.outcomes()) == 5)
    failed = bench.outcomes()[-1]
    assert isinstance(failed, CallFailed)
    assert (failed.item, failed.kind, failed.attempt) == (f"{CASE}:5", "circuit_open", 1)
    assert failed.message.startswith("stock:80 was left alone since 2023-11-14T22:13:20+00:00")
    assert failed.message.endswith("the last cause: http_503: busy")
    assert len(bench.services["host"].made) == 4


def test_a_breaker_that_is_off_never_opens(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"host": Terms(breaker=None)})
    service = bench.services["host"]
    service.well = False
    service.let_end()
    bench.run(calls_to("host", *range(1, 41)))
    eventually(lambda: len(bench.outcomes()) == 40)
    assert bench.gates.troubled() == []


def test_without_limits_and_without_trouble_no_gate_is_asked(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({})
    for service in bench.services.values():
        service.let_end()
    bench.run([*calls_to("free", *range(1, 21)), *calls_to("host", *range(21, 41))])
    eventually(lambda: len(bench.outcomes()) == 40)
    assert all(isinstance(event, CallAnswered) for event in bench.outcomes())
    assert bench.gates.asked == []


def test_places_are_free_when_a_room_is_closed(bench_of: Callable[..., Bench]) -> None:
    bench = bench_of({"limited": Terms(concurrency=2)})
    bench.run(calls_to("limited", *range(1, 5)))
    eventually(lambda: bench.services["limited"].under_way == 2)
    bench.services["limited"].let_end()
    bench.rooms[0].close()
    assert bench.gates.load(["limited"])[0].under_way == 0
