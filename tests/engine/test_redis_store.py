"""What only the Redis store has: key types, forgotten scripts, the fixed layout, a full or absent server."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from engine.case import Case, CaseStatus
from engine.errors import Conflict, Unavailable
from engine.events import CaseCancelled, CaseSubmitted, Envelope
from engine.store import codec, keys
from engine.store.port import Commit, Outcome, Submission
from engine.store.redis_store import RedisStore
from tests.engine.test_store_contract import a_call, a_case, committed, shard, submitted


def test_another_number_of_shards_is_refused(redis_client: "Redis") -> None:
    RedisStore(redis_client, 4)
    with pytest.raises(Conflict, match="CASEWRIGHT_SHARDS=4"):
        RedisStore(redis_client, 8)


def test_records_of_another_format_are_refused(redis_client: "Redis") -> None:
    RedisStore(redis_client, 4)
    assert redis_client.hget(keys.LAYOUT, "format") == str(codec.FORMAT).encode()
    redis_client.hset(keys.LAYOUT, "format", codec.FORMAT + 1)
    with pytest.raises(Conflict, match=f"format {codec.FORMAT + 1}, and this program knows format {codec.FORMAT}"):
        RedisStore(redis_client, 4)


def test_a_key_of_another_type_stops_a_commit_before_its_first_write(redis_client: "Redis") -> None:
    store = RedisStore(redis_client, 4)
    case = submitted(store)
    redis_client.set(keys.calls(shard()), "not a sorted set")
    after = Case("order-1", "orders", "1", "main", CaseStatus.RUNNING, revision=1)
    with pytest.raises(Exception, match="WRONGTYPE"):
        store.commit([Commit(case, after, codec.pack_case(after), placed=[a_call()])])
    assert store.case(case.id) == case
    assert redis_client.exists(keys.item(shard(), "order-1:1")) == 0


def test_scripts_that_redis_forgot_are_loaded_again(redis_client: "Redis") -> None:
    store = RedisStore(redis_client, 4)
    case = submitted(store)
    redis_client.script_flush()
    committed(store, case)


def test_a_call_that_another_takes_while_it_is_looked_for_stays_his(
    redis_client: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisStore(redis_client, 4)
    committed(store, submitted(store), placed=[a_call()])
    look = redis_client.zrangebyscore

    def look_too_slowly(*arguments: Any, **options: Any) -> Any:
        found = look(*arguments, **options)
        assert len(store.take_calls(shard(), "w1", 1, [a_call()])) == 1
        return found

    monkeypatch.setattr(redis_client, "zrangebyscore", look_too_slowly)
    assert store.take_calls(shard(), "w2", 10) == []


def test_a_full_redis_refuses_new_events_and_lets_commits_that_remove_events_go_on(redis_client: "Redis") -> None:
    store = RedisStore(redis_client, 4)
    case = submitted(store)
    [waiting] = store.read(shard(), 1).events
    used = redis_client.info("memory")["used_memory"]
    redis_client.config_set("maxmemory", used // 2)
    try:
        with pytest.raises(Unavailable, match="full"):
            store.append(1, [Envelope("c", CaseCancelled("ann"))])
        with pytest.raises(Unavailable, match="full"):
            store.submit([Submission(a_case("other"), Envelope("other", CaseSubmitted({}, "ann")))])
        after = Case("order-1", "orders", "1", "main", CaseStatus.RUNNING, revision=1)
        commit = Commit(case, after, codec.pack_case(after), handled=[waiting.id])
        assert store.commit([commit]) == [Outcome.DONE]
    finally:
        redis_client.config_set("maxmemory", 0)


def test_an_absent_redis_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="away"):
        RedisStore(Redis(port=1), 4)


def test_ten_thousand_timers_due_at_once_fire_once_and_in_order_though_two_beats_tick(redis_client: "Redis") -> None:
    store = RedisStore(redis_client, 1)
    pipe = redis_client.pipeline(transaction=False)
    for number in range(10_000):
        pipe.zadd(keys.timers(0), {codec.pack_timer(f"c{number}", 1, number): number})
    pipe.execute()

    def tick(_: int) -> int:
        fired = 0
        while done := store.fire_timers([0], 300)[0].timers:
            fired += done
        return fired

    with ThreadPoolExecutor(2) as beats:
        assert sum(beats.map(tick, range(2))) == 10_000
    fired = [waiting.envelope.case_id for waiting in store.read(0, 20_000).events]
    assert fired == [f"c{number}" for number in range(10_000)]
    assert store.fire_timers([0], 300)[0].timers == 0
