"""Drains: dead letters, strikes, requests that were faster, bounds."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.case import Case, CaseStatus
from engine.definitions import Definitions
from engine.drain import STRIKES
from engine.effects import Distribute
from engine.errors import Conflict, Forbidden, InvalidInput, Unavailable
from engine.events import (
    CaseCancelled,
    CaseFaulted,
    Distributed,
    Envelope,
    ItemCompleted,
    ItemMoved,
    TriggerPosted,
)
from engine.items.work_item import ItemState
from engine.replay import replay, stub_of
from engine.runner import Runner
from engine.setting_aside import RETRIED_AT_ONCE
from engine.spec.read import read_specification
from engine.step import STEPS
from engine.store import codec
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import LEASE_MS, Commit, Outcome, Submission
from engine.store.registry import StoredSpecification
from engine.submission import submission
from engine.worklist import Worklist

CHOICE = """
specification: choice
version: "1"
nets:
  main:
    variables: {by: {schema: {type: string}, output: true}}
    start: [left, right]
    tasks:
      left:
        kind: human
        offer: {roles: [clerk]}
        form: {type: object, required: [by]}
        output: {by: $.by}
        next: end
      right: {kind: human, offer: {roles: [clerk]}, next: end}
"""


class Clerks:
    """Offers everything to ann and bob."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item, ("ann", "bob"))


class Bench:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.store = MemoryStore(2, lambda: self.now)
        registry = MemoryRegistry(lambda: self.now)
        self.specification = read_specification(CHOICE)
        registry.put_specification(
            StoredSpecification("choice", "1", dict(self.specification.document), CHOICE, "application/yaml")
        )
        self.runner = Runner(self.store, Definitions(registry), Clerks)
        self.worklist = Worklist(self.store, self.runner)

    def submit(self, case_id: str) -> None:
        self.store.submit([submission(self.specification, case_id, {}, by="test", correlation_id="c", at=self.now)])

    def drain(self) -> None:
        for shard in range(2):
            self.runner.drain(shard, "w1")

    def running(self, case_id: str = "one") -> Case:
        self.submit(case_id)
        self.drain()
        return self.case(case_id)

    def case(self, case_id: str = "one") -> Case:
        case = self.store.case(case_id)
        assert case is not None
        return case

    def shard(self, case_id: str = "one") -> int:
        return next(s for s in range(2) if any(w.envelope.case_id == case_id for w in self.store.read(s, 99).events))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_event_whose_step_raises_is_set_aside_and_the_shard_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.running("one")
    bench.running("two")

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patched:
        patched.setitem(STEPS, CaseCancelled, broken)
        for shard in range(2):
            bench.store.append(shard, [Envelope(c, CaseCancelled("ann")) for c in ("one", "two") if _at(c) == shard])
        bench.drain()
    assert bench.case("one").status is CaseStatus.FAULTED
    letters = [letter for shard in range(2) for letter in bench.store.dead_letters(shard)]
    assert {letter.envelope.case_id for letter in letters} == {"one", "two"}
    assert all("ZeroDivisionError: a bug" in letter.traceback for letter in letters)
    assert isinstance(bench.store.journal("one")[-1].event, CaseFaulted)


def test_a_faulted_case_can_still_be_cancelled(bench: Bench) -> None:
    case = bench.running()
    faulted = replace(case, status=CaseStatus.FAULTED)
    progress = bench.runner.progress(case)
    progress.case = faulted
    assert bench.store.commit([progress.finished()]) == [Outcome.DONE]
    bench.store.append(_at("one"), [Envelope("one", CaseCancelled("ann"))])
    bench.drain()
    assert bench.case().status is CaseStatus.CANCELLED


def test_an_event_that_killed_three_drainers_is_set_aside(bench: Bench) -> None:
    bench.submit("one")
    shard = bench.shard()
    for number in range(3):
        assert bench.store.acquire(shard, f"dead-{number}")
        bench.now += 60_000
    bench.drain()
    assert bench.case().status is CaseStatus.FAULTED
    assert len(bench.store.dead_letters(shard)) == 1
    replayed = replay(bench.specification, stub_of(bench.case()), bench.store.journal("one"))
    assert codec.pack_case(replayed.case) == codec.pack_case(bench.case())


def test_a_case_whose_specification_is_gone_stands_still_and_keeps_nobody_else_from_going_on(bench: Bench) -> None:
    bench.submit("one")
    shard = bench.shard()
    orphan = next(f"orphan-{n}" for n in range(99) if _at(f"orphan-{n}") == shard)
    stub = replace(bench.case(), id=orphan, specification="gone")
    bench.store.submit([Submission(stub, Envelope(orphan, CaseCancelled("ann")))])
    bench.drain()
    assert bench.case(orphan).status is CaseStatus.FAULTED
    assert bench.case("one").status is CaseStatus.RUNNING
    assert bench.store.read(shard, 10).events == []
    assert "no specification gone" in bench.store.dead_letters(shard)[0].error


def test_an_event_for_a_case_that_no_longer_exists_is_removed(bench: Bench) -> None:
    bench.store.append(1, [Envelope("ghost", CaseCancelled("ann"))])
    bench.drain()
    assert bench.store.read(1, 10).events == []


