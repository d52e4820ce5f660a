"""The call room: calls are taken, made, reported; handed back at the end; none is made twice."""

import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.callbacks import Callbacks
from connectors.port import Answer, CallRequest, ConfigProblem, Done, Failed, Inbound, Later, Outcome
from connectors.registry import Registry
from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.events import CallAnswered, CallFailed, CaseSubmitted, Envelope
from engine.store import codec
from engine.store.memory import MemoryStore
from engine.store.memory_gates import MemoryGates
from engine.store.port import Commit, Submission
from engine.store.port import Outcome as Committed
from workers.chunks import Numbers
from workers.connect import CONFIRMED_FOR_S, LOSSES_FORGIVEN, CallRoom

CASE = "case-1"


class Gate:
    """A connector whose calls wait until the test lets them go."""

    name = "gate"

    def __init__(self) -> None:
        self.open = Event()
        self.begun: list[str] = []

    def call(self, request: CallRequest) -> Outcome:
        self.begun.append(request.item_id)
        self.open.wait(10)
        return Done({"attempt": request.attempt})

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return []

    def close(self) -> None:
        """Nothing is held."""


class Odd(Gate):
    """A connector that gives what no case can hold."""

    name = "odd"

    def call(self, request: CallRequest) -> Outcome:
        return Done(float("nan"))


class Refusing(Gate):
    """A connector that always fails."""

    name = "refusing"

    def call(self, request: CallRequest) -> Outcome:
        return Failed("timeout", "too slow", retryable=True)


class Asking(Gate):
    """A connector whose outcome comes by callback."""

    name = "asking"

    def call(self, request: CallRequest) -> Answer:  # type: ignore[override]
        assert request.callback is not None
        return Later(request.callback, 60.0)

    def receive(self, request: CallRequest, inbound: Inbound) -> Outcome:
        return Done(inbound.body.decode())


class Bench:
    def __init__(self, threads: int = 2) -> None:
        self.now = 1_700_000_000_000
        self.store = MemoryStore(1, lambda: self.now)
        self.gate = Gate()
        self.drained: list[int] = []
        registry = Registry([self.gate, Odd(), Refusing(), Asking()], callbacks=Callbacks((b"k" * 32,)))
        self.gates = MemoryGates(self.store.now)
        self.room = CallRoom(self.store, registry, "w1", threads, self.drained.append, self.gates)

    def place(self, *calls: Call) -> None:
        stub = Case(CASE, "s", "1", "main", CaseStatus.SUBMITTED)
        self.store.submit([Submission(stub, Envelope(CASE, CaseSubmitted({}, "test")))])
        after = Case(CASE, "s", "1", "main", CaseStatus.RUNNING, revision=1, counter=99)
        lease = self.store.acquire(0, "drainer")
        assert lease is not None
        [waiting] = self.store.read(0, 10).events
        self.store.commit([Commit(stub, after, codec.pack_case(after), placed=list(calls), handled=[waiting.id])])
        assert self.store.release(lease)

    def place_another(self, call: Call) -> None:
        case = self.store.case(CASE)
        assert case is not None
        after = replace(case, revision=case.revision + 1)
        assert self.store.commit([Commit(case, after, codec.pack_case(after), placed=[call])]) == [Committed.DONE]

    def outcomes(self) -> list[Any]:
        return [waiting.envelope.event for waiting in self.store.read(0, 100).events]


