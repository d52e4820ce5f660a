"""Cases that are not what their journals say, on a real Redis: found, and made again."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from engine.case import CaseStatus
from engine.consistency import check, repair
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.errors import Conflict, RecordDamaged
from engine.events import CaseCancelled, Distributed, Envelope
from engine.items.work_item import ItemState
from engine.names import shard_of
from engine.replay import ReplayDiffers
from engine.runner import Runner
from engine.spec.read import read_specification
from engine.store import keys
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.redis_vault import RedisVault
from engine.store.registry import StoredSpecification
from engine.submission import submission
from engine.worklist import Worklist

REVIEW = """
specification: review
version: "1"
nets:
  main:
    variables: {grade: {schema: {type: integer}, output: true}}
    start: write
    tasks:
      write: {kind: human, offer: {roles: [clerk]}, output: {grade: "$.grade"}, next: approve}
      approve: {kind: human, offer: {roles: [clerk]}, next: end}
"""
SHARDS = 2
CASE = "paper-1"
ITEM = f"{CASE}:1"


class Clerks:
    """Offers everything to ann."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item, ("ann",))


class Bench:
    """A case of which ann has started the first item."""

    def __init__(self, redis: "Redis") -> None:
        self.redis, self.store, self.vault = redis, RedisStore(redis, SHARDS), RedisVault(redis, SHARDS)
        registry = RedisRegistry(redis)
        specification = read_specification(REVIEW)
        document = dict(specification.document)
        registry.put_specification(StoredSpecification("review", "1", document, REVIEW, "application/yaml"))
        self.definitions = Definitions(registry)
        self.runner = Runner(self.store, self.definitions, Clerks)
        self.worklist = Worklist(self.store, self.runner)
        self.shard = shard_of(CASE, SHARDS)
        self.key = keys.case(self.shard, CASE)
        begins = submission(specification, CASE, {}, by="ann", correlation_id="", at=self.store.now())
        self.store.submit([begins])

    def drain(self) -> None:
        self.runner.drain(self.shard, "w1")

    def findings(self) -> list[str]:
        return [finding.what for finding in check(self.store, self.vault, self.definitions).findings]

    def repair(self) -> None:
        repair(self.store, self.definitions, CASE)
        self.drain()
        assert self.findings() == []


@pytest.fixture
def bench(redis_client: "Redis") -> Bench:
    bench = Bench(redis_client)
    bench.drain()
    bench.worklist.claim(ITEM, "ann")
    bench.worklist.start(ITEM, "ann")
    return bench


def half_body(bench: Bench) -> None:
    body: Any = bench.redis.hget(bench.key, "body")
    bench.redis.hset(bench.key, "body", body[: len(body) // 2])


def no_data(bench: Bench) -> None:
    bench.redis.hdel(bench.key, "data")


def no_record(bench: Bench) -> None:
    bench.redis.delete(bench.key)


def another_type(bench: Bench) -> None:
    bench.redis.delete(bench.key)
    bench.redis.set(bench.key, "something else")


def another_head(bench: Bench) -> None:
    bench.redis.hset(bench.key, "head", "running 999.")


@pytest.mark.parametrize("damage", [half_body, no_data, no_record, another_type, another_head])
def test_a_damaged_case_takes_what_came_meanwhile_when_it_is_repaired(
    bench: Bench, damage: Callable[[Bench], None]
) -> None:
    assert bench.findings() == []
    bench.worklist.complete(ITEM, {"grade": 7}, "ann")
    damage(bench)
    bench.drain()
    assert len(bench.store.parked(CASE)) == 1 and bench.store.read(bench.shard, 10).events == []
    [finding] = bench.findings()
    assert finding.startswith("its record ")
    bench.repair()
    case = bench.store.case(CASE)
    assert case is not None and (case.status, case.data["grade"]) == (CaseStatus.RUNNING, 7)
    assert bench.store.parked(CASE) == [] and bench.store.item(f"{CASE}:2") is not None


def test_a_damaged_case_is_said_to_be_damaged_and_lists_leave_it_out(bench: Bench) -> None:
    half_body(bench)
    with pytest.raises(RecordDamaged, match=f"the record of case {CASE} cannot be read"):
        bench.store.case(CASE)
    with pytest.raises(RecordDamaged):
        bench.worklist.complete(ITEM, {"grade": 7}, "ann")


def test_an_item_that_differs_is_made_again(bench: Bench) -> None:
    item = keys.item(bench.shard, ITEM)
    body: Any = bench.redis.hget(item, "body")
    bench.redis.hset(item, "body", body.replace(b"ann", b"eve"))
    assert bench.findings() == [f"these items are not what its journal says: {ITEM}"]
    bench.repair()
    known = bench.store.item(ITEM)
    assert known is not None and known.owner == "ann"
    bench.worklist.complete(ITEM, {"grade": 1}, "ann")


def test_an_item_whose_completion_waits_is_made_again_as_completed(bench: Bench) -> None:
    bench.worklist.complete(ITEM, {"grade": 7}, "ann")
    bench.redis.delete(keys.item(bench.shard, ITEM))
    assert bench.findings() == [f"these items are not what its journal says: {ITEM}"]
    repair(bench.store, bench.definitions, CASE)
    known = bench.store.item(ITEM)
    assert known is not None and known.state is ItemState.COMPLETED
    bench.drain()
    assert bench.findings() == []


def test_an_ended_case_answers_what_had_been_set_aside(bench: Bench) -> None:
    bench.store.append(bench.shard, [Envelope(CASE, CaseCancelled("ann"))])
    bench.drain()
    half_body(bench)
    bench.store.append(bench.shard, [Envelope(CASE, CaseCancelled("ann"))])
    bench.drain()
    bench.repair()
    case = bench.store.case(CASE)
    assert case is not None and case.status is CaseStatus.CANCELLED and bench.store.parked(CASE) == []
    assert [note.what for note in bench.store.journal(CASE)[-1].notes] == ["ignored"]


def test_a_case_that_had_not_begun_is_made_again_from_what_it_begins_with(redis_client: "Redis") -> None:
    bench = Bench(redis_client)
    half_body(bench)
    bench.drain()
    assert len(bench.store.parked(CASE)) == 1
    bench.repair()
    assert bench.store.item(ITEM) is not None


def test_a_journal_that_does_not_agree_with_itself_is_no_ground_for_a_repair(bench: Bench) -> None:
    journal = keys.journal(bench.shard, CASE)
    second: Any = bench.redis.lindex(journal, 1)
    bench.redis.lset(journal, 0, second)
    half_body(bench)
    with pytest.raises(ReplayDiffers, match="journal entry 0"):
        repair(bench.store, bench.definitions, CASE)


def test_nothing_is_repaired_while_somebody_drains_the_shard(bench: Bench) -> None:
    assert bench.store.acquire(bench.shard, "w1") is not None
    with pytest.raises(Conflict, match="is being drained"):
        repair(bench.store, bench.definitions, CASE)