def test_a_drain_steps_again_what_a_request_was_faster_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.running()
    item = bench.store.items_of("one")[0].id
    bench.store.append(_at("one"), [Envelope("one", CaseCancelled("ann"))])
    commit = MemoryStore.commit
    raced: list[bool] = []

    def racing(self: MemoryStore, commits: list[Commit], lease: Any = None) -> list[Outcome]:
        if lease is not None and not raced:
            raced.append(True)
            bench.worklist.start(item, "ann")
        return commit(self, commits, lease)

    monkeypatch.setattr(MemoryStore, "commit", racing)
    bench.drain()
    assert bench.case().status is CaseStatus.CANCELLED
    assert [type(entry.event).__name__ for entry in bench.store.journal("one")][-2:] == ["ItemStarted", "CaseCancelled"]


def test_starting_one_branch_withdraws_the_other(bench: Bench) -> None:
    bench.running()
    left, right = (item.id for item in bench.store.items_of("one"))
    bench.worklist.claim(right, "bob")
    bench.worklist.start(left, "ann")
    rival = bench.store.item(right)
    assert rival is not None
    assert rival.state is ItemState.WITHDRAWN
    with pytest.raises(Conflict, match="withdrawn"):
        bench.worklist.start(right, "bob")


def test_nobody_moves_what_is_not_hers(bench: Bench) -> None:
    bench.running()
    item = bench.store.items_of("one")[0].id
    with pytest.raises(Forbidden):
        bench.worklist.claim(item, "eve")
    bench.worklist.claim(item, "ann")
    with pytest.raises(Forbidden):
        bench.worklist.start(item, "bob")
    bench.worklist.start(item, "ann")
    with pytest.raises(Forbidden):
        bench.worklist.complete(item, {"by": "bob"}, "bob")


def test_an_output_that_does_not_fit_is_refused_and_the_item_stays_started(bench: Bench) -> None:
    bench.running()
    item = bench.store.items_of("one")[0].id
    bench.worklist.start(item, "ann")
    with pytest.raises(InvalidInput) as refused:
        bench.worklist.complete(item, {}, "ann")
    assert '"by" is a required property' in refused.value.problems[0].message
    with pytest.raises(InvalidInput) as refused:
        bench.worklist.complete(item, {"by": 7}, "ann")
    assert refused.value.problems[0].path == "output.by"
    stored = bench.store.item(item)
    assert stored is not None
    assert stored.state is ItemState.STARTED


def test_a_completion_that_a_cancellation_overtakes_is_kept_and_discarded(bench: Bench) -> None:
    bench.running()
    item = bench.store.items_of("one")[0].id
    bench.worklist.start(item, "ann")
    bench.store.append(_at("one"), [Envelope("one", CaseCancelled("eve"))])
    bench.worklist.complete(item, {"by": "ann"}, "ann")
    bench.drain()
    stored = bench.store.item(item)
    assert stored is not None
    assert (stored.state, stored.applied, stored.output) == (ItemState.COMPLETED, False, {"by": "ann"})
    assert bench.store.journal("one")[-1].notes[0].what == "discarded"
    replayed = replay(bench.specification, stub_of(bench.case()), bench.store.journal("one"))
    assert replayed.items == {each.id: each for each in bench.store.items_of("one")}


def test_every_move_of_an_item_stands_in_the_journal(bench: Bench) -> None:
    bench.running()
    item = bench.store.items_of("one")[0].id
    bench.worklist.reject_offer(item, "bob")
    bench.worklist.claim(item, "ann")
    moves = [entry.event.move for entry in bench.store.journal("one") if isinstance(entry.event, ItemMoved)]
    assert moves == ["reject-offer", "claim"]
    bench.worklist.start(item, "ann")
    bench.worklist.complete(item, {"by": "ann"}, "ann")
    bench.drain()
    assert bench.case().data == {"by": "ann"}
    replayed = replay(bench.specification, stub_of(bench.case()), bench.store.journal("one"))
    assert replayed.items == {each.id: each for each in bench.store.items_of("one")}


def _at(case_id: str) -> int:
    from engine.names import shard_of

    return shard_of(case_id, 2)


def test_a_drainer_that_outlives_an_outage_counts_against_no_event(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit("one")
    shard = bench.shard()

    def away(*_: Any) -> Any:
        raise Unavailable("the store is away")

    for _ in range(STRIKES + 1):
        with monkeypatch.context() as patched, pytest.raises(Unavailable):
            patched.setattr(bench.store, "load", away)
            bench.runner.drain(shard, "w1")
        bench.now += LEASE_MS + 1
    bench.drain()
    assert bench.case().status is CaseStatus.RUNNING


def test_a_faulted_case_that_is_cancelled_answers_all_that_was_set_aside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.running()
    bench.worklist.start("one:1", "ann")

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    bench.worklist.complete("one:1", {"by": "ann"}, "ann")
    with monkeypatch.context() as patched:
        patched.setitem(STEPS, ItemCompleted, broken)
        bench.drain()
    many = [Envelope("one", TriggerPosted("anything", n, "ann")) for n in range(3 * RETRIED_AT_ONCE)]
    bench.store.append(_at("one"), [*many, Envelope("one", CaseCancelled("ann"))])
    bench.drain()
    item = bench.store.item("one:1")
    assert item is not None and (item.state, item.applied) == (ItemState.COMPLETED, False)
    assert bench.case().status is CaseStatus.CANCELLED
    assert bench.store.parked("one") == [] and bench.store.dead_letters(_at("one")) == []
    told = [entry.event for entry in bench.store.journal("one")]
    assert [each for each in told if isinstance(each, TriggerPosted)] == [each.event for each in many]