def a_call(number: int, connector: str = "gate") -> Call:
    return Call(f"{CASE}:{number}", "task", connector, {}, {}, 5.0, 1, 1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    running = Bench()
    yield running
    running.gate.open.set()
    running.room.close()


def eventually(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_an_outcome_is_reported_and_its_shard_drained(bench: Bench) -> None:
    bench.place(a_call(1))
    bench.gate.open.set()
    assert bench.room.take(0) is False
    eventually(lambda: bench.drained == [0])
    assert bench.outcomes() == [CallAnswered(f"{CASE}:1", 1, {"attempt": 1})]


def test_no_more_calls_are_taken_than_there_are_threads_and_the_rest_follows(bench: Bench) -> None:
    bench.place(*(a_call(number) for number in range(1, 6)))
    assert bench.room.take(0) is True
    eventually(lambda: len(bench.gate.begun) == 2)
    assert len(bench.store.take_calls(0, "w2", 100)) == 3
    bench.gate.open.set()
    eventually(lambda: len(bench.outcomes()) == 2)


def test_calls_left_for_lack_of_room_are_taken_when_there_is_room(bench: Bench) -> None:
    bench.place(*(a_call(number) for number in range(1, 8)))
    bench.room.take(0)
    bench.gate.open.set()
    eventually(lambda: len(bench.outcomes()) == 7)
    assert sorted(bench.gate.begun) == [f"{CASE}:{number}" for number in range(1, 8)]


def test_what_a_case_cannot_hold_is_a_failure(bench: Bench) -> None:
    bench.place(a_call(1, "odd"))
    bench.room.take(0)
    eventually(lambda: len(bench.outcomes()) == 1)
    [failed] = bench.outcomes()
    assert isinstance(failed, CallFailed)
    assert failed.kind == "bad_response"


def test_a_failure_says_its_kind_and_attempt(bench: Bench) -> None:
    bench.place(a_call(1, "refusing"))
    bench.room.take(0)
    eventually(lambda: bench.outcomes() == [CallFailed(f"{CASE}:1", 1, "timeout", "too slow", True)])


def test_a_call_that_kills_its_workers_comes_to_an_end(bench: Bench) -> None:
    bench.place(a_call(1))
    for _ in range(1 + LOSSES_FORGIVEN):
        assert bench.store.take_calls(0, "dead", 1)
        bench.now += 60_000
    bench.room.take(0)
    eventually(lambda: len(bench.outcomes()) == 1)
    [failed] = bench.outcomes()
    assert isinstance(failed, CallFailed)
    assert (failed.kind, failed.retryable) == ("lost", False)
    assert bench.gate.begun == []


def test_closing_hands_back_what_has_not_begun_and_reports_what_has() -> None:
    bench = Bench(threads=1)
    bench.place(a_call(1), a_call(2))
    bench.room._average_s["gate"] = 0.0  # as if it had been quick, so that more than one is taken
    bench.room.take(0, [a_call(1), a_call(2)])
    eventually(lambda: len(bench.gate.begun) == 1)
    bench.gate.open.set()
    bench.room.close()
    made = {event.item for event in bench.outcomes()}
    left = {taken.call.item for taken in bench.store.take_calls(0, "w2", 10)}
    assert made | left == {f"{CASE}:1", f"{CASE}:2"}
    assert not made & left


def test_a_closed_room_takes_nothing(bench: Bench) -> None:
    bench.place(a_call(1))
    bench.room.close()
    assert bench.room.take(0) is True
    assert len(bench.store.take_calls(0, "w2", 10)) == 1


def test_a_thread_lives_on_when_it_cannot_ask_whether_a_call_is_to_be_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[str]:
        raise ValueError("a bug")

    bench.place(*(a_call(number) for number in range(1, 4)))
    alone = CallRoom(bench.store, Registry([bench.gate]), "w3", 1, bench.drained.append, bench.gates)
    alone._average_s["gate"] = 0.001
    alone.take(0)
    eventually(lambda: len(bench.gate.begun) == 1)
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "renew", broken)
        time.sleep(2 * CONFIRMED_FOR_S)
        bench.gate.open.set()
        eventually(lambda: len(bench.outcomes()) >= 1 and not alone._waiting)
    bench.place_another(a_call(9))
    alone.take(0, [a_call(9)])
    eventually(lambda: f"{CASE}:9" in bench.gate.begun)
    alone.close()


def a_chunk(*numbers: int, connector: str = "gate") -> Numbers:
    return Numbers(CASE, connector, numbers)


def test_a_chunk_is_called_and_over_when_its_last_outcome_is_reported(bench: Bench) -> None:
    bench.place(*(a_call(number) for number in range(2, 8)))
    over = Event()
    bench.room.take_chunk(0, a_chunk(*range(2, 8)), over.set)
    eventually(lambda: len(bench.gate.begun) == 2)
    assert not over.is_set()
    bench.gate.open.set()
    assert over.wait(5)
    assert sorted(bench.gate.begun) == [f"{CASE}:{number}" for number in range(2, 8)]
    assert len(bench.outcomes()) == 6


def test_a_chunk_of_which_others_have_everything_is_over_at_once(bench: Bench) -> None:
    bench.place(a_call(1), a_call(2))
    assert len(bench.store.take_calls(0, "w2", 2)) == 2
    over = Event()
    bench.room.take_chunk(0, a_chunk(1, 2, 3), over.set)
    assert over.is_set()
    assert bench.gate.begun == []


def test_a_call_that_is_dropped_while_it_waits_in_the_room_is_not_made(bench: Bench) -> None:
    bench.place(*(a_call(number) for number in range(1, 5)))
    ahead = CallRoom(bench.store, Registry([bench.gate]), "w3", 1, bench.drained.append, bench.gates)
    over = Event()
    # What takes a millisecond is taken ahead of the threads.
    ahead._average_s["gate"] = 0.001
    ahead.take_chunk(0, a_chunk(1, 2, 3, 4), over.set)
    eventually(lambda: bench.gate.begun == [f"{CASE}:1"])
    case = bench.store.case(CASE)
    assert case is not None
    after = replace(case, revision=case.revision + 1)
    dropped = [f"{CASE}:{number}" for number in (2, 3, 4)]
    assert bench.store.commit([Commit(case, after, codec.pack_case(after), dropped=dropped)]) == [Committed.DONE]
    time.sleep(2 * CONFIRMED_FOR_S)
    bench.gate.open.set()
    assert over.wait(5)
    ahead.close()
    assert bench.gate.begun == [f"{CASE}:1"]


def awaited(bench: Bench, item: str) -> bool:
    found = bench.store.call_of(item)
    return found is not None and found.awaited


def test_a_call_whose_outcome_comes_later_leaves_the_room_without_one(bench: Bench) -> None:
    bench.place(a_call(1, "asking"))
    bench.room.take(0)
    eventually(lambda: awaited(bench, f"{CASE}:1"))
    assert bench.outcomes() == [] and bench.drained == []


def test_calls_that_wait_for_callbacks_take_no_threads(bench: Bench) -> None:
    items = [f"{CASE}:{number}" for number in range(1, 8)]
    bench.place(*(a_call(number, "asking") for number in range(1, 8)))
    bench.room.take(0)
    eventually(lambda: all(awaited(bench, item) for item in items))


def test_what_answers_and_what_answers_later_is_told_apart_in_one_round(bench: Bench) -> None:
    bench.place(a_call(1, "asking"), a_call(2, "odd"), a_call(3, "asking"))
    bench.room.take(0)
    eventually(lambda: len(bench.outcomes()) == 1 and awaited(bench, f"{CASE}:1") and awaited(bench, f"{CASE}:3"))
