"""What is set aside after a fault comes back in order, or not at all, when its case is retried."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.events import CaseCancelled, CaseRetried, Distributed, Envelope, TriggerPosted
from engine.names import shard_of
from engine.replay import replay, stub_of
from engine.runner import Runner
from engine.setting_aside import RETRIED_AT_ONCE
from engine.spec.read import read_specification
from engine.step import STEPS
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import Store
from engine.store.redis_store import RedisStore
from engine.store.registry import StoredSpecification
from engine.submission import submission

TEXT = """
specification: letters
version: "1"
nets:
  main:
    variables: {said: {schema: {type: array}, default: [], output: true}}
    start: listen
    tasks:
      listen:
        kind: routing
        trigger: {name: word, kind: persistent}
        output: {said: {expr: "said + [output.trigger]"}}
        split: xor
        next: [{to: end, when: "'over' in said"}, {to: again}]
      again: {kind: routing, next: listen}
"""


class Nobody:
    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item)


class Bench:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.specification = read_specification(TEXT)
        registry = MemoryRegistry(lambda: 1)
        registry.put_specification(StoredSpecification("letters", "1", dict(self.specification.document), TEXT, "yaml"))
        self.runner = Runner(store, Definitions(registry), Nobody)
        self.store.submit([submission(self.specification, "c", {}, by="ann", correlation_id="", at=store.now())])
        self.drain()

    @property
    def shard(self) -> int:
        return shard_of("c", self.store.shards)

    def drain(self) -> None:
        while (drained := self.runner.drain(self.shard, "w")) is not None and drained.unfinished:
            continue

    def says(self, *words: str) -> None:
        self.store.append(self.shard, [Envelope("c", TriggerPosted("word", word, "ann")) for word in words])
        self.drain()

    def retry(self, *, drop: bool = False) -> None:
        self.store.append(self.shard, [Envelope("c", CaseRetried("ann", drop))])
        self.drain()

    @property
    def said(self) -> Any:
        case = self.store.case("c")
        assert case is not None
        return case.data["said"]

    @property
    def status(self) -> CaseStatus:
        case = self.store.case("c")
        assert case is not None
        return case.status


@pytest.fixture(params=["memory", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    ticks = iter(range(1_700_000_000_000, 1_800_000_000_000))
    if request.param == "redis":
        store: Store = RedisStore(request.getfixturevalue("redis_client"), 2)
    else:
        store = MemoryStore(2, lambda: next(ticks))
    bench = Bench(store)
    yield bench
    case = bench.store.case("c")
    assert case is not None
    assert replay(bench.specification, stub_of(case), bench.store.journal("c")).case == case


class Raising:
    """Steps of triggers raise while a word is a bug."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bugs = {"bug"}
        posted = STEPS[TriggerPosted]

        def step(draft: Any, event: Any) -> None:
            if event.data in self.bugs:
                raise ZeroDivisionError("a bug")
            posted(draft, event)

        monkeypatch.setitem(STEPS, TriggerPosted, step)


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Raising:
    return Raising(monkeypatch)


def test_what_raised_and_what_came_after_it_is_taken_in_order_when_the_bug_is_gone(
    bench: Bench, raising: Raising
) -> None:
    bench.says("a", "bug", "b")
    bench.says("c")
    assert (bench.said, bench.status) == (["a"], CaseStatus.FAULTED)
    assert [letter.error for letter in bench.store.dead_letters(bench.shard)] == ["ZeroDivisionError: a bug"]
    assert len(bench.store.parked("c")) == 2
    raising.bugs.clear()
    bench.retry()
    assert (bench.said, bench.status) == (["a", "bug", "b", "c"], CaseStatus.RUNNING)
    assert bench.store.dead_letters(bench.shard) == [] and bench.store.parked("c") == []


def test_a_bug_that_is_still_there_sets_its_event_aside_again_and_loses_nothing(bench: Bench, raising: Raising) -> None:
    bench.says("bug", "b")
    bench.retry()
    assert (bench.said, bench.status) == ([], CaseStatus.FAULTED)
    raising.bugs.clear()
    bench.retry()
    assert bench.said == ["bug", "b"]


def test_an_event_that_is_dropped_is_left_out(bench: Bench, raising: Raising) -> None:
    bench.says("bug", "b")
    bench.retry(drop=True)
    assert (bench.said, bench.status) == (["b"], CaseStatus.RUNNING)
    assert bench.store.dead_letters(bench.shard) == []


def test_two_bugs_are_met_one_after_the_other(bench: Bench, raising: Raising) -> None:
    raising.bugs.add("bug2")
    bench.says("bug", "a", "bug2", "b")
    bench.retry(drop=True)
    assert (bench.said, bench.status) == (["a"], CaseStatus.FAULTED)
    bench.retry(drop=True)
    assert (bench.said, bench.status) == (["a", "b"], CaseStatus.RUNNING)


def test_more_than_one_commit_may_take_follows_in_order_before_anything_newer(bench: Bench, raising: Raising) -> None:
    words = [f"w{n}" for n in range(3 * RETRIED_AT_ONCE)]
    bench.says("bug", *words)
    raising.bugs.clear()
    wish = Envelope("c", CaseRetried("ann"))
    bench.store.append(bench.shard, [wish, Envelope("c", TriggerPosted("word", "new", "ann"))])
    bench.drain()
    assert bench.said == ["bug", *words, "new"]
    assert bench.status is CaseStatus.RUNNING


def test_a_retry_in_the_batch_that_faults_comes_after_it(bench: Bench, raising: Raising) -> None:
    wish = Envelope("c", CaseRetried("ann", drop=True))
    bench.store.append(bench.shard, [Envelope("c", TriggerPosted("word", "bug", "ann")), wish])
    bench.drain()
    assert bench.status is CaseStatus.RUNNING and bench.store.dead_letters(bench.shard) == []


def test_a_case_that_is_not_faulted_ignores_a_retry(bench: Bench) -> None:
    bench.retry()
    assert bench.status is CaseStatus.RUNNING
    assert bench.store.journal("c")[-1].notes[0].what == "ignored"


def test_cancelling_a_faulted_case_leaves_nothing_parked(bench: Bench, raising: Raising) -> None:
    bench.says("bug", "b", "c")
    bench.store.append(bench.shard, [Envelope("c", CaseCancelled("ann"))])
    bench.drain()
    assert bench.status is CaseStatus.CANCELLED and bench.store.parked("c") == []
