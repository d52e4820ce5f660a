"""Local calls: quick ones that are made for the drain that placed them, while it waits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

import pytest

from connectors.port import CallRequest, ConfigProblem, Done, Failed, Outcome
from connectors.registry import Registry
from engine.case import Case, CaseStatus
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.errors import Unavailable
from engine.events import CaseSuspended, Distributed, Envelope
from engine.runner import Runner
from engine.spec.read import load_document
from engine.store.memory import MemoryStore
from engine.store.memory_gates import MemoryGates
from engine.store.port import Commit, Lease
from engine.store.port import Outcome as Committed
from engine.submission import submission
from workers.connect import CallRoom

TASKS = 5
NAMES = [f"T{number}" for number in range(1, TASKS + 1)]
DOCUMENT: dict[str, Any] = {
    "specification": "five",
    "version": "1",
    "nets": {
        "main": {
            "start": NAMES[0],
            "tasks": {
                name: {"kind": "automated", "connector": "quick", "next": following}
                for name, following in zip(NAMES, [*NAMES[1:], "end"], strict=True)
            },
        }
    },
}


class Documents:
    """One specification, deployed."""

    def document(self, identifier: str, version: str) -> Mapping[str, Any]:
        return DOCUMENT

    def latest_version(self, identifier: str) -> str:
        return "1"


class Nobody:
    def distribute(self, question: Distribute) -> Distributed:
        raise AssertionError(f"{question.task} is for people")


class Quick:
    """A connector that answers at once, until the test has it wait."""

    name = "quick"

    def __init__(self) -> None:
        self.goes_on = Event()
        self.goes_on.set()
        self.failing = False
        self.made: list[str] = []

    def call(self, request: CallRequest) -> Outcome:
        self.made.append(request.item_id)
        self.goes_on.wait(10)
        return Failed("timeout", "asked to fail", retryable=False) if self.failing else Done({})

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return []

    def close(self) -> None:
        """Nothing is held."""


class WatchedStore(MemoryStore):
    """What it is told besides commits; `before` and `after` a commit something else may happen, once."""

    def __init__(self) -> None:
        super().__init__(1, lambda: time.time_ns() // 1_000_000)
        self.taken = self.reported = 0
        self.before: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None

    def take_calls(self, *args: Any, **options: Any) -> Any:
        self.taken += 1
        return super().take_calls(*args, **options)

    def report(self, *args: Any, **options: Any) -> bool:
        self.reported += 1
        return super().report(*args, **options)

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Committed]:
        if lease is None or not any(commit.made for commit in commits):
            return super().commit(commits, lease)
        before, self.before = self.before, None
        if before is not None:
            before()
        outcomes = super().commit(commits, lease)
        after, self.after = self.after, None
        if after is not None:
            after()
        return outcomes


class Bench:
    def __init__(self) -> None:
        self.store = WatchedStore()
        self.connector = Quick()
        self.runner = Runner(self.store, Definitions(Documents()), Nobody)
        self.room = CallRoom(self.store, Registry([self.connector]), "w1", 2, self.drain, MemoryGates(self.store.now))
        self.specification = load_document(DOCUMENT)
        self.start("first")
        eventually(lambda: self.case("first").ended)
        self.store.taken = self.store.reported = 0
        self.connector.made.clear()

    def start(self, case_id: str) -> None:
        at = self.store.now()
        begun = submission(self.specification, case_id, {}, by="test", correlation_id="", at=at)
        self.store.submit([begun])
        self.drain(0)

    def drain(self, shard: int) -> None:
        drained = self.runner.drain(shard, "w1", self.room.local)
        if drained is not None and drained.calls:
            self.room.take(shard, drained.calls)

    def case(self, case_id: str) -> Case:
        case = self.store.case(case_id)
        assert case is not None
        return case


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # However busy the machine is, nothing here is slow unless the test says so.
    monkeypatch.setattr("workers.connect.QUICK_S", 5.0)
    monkeypatch.setattr("workers.local_calls.PATIENCE_S", 5.0)
    running = Bench()
    yield running
    running.connector.goes_on.set()
    running.room.close()


@pytest.fixture
def impatient(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.local_calls.PATIENCE_S", 0.02)


def eventually(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_quick_calls_never_leave_the_drain(bench: Bench) -> None:
    bench.start("c")
    assert bench.case("c").status is CaseStatus.COMPLETED
    assert bench.connector.made == [f"c:{number}" for number in range(1, TASKS + 1)]
    assert (bench.store.taken, bench.store.reported) == (0, 0)
    assert len(bench.store.journal("c")) == 1 + TASKS


def test_a_call_that_is_quick_no_more_holds_up_nobody_and_is_made_once(bench: Bench, impatient: None) -> None:
    bench.connector.goes_on.clear()
    bench.start("c")
    assert bench.case("c").status is CaseStatus.RUNNING
    assert bench.connector.made == ["c:1"]
    bench.connector.goes_on.set()
    eventually(lambda: bench.case("c").ended)
    assert bench.connector.made == [f"c:{number}" for number in range(1, TASKS + 1)]


def test_while_one_call_holds_up_the_thread_others_go_the_way_of_slow_ones(bench: Bench, impatient: None) -> None:
    bench.connector.goes_on.clear()
    bench.start("c")
    bench.start("d")
    assert bench.store.taken == 1
    bench.connector.goes_on.set()
    eventually(lambda: bench.case("c").ended and bench.case("d").ended)
    assert sorted(bench.connector.made) == sorted(f"{case}:{n}" for case in "cd" for n in range(1, TASKS + 1))


def test_a_failure_is_the_cases_as_any_other(bench: Bench) -> None:
    bench.connector.failing = True
    bench.start("c")
    case = bench.case("c")
    assert case.status is CaseStatus.FAILED
    assert case.failure is not None and case.failure.kind == "connector_failed"


def test_an_outcome_of_a_case_that_was_changed_meanwhile_is_reported(bench: Bench) -> None:
    def suspend() -> None:
        case = bench.case("c")
        progress = bench.runner.progress(case)
        progress.take(CaseSuspended("admin"), bench.store.now())
        assert MemoryStore.commit(bench.store, [progress.finished()]) == [Committed.DONE]

    bench.store.before = suspend
    bench.start("c")
    eventually(lambda: bench.store.reported == 1 and bool(bench.case("c").kept))
    assert bench.case("c").status is CaseStatus.SUSPENDED
    assert bench.connector.made == ["c:1"]


def test_an_outcome_whose_commit_came_through_unknown_is_not_applied_twice(bench: Bench) -> None:
    def away() -> None:
        raise Unavailable("the answer was lost", code="store_unavailable")

    bench.store.after = away
    with pytest.raises(Unavailable):
        bench.start("c")
    eventually(lambda: bench.store.reported == 1)
    bench.store.append(0, [Envelope("c", CaseSuspended("admin"))])
    bench.drain(0)
    outcomes = [entry.event for entry in bench.store.journal("c") if type(entry.event).__name__ == "CallAnswered"]
    assert len(outcomes) == 1


def test_who_drains_after_a_death_makes_no_calls_meanwhile(bench: Bench) -> None:
    at = bench.store.now()
    bench.store.submit([submission(bench.specification, "c", {}, by="test", correlation_id="", at=at)])
    assert bench.store.acquire(0, "dead") is not None
    bench.store._shards[0].expires = at - 1  # nobody can wait five seconds for a lease to end
    bench.drain(0)
    assert bench.store.taken == 1
    eventually(lambda: bench.case("c").ended)
