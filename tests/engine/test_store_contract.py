"""What every store means: one suite, run on memory, on fakeredis and on a real Redis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
from msgspec.structs import replace

from engine.case import Case, CaseStatus
from engine.effects import Call, KeepResult, RepeatCall
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseCancelled,
    CaseSubmitted,
    Envelope,
    ItemCompleted,
    ItemMoved,
    TimerFired,
)
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry, Note
from engine.names import shard_of
from engine.store import codec, keys
from engine.store.memory import MemoryStore
from engine.store.port import (
    Awaited,
    CalledBack,
    CaseQuery,
    Commit,
    ItemQuery,
    Kept,
    Lease,
    Once,
    OpenCall,
    Outcome,
    Repaired,
    Reported,
    Store,
    Submission,
    Submitted,
    Taken,
)

SHARDS = 4


@dataclass
class Bench:
    """A store, and how its time is made to pass where a test needs a lease, a bell or a deadline to run out."""

    store: Store
    expire_lease: Callable[[int], None]
    expire_bell: Callable[[int], None]
    expire_calls: Callable[[int], None]
    set_back: Callable[[int], None]


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self, _shard: int) -> None:
        self.now += 3_600_000

    def back(self, _shard: int) -> None:
        self.now -= 3_600_000


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        clock = Clock()
        yield Bench(MemoryStore(SHARDS, clock), clock.forward, clock.forward, clock.forward, clock.back)
        return
    client: Any = (
        fakeredis.FakeRedis(version=(7,)) if request.param == "fakeredis" else request.getfixturevalue("redis_client")
    )
    yield _redis_bench(client)


def _redis_bench(client: Any) -> Bench:
    from engine.store.redis_store import RedisStore

    def expire_lease(shard: int) -> None:
        client.hset(keys.lease(shard), "expires", 1)

    def expire_bell(shard: int) -> None:
        client.hset(keys.lease(shard), "bell", 1)

    def expire_calls(shard: int) -> None:
        for member in client.zrange(keys.calls(shard), 0, -1):
            client.zadd(keys.calls(shard), {member: 1})

    def set_back(shard: int) -> None:
        # The clock of a Redis cannot be moved from here: what stands there moves instead.
        for field in ("expires", "bell"):
            if (stands := client.hget(keys.lease(shard), field)) is not None:
                client.hset(keys.lease(shard), field, int(stands) + 3_600_000)

    return Bench(RedisStore(client, SHARDS), expire_lease, expire_bell, expire_calls, set_back)


@pytest.fixture
def store(bench: Bench) -> Store:
    return bench.store


def a_case(case_id: str = "order-1", **changes: Any) -> Case:
    return Case(case_id, "orders", "1", "main", CaseStatus.SUBMITTED, **changes)


def an_item(item_id: str = "order-1:1", state: ItemState = ItemState.OFFERED, **changes: Any) -> WorkItem:
    case_id = item_id.split(":")[0]
    changes = {"offered_to": ("ann", "bob"), "created_at": 5, **changes}
    return WorkItem(item_id, case_id, "orders", "1", "main", "pick", "human", state, **changes)


def a_call(item_id: str = "order-1:1") -> Call:
    return Call(item_id, "check", "echo", {}, {}, 10.0, 3, 1)


def submitted(store: Store, case: Case | None = None) -> Case:
    case = case or a_case()
    [answer] = store.submit([Submission(case, Envelope(case.id, CaseSubmitted({}, "ann"), "c"))])
    assert answer.accepted
    return case


def committed(store: Store, before: Case, lease: Lease | None = None, **changes: Any) -> Case:
    """Moves a case one revision on, with whatever a test wants to be written along."""
    after = replace(before, revision=before.revision + 1, status=CaseStatus.RUNNING, counter=9)
    commit = Commit(before, after, codec.pack_case(after), **changes)
    assert store.commit([commit], lease) == [Outcome.DONE]
    return after


def shard(case_id: str = "order-1") -> int:
    return shard_of(case_id, SHARDS)


def test_a_submitted_case_is_seen_before_its_first_step(store: Store) -> None:
    case = submitted(store)
    assert store.case(case.id) == case
    [waiting] = store.read(shard(), 10).events
    assert waiting.envelope == Envelope("order-1", CaseSubmitted({}, "ann"), "c")
    assert abs(waiting.at - store.now()) < 10_000


def test_a_taken_case_id_is_refused_and_makes_no_event(store: Store) -> None:
    submitted(store)
    [answer] = store.submit([Submission(a_case(), Envelope("order-1", CaseSubmitted({}, "eve"), "c"))])
    assert not answer.accepted
    assert len(store.read(shard(), 10).events) == 1


def test_events_are_read_in_the_order_in_which_they_came(store: Store) -> None:
    for number in range(20):
        store.append(1, [Envelope(f"c{number}", CaseCancelled("ann"))])
    waiting = store.read(1, 15).events
    assert [w.envelope.case_id for w in waiting] == [f"c{number}" for number in range(15)]
    assert [w.at for w in waiting] == sorted(w.at for w in waiting)


def test_the_bell_is_to_be_rung_once_until_it_expires(bench: Bench) -> None:
    event = Envelope("c", CaseCancelled("ann"))
    assert bench.store.append(1, [event]).ring
    assert not bench.store.append(1, [event]).ring
    bench.expire_bell(1)
    assert bench.store.append(1, [event]).ring


def test_nobody_rings_while_a_shard_is_drained_and_somebody_does_after_it(store: Store) -> None:
    lease = store.acquire(1, "w1")
    assert lease is not None
    assert not store.append(1, [Envelope("c", CaseCancelled("ann"))]).ring
    store.discard(lease, [w.id for w in store.read(1, 10).events])
    assert store.release(lease)
    assert store.append(1, [Envelope("c", CaseCancelled("ann"))]).ring


def test_a_lease_is_held_by_one(store: Store) -> None:
    assert store.acquire(1, "w1") is not None
    assert store.acquire(1, "w2") is None
    assert store.acquire(2, "w2") is not None


def test_a_lease_is_not_given_back_while_events_wait_unless_they_are_left_on_purpose(store: Store) -> None:
    lease = store.acquire(1, "w1")
    assert lease is not None
    store.append(1, [Envelope("c", CaseCancelled("ann"))])
    assert not store.release(lease)
    assert store.acquire(1, "w2") is None
    assert store.release(lease, unfinished=True)
    assert store.acquire(1, "w2") is not None


def test_a_drainer_whose_lease_ran_out_cannot_commit_after_its_heir_took_over(bench: Bench) -> None:
    case = submitted(bench.store)
    old = bench.store.acquire(shard(), "w1")
    assert old is not None
    bench.expire_lease(shard())
    heir = bench.store.acquire(shard(), "w2")
    assert heir is not None
    assert heir.number > old.number
    commit = Commit(case, replace(case, revision=1), codec.pack_case(replace(case, revision=1)))
    assert bench.store.commit([commit], old) == [Outcome.FENCED]
    assert bench.store.case(case.id) == case
    assert bench.store.commit([commit], heir) == [Outcome.DONE]


def test_a_lease_that_ran_out_still_commits_while_nobody_took_it(bench: Bench) -> None:
    case = submitted(bench.store)
    lease = bench.store.acquire(shard(), "w1")
    bench.expire_lease(shard())
    committed(bench.store, case, lease)


def test_a_clock_that_goes_back_keeps_nobody_from_a_shard(bench: Bench) -> None:
    case = submitted(bench.store)
    before = bench.store.acquire(shard(), "w1")
    bench.set_back(shard())
    assert bench.store.work()[shard()].undrained == 1
    after = bench.store.acquire(shard(), "w2")
    assert after is not None and after.strikes == 0
    packed = codec.pack_case(case)
    assert bench.store.commit([Commit(case, case, packed)], before) == [Outcome.FENCED]
    assert bench.store.commit([Commit(case, case, packed)], after) == [Outcome.DONE]


def test_a_bell_of_a_clock_that_has_gone_back_keeps_nobody_from_ringing(bench: Bench) -> None:
    event = Envelope("c", CaseCancelled("ann"))
    assert bench.store.append(1, [event]).ring
    bench.set_back(1)
    assert bench.store.append(1, [event]).ring


def test_drainers_that_die_over_one_event_are_counted(bench: Bench) -> None:
    submitted(bench.store)
    strikes = []
    for number in range(4):
        lease = bench.store.acquire(shard(), f"w{number}")
        assert lease is not None
        strikes.append(lease.strikes)
        bench.expire_lease(shard())
    assert strikes == [0, 1, 2, 3]


def test_strikes_are_forgotten_once_a_drainer_comes_through(bench: Bench) -> None:
    submitted(bench.store)
    bench.store.acquire(shard(), "w1")
    bench.expire_lease(shard())
    heir = bench.store.acquire(shard(), "w2")
    assert heir is not None and heir.strikes == 1
    bench.store.release(heir, unfinished=True)
    following = bench.store.acquire(shard(), "w3")
    assert following is not None and following.strikes == 0


def test_a_commit_writes_state_journal_items_and_calls_and_removes_its_events(store: Store) -> None:
    case = submitted(store)
    [waiting] = store.read(shard(), 10).events
    entry = Entry(5, CaseSubmitted({}, "ann"), (Note("fired", "a", 1),), digest=b"12345678")
    item, call = an_item("order-1:2"), a_call("order-1:1")
    after = committed(store, case, entries=[entry], items={item.id: (None, item)}, placed=[call], handled=[waiting.id])
    assert store.read(shard(), 10).events == []
    assert store.case(case.id) == after
    assert store.journal(case.id) == [entry]
    assert store.item(item.id) == item
    assert store.items_of(case.id) == [item]
    assert store.item(call.item) is None


def test_a_commit_on_a_changed_case_writes_nothing(store: Store) -> None:
    case = submitted(store)
    after = committed(store, case)
    again = Commit(case, after, codec.pack_case(after), placed=[a_call()], entries=[Entry(1, CaseCancelled("x"))])
    assert store.commit([again]) == [Outcome.CONFLICT]
    assert store.journal(case.id) == []
    assert store.take_calls(shard(), "w", 10) == []


def test_a_commit_on_a_changed_item_writes_nothing(store: Store) -> None:
    item = an_item()
    case = committed(store, submitted(store), items={item.id: (None, item)})
    claimed = replace(item, state=ItemState.ALLOCATED, owner="ann", version=1)
    assert store.move(item, claimed, None).done
    withdrawn = replace(item, state=ItemState.WITHDRAWN, version=1)
    after = replace(case, revision=case.revision + 1)
    commit = Commit(case, after, codec.pack_case(after), items={item.id: (item, withdrawn)})
    assert store.commit([commit]) == [Outcome.CONFLICT]
    assert store.item(item.id) == claimed


def test_of_two_who_claim_one_item_the_second_fails(store: Store) -> None:
    item = an_item()
    committed(store, submitted(store), items={item.id: (None, item)})
    for_ann = replace(item, state=ItemState.ALLOCATED, owner="ann", version=1)
    for_bob = replace(item, state=ItemState.ALLOCATED, owner="bob", version=1)
    entry = Entry(7, ItemMoved(item.id, "claim", "ann"))
    assert store.move(item, for_ann, entry).done
    assert not store.move(item, for_bob, Entry(7, ItemMoved(item.id, "claim", "bob"))).done
    assert store.item(item.id) == for_ann
    assert store.journal("order-1") == [entry]


def test_an_item_of_a_case_that_does_not_run_cannot_be_moved(store: Store) -> None:
    item = an_item()
    case = committed(store, submitted(store), items={item.id: (None, item)})
    suspended = replace(case, status=CaseStatus.SUSPENDED, revision=case.revision + 1)
    assert store.commit([Commit(case, suspended, codec.pack_case(suspended))]) == [Outcome.DONE]
    assert not store.move(item, replace(item, state=ItemState.ALLOCATED, version=1), None).done


def test_a_completed_item_and_its_event_are_written_together(store: Store) -> None:
    item = an_item(state=ItemState.STARTED, owner="ann")
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    committed(store, case, items={item.id: (None, item)}, handled=[first.id])
    done = replace(item, state=ItemState.COMPLETED, version=1)
    envelope = Envelope("order-1", ItemCompleted(item.id, {"ok": True}, "ann", 7))
    assert store.move(item, done, None, envelope).done
    assert not store.move(item, done, None, envelope).done
    assert [w.envelope for w in store.read(shard(), 10).events] == [envelope]


def test_a_call_is_taken_once(store: Store) -> None:
    committed(store, submitted(store), placed=[a_call()])
    [taken] = store.take_calls(shard(), "w1", 10)
    assert taken == (a_call(), 1)
    assert store.take_calls(shard(), "w2", 10) == []
    assert store.take_calls(shard(), "w2", 10, [a_call()]) == []


def test_a_known_call_is_taken_without_being_looked_for(store: Store) -> None:
    committed(store, submitted(store), placed=[a_call()])
    assert store.take_calls(shard(), "w1", 10, [a_call()]) == [(a_call(), 1)]


def test_no_more_calls_are_taken_than_asked_for(store: Store) -> None:
    calls = [a_call(f"order-1:{number}") for number in range(1, 6)]
    committed(store, submitted(store), placed=calls)
    assert len(store.take_calls(shard(), "w1", 2)) == 2
    assert len(store.take_calls(shard(), "w1", 10)) == 3


def test_a_call_whose_taker_ran_out_of_time_is_taken_again_as_the_next_attempt(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    bench.store.take_calls(shard(), "w1", 10)
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == [(a_call(), 2)]


def test_a_renewed_call_stays_its_takers(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    taken = bench.store.take_calls(shard(), "w1", 10)
    bench.expire_calls(shard())
    assert bench.store.renew(shard(), "w1", taken) == []
    assert bench.store.take_calls(shard(), "w2", 10) == []


def test_a_call_that_another_took_over_is_not_renewed(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    old = bench.store.take_calls(shard(), "w1", 10)
    bench.expire_calls(shard())
    bench.store.take_calls(shard(), "w2", 10)
    bench.expire_calls(shard())
    assert bench.store.renew(shard(), "w1", old) == [a_call().item]
    assert bench.store.take_calls(shard(), "w3", 10) == [(a_call(), 3)]


def test_named_calls_are_taken_as_far_as_they_wait(bench: Bench) -> None:
    calls = [a_call(f"order-1:{number}") for number in (1, 2, 3)]
    committed(bench.store, submitted(bench.store), placed=calls)
    assert bench.store.take_calls(shard(), "w1", 1, calls[:1]) == [(calls[0], 1)]
    named = [call.item for call in calls[:2]]
    assert bench.store.take_named(shard(), "w2", [*named, "order-1:77"]) == [(calls[1], 1)]
    bench.expire_calls(shard())
    assert bench.store.take_named(shard(), "w2", named) == [(calls[0], 2), (calls[1], 2)]
    assert bench.store.take_named(shard(), "w2", []) == []


def test_a_named_call_that_waits_for_a_callback_is_not_made_again_though_it_be_late(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    bench.store.take_calls(shard(), "w1", 10)
    bench.store.await_callbacks(shard(), "w1", [Awaited(a_call().item, 1, 1)])
    bench.expire_calls(shard())
    assert bench.store.take_named(shard(), "w2", [a_call().item]) == []


def test_a_call_handed_back_is_taken_as_if_it_never_was(store: Store) -> None:
    committed(store, submitted(store), placed=[a_call()])
    taken = store.take_calls(shard(), "w1", 10)
    store.hand_back(shard(), "w1", taken)
    assert store.take_calls(shard(), "w2", 10) == [(a_call(), 1)]


def test_a_call_handed_back_for_a_while_is_taken_by_its_name_only(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    bench.store.hand_back(shard(), "w1", bench.store.take_calls(shard(), "w1", 10), 60_000)
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert bench.store.take_named(shard(), "w2", [a_call().item]) == []
    assert bench.store.take_named(shard(), "w2", [a_call().item], paused=True) == [(a_call(), 1)]
    assert bench.store.take_named(shard(), "w3", [a_call().item], paused=True) == []
    bench.store.hand_back(shard(), "w2", [Taken(a_call(), 1)], 60_000)
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w3", 10) == [(a_call(), 1)]


def test_a_reported_call_is_not_taken_again_and_its_outcome_waits(bench: Bench) -> None:
    case = submitted(bench.store)
    [first] = bench.store.read(shard(), 10).events
    committed(bench.store, case, placed=[a_call()], handled=[first.id])
    bench.store.take_calls(shard(), "w1", 10)
    answer = CallAnswered("order-1:1", 1, {"x": 1})
    bench.store.report(shard(), "w1", [Reported(answer, "c")])
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert [w.envelope for w in bench.store.read(shard(), 10).events] == [Envelope("order-1", answer, "c")]


def test_the_failure_of_an_attempt_that_was_overtaken_says_so(bench: Bench) -> None:
    case = submitted(bench.store)
    [first] = bench.store.read(shard(), 10).events
    committed(bench.store, case, placed=[a_call()], handled=[first.id])
    bench.store.take_calls(shard(), "w1", 10)
    bench.expire_calls(shard())
    bench.store.take_calls(shard(), "w2", 10)
    bench.store.report(shard(), "w1", [Reported(CallFailed("order-1:1", 1, "timeout", "slow", True), "c")])
    [waiting] = bench.store.read(shard(), 10).events
    assert isinstance(waiting.envelope.event, CallFailed) and waiting.envelope.event.superseded
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w3", 10) == [(a_call(), 3)], "the second attempt still counts"


def awaited_call(store: Store, wait_ms: int | None = 60_000, call: Call | None = None) -> Case:
    """A call that was made once and whose outcome is to come by callback; nothing else waits."""
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    case = committed(store, case, placed=[call or a_call()], handled=[first.id])
    [taken] = store.take_calls(shard(), "w1", 10)
    store.await_callbacks(shard(), "w1", [Awaited(taken.call.item, taken.attempt, wait_ms)])
    return case


def events_of(store: Store) -> list[Any]:
    return [waiting.envelope.event for waiting in store.read(shard(), 10).events]


ANSWERED = Reported(CallAnswered("order-1:1", 1, {"x": 1}), "c")
FAILED = Reported(CallFailed("order-1:1", 1, "http_503", "busy", True), "c")


def test_an_awaited_call_is_neither_taken_nor_due(store: Store) -> None:
    case = awaited_call(store)
    assert store.take_calls(shard(), "w2", 10) == []
    assert store.call_of("order-1:1") == OpenCall(a_call(), 1, awaited=True)
    assert store.calls_of(case.id) in ([], [a_call()])
    assert store.work()[shard()].due_calls == 0


@pytest.mark.parametrize("reported", [ANSWERED, FAILED])
def test_of_two_callbacks_the_first_counts(store: Store, reported: Reported) -> None:
    awaited_call(store)
    assert store.callback(shard(), reported).accepted
    assert store.call_of("order-1:1") is None
    assert not store.callback(shard(), ANSWERED).accepted
    assert events_of(store) == [reported.event]


def test_a_callback_rings_for_a_shard_that_nobody_drains(bench: Bench) -> None:
    awaited_call(bench.store)
    bench.expire_bell(shard())
    assert bench.store.callback(shard(), ANSWERED) == CalledBack(True, True)


def test_a_call_whose_callback_is_late_has_failed_with_a_timeout_once(bench: Bench) -> None:
    awaited_call(bench.store)
    bench.expire_calls(shard())
    assert bench.store.work()[shard()].due_calls == 1
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert events_of(bench.store) == [CallFailed("order-1:1", 1, "timeout", "no callback within 60 s", True)]
    assert not bench.store.callback(shard(), ANSWERED).accepted


def test_a_callback_without_a_limit_is_waited_for_after_a_thousand_years(bench: Bench) -> None:
    awaited_call(bench.store, None)
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert bench.store.callback(shard(), ANSWERED).accepted


def test_a_callback_may_come_before_the_worker_says_that_it_is_awaited(store: Store) -> None:
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    committed(store, case, placed=[a_call()], handled=[first.id])
    store.take_calls(shard(), "w1", 10)
    assert store.callback(shard(), ANSWERED).accepted
    store.await_callbacks(shard(), "w1", [Awaited("order-1:1", 1, 60_000)])
    assert store.call_of("order-1:1") is None
    assert events_of(store) == [ANSWERED.event]


def test_only_its_taker_lets_a_call_wait_for_a_callback(bench: Bench) -> None:
    committed(bench.store, submitted(bench.store), placed=[a_call()])
    bench.store.take_calls(shard(), "w1", 10)
    bench.store.await_callbacks(shard(), "w2", [Awaited("order-1:1", 1, None)])
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == [(a_call(), 2)], "it was made again"


def test_a_call_that_is_to_be_repeated_takes_an_answer_and_no_second_failure(store: Store) -> None:
    case = awaited_call(store)
    assert store.callback(shard(), FAILED).accepted
    committed(store, case, repeated=[RepeatCall("order-1:1", 1, store.now() + 3_600_000)])
    assert not store.callback(shard(), FAILED).accepted
    assert store.callback(shard(), ANSWERED).accepted
    assert events_of(store) == [FAILED.event, ANSWERED.event]


def test_a_callback_to_a_call_that_was_dropped_finds_nothing(store: Store) -> None:
    case = awaited_call(store)
    committed(store, case, dropped=["order-1:1"])
    assert store.call_of("order-1:1") is None
    assert not store.callback(shard(), ANSWERED).accepted


def test_a_callback_to_what_is_no_call_finds_nothing(store: Store) -> None:
    committed(store, submitted(store), items={"order-1:1": (None, an_item())})
    assert store.call_of("order-1:1") is None and store.call_of("order-1:7") is None
    assert not store.callback(shard(), ANSWERED).accepted


def test_an_instance_that_was_called_back_has_no_second_outcome(store: Store) -> None:
    awaited_call(store, call=replace(a_call(), instance=0))
    assert store.callback(shard(), ANSWERED._replace(instance=True)).accepted
    store.report(shard(), "w1", [ANSWERED._replace(instance=True)])
    first, second = events_of(store)
    assert not first.superseded and second.superseded


# -- calls that a drain makes itself -----------------------------------------------------------------------------------


def claimed_call(store: Store) -> tuple[Case, Lease]:
    """A running case with a call that the holder of the lease has claimed for five seconds."""
    case, lease = submitted(store), store.acquire(shard(), "w1")
    assert lease is not None
    call = a_call()
    return committed(store, case, lease, placed=[call], claimed={call.item: store.now() + 5_000}), lease


def outcome(store: Store, case: Case, lease: Lease) -> Outcome:
    """What becomes of a commit that takes the outcome of the claimed call."""
    after = replace(case, revision=case.revision + 1)
    commit = Commit(case, after, codec.pack_case(after), made=[a_call().item], dropped=[a_call().item])
    return store.commit([commit], lease)[0]


def test_a_claimed_call_is_its_drainers_until_his_time_is_over(bench: Bench) -> None:
    claimed_call(bench.store)
    assert bench.store.take_calls(shard(), "w2", 10) == []
    assert bench.store.take_calls(shard(), "w2", 10, [a_call()]) == []
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == [Taken(a_call(), 2)]


def test_a_commit_takes_the_outcome_of_a_claimed_call(bench: Bench) -> None:
    case, lease = claimed_call(bench.store)
    assert outcome(bench.store, case, lease) is Outcome.DONE
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == []


def test_the_outcome_of_a_claimed_call_that_is_kept_for_later_is_not_asked_for_again(bench: Bench) -> None:
    case, lease = claimed_call(bench.store)
    committed(bench.store, case, lease, made=[a_call().item])
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10) == []


def test_a_claimed_call_that_another_took_over_has_no_outcome_here(bench: Bench) -> None:
    case, lease = claimed_call(bench.store)
    bench.expire_calls(shard())
    assert bench.store.take_calls(shard(), "w2", 10)
    assert outcome(bench.store, case, lease) is Outcome.CONFLICT
    assert bench.store.case(case.id) == case


@pytest.mark.parametrize("came_through", [False, True])
def test_an_outcome_of_which_nobody_knows_whether_it_was_committed_counts_once(
    store: Store, came_through: bool
) -> None:
    case, lease = claimed_call(store)
    [first] = store.read(shard(), 10).events
    store.discard(lease, [first.id])
    if came_through:
        assert outcome(store, case, lease) is Outcome.DONE
    report = Reported(CallAnswered(a_call().item, 1, {}), "c", uncommitted=True)
    store.report(shard(), "w1", [report])
    store.report(shard(), "w1", [report])
    assert events_of(store) == ([] if came_through else [report.event])


def test_commits_of_one_batch_are_each_for_itself(store: Store) -> None:
    cases = [submitted(store, a_case(f"order-{number}")) for number in (1, 2, 3)]
    alone = [case for case in cases if shard(case.id) == shard(cases[0].id)]
    committed(store, cases[0])
    after = [replace(case, revision=1, status=CaseStatus.RUNNING) for case in cases]
    results = store.commit(
        [Commit(one, other, codec.pack_case(other)) for one, other in zip(cases, after, strict=True)]
    )
    assert alone and results == [Outcome.CONFLICT, Outcome.DONE, Outcome.DONE]


def test_a_repeated_call_waits_for_its_moment(store: Store) -> None:
    case = committed(store, submitted(store), placed=[a_call()])
    store.take_calls(shard(), "w1", 10)
    later = RepeatCall("order-1:1", 1, store.now() + 3_600_000)
    case = committed(store, case, repeated=[later])
    assert store.take_calls(shard(), "w2", 10) == []
    committed(store, case, repeated=[replace(later, not_before=store.now() - 1)])
    assert store.take_calls(shard(), "w2", 10) == [(a_call(), 2)]


def test_a_dropped_call_is_gone(store: Store) -> None:
    case = committed(store, submitted(store), placed=[a_call()])
    assert store.calls_of(case.id) == [] or store.calls_of(case.id) == [a_call()]
    committed(store, case, dropped=["order-1:1"])
    assert store.take_calls(shard(), "w1", 10) == []


def test_the_work_of_a_shard_is_seen_until_it_is_drained(store: Store) -> None:
    case = submitted(store)
    assert store.work()[shard()].undrained == 1
    lease = store.acquire(shard(), "w1")
    assert (store.work()[shard()].undrained, store.work()[shard()].events) == (0, 1)
    committed(store, case, lease, placed=[a_call()])
    assert store.work()[shard()].due_calls == 1


def test_cases_are_listed_newest_first_page_by_page(store: Store) -> None:
    for number in range(150):
        submitted(store, a_case(f"c{number:03}", created_at=1000 + number // 60))
    seen: list[str] = []
    cursor = None
    while True:
        page = store.cases(CaseQuery(limit=40, after=cursor))
        seen += [case.id for case in page.cases]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"c{number:03}" for number in reversed(range(150))]


def test_cases_are_found_by_status_and_specification(store: Store) -> None:
    submitted(store, a_case("one"))
    committed(store, submitted(store, a_case("two")))
    other = Case("three", "claims", "1", "main", CaseStatus.SUBMITTED)
    submitted(store, other)
    assert [c.id for c in store.cases(CaseQuery(status=CaseStatus.RUNNING)).cases] == ["two"]
    assert {c.id for c in store.cases(CaseQuery(specification="orders")).cases} == {"one", "two"}
    both = CaseQuery(status=CaseStatus.SUBMITTED, specification="claims")
    assert [c.id for c in store.cases(both).cases] == ["three"]


def test_a_person_finds_what_is_offered_to_her_and_what_she_owns(store: Store) -> None:
    items = [
        an_item("order-1:1"),
        an_item("order-1:2", offered_to=("bob",)),
        an_item("order-1:3", ItemState.STARTED, owner="ann"),
        an_item("order-1:4", ItemState.ALLOCATED, owner="bob", offered_to=("ann", "bob")),
        an_item("order-1:5", ItemState.COMPLETED, owner="ann"),
    ]
    committed(store, submitted(store), items={item.id: (None, item) for item in items})
    assert [i.id for i in store.items(ItemQuery(person="ann")).items] == ["order-1:1", "order-1:3"]
    assert [i.id for i in store.items(ItemQuery(person="ann", state=ItemState.STARTED)).items] == ["order-1:3"]
    assert [i.id for i in store.items(ItemQuery(case_id="order-1")).items] == [f"order-1:{n}" for n in (1, 2, 3, 4)]


def test_a_claimed_item_is_gone_from_the_others(store: Store) -> None:
    item = an_item()
    committed(store, submitted(store), items={item.id: (None, item)})
    store.move(item, replace(item, state=ItemState.ALLOCATED, owner="ann", version=1), None)
    assert store.items(ItemQuery(person="bob")).items == []
    assert [i.id for i in store.items(ItemQuery(person="ann")).items] == [item.id]


def test_items_are_listed_oldest_first_page_by_page(store: Store) -> None:
    items = {f"order-1:{n}": (None, an_item(f"order-1:{n}", created_at=1000 + n // 50)) for n in range(1, 121)}
    committed(store, submitted(store), items=items)
    seen: list[str] = []
    cursor = None
    while True:
        page = store.items(ItemQuery(person="ann", limit=25, after=cursor))
        seen += [item.id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted(items)
    assert len(seen) == len(set(seen))


# -- several instances, children, requests that come twice --------------------------------------------------------


def an_instance(item_id: str = "order-1:2") -> Call:
    return Call(item_id, "check", "echo", {}, {}, 10.0, 3, 1, instance=0)


def taken_instance(bench: Bench) -> None:
    case = submitted(bench.store)
    [first] = bench.store.read(shard(), 10).events
    committed(bench.store, case, placed=[an_instance()], handled=[first.id])
    bench.store.take_calls(shard(), "w1", 10)


def test_of_two_outcomes_of_an_instance_the_second_is_superseded(bench: Bench) -> None:
    taken_instance(bench)
    answered = Reported(CallAnswered("order-1:2", 1, {}), "c", instance=True)
    for _ in range(2):
        bench.store.report(shard(), "w1", [answered])
    events = [waiting.envelope.event for waiting in bench.store.read(shard(), 10).events]
    assert [isinstance(event, CallAnswered) and event.superseded for event in events] == [False, True]


def test_of_two_failures_of_one_attempt_of_an_instance_the_second_is_superseded(bench: Bench) -> None:
    taken_instance(bench)
    failed = Reported(CallFailed("order-1:2", 1, "timeout", "slow", True), "c", instance=True)
    bench.store.report(shard(), "w1", [failed])
    bench.store.report(shard(), "w1", [failed])
    events = [waiting.envelope.event for waiting in bench.store.read(shard(), 10).events]
    assert [isinstance(event, CallFailed) and event.superseded for event in events] == [False, True]


def test_an_instance_whose_call_was_dropped_reports_in_vain(bench: Bench) -> None:
    taken_instance(bench)
    case = bench.store.case("order-1")
    assert case is not None
    committed(bench.store, case, dropped=["order-1:2"])
    bench.store.report(shard(), "w1", [Reported(CallAnswered("order-1:2", 1, {}), "c", instance=True)])
    [waiting] = bench.store.read(shard(), 10).events
    assert isinstance(waiting.envelope.event, CallAnswered) and waiting.envelope.event.superseded


def test_what_instances_gave_is_kept_by_index_until_it_is_forgotten(store: Store) -> None:
    kept = [KeepResult("order-1:1", index, {"total": index * 10}) for index in (1, 0)]
    case = committed(store, submitted(store), results=kept)
    assert store.results("order-1:1") == {0: {"total": 0}, 1: {"total": 10}}
    committed(store, case, forgotten=["order-1:1"])
    assert store.results("order-1:1") == {}


def test_a_child_is_there_with_its_first_event_and_listed_below_its_parent(store: Store) -> None:
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    child = a_case("order-1.3", parent="order-1", created_at=7)
    begins = Envelope(child.id, CaseSubmitted({}, "ann"), "c")
    committed(store, case, started=[Submission(child, begins)], handled=[first.id])
    assert store.case("order-1.3") == child
    assert [waiting.envelope for waiting in store.read(shard(), 10).events] == [begins]
    assert [each.id for each in store.cases(CaseQuery(parent="order-1")).cases] == ["order-1.3"]
    assert store.cases(CaseQuery(parent="order-2")).cases == []


def test_the_data_of_a_case_stays_when_a_commit_does_not_change_it(store: Store) -> None:
    case = committed(store, submitted(store))
    after = case.copy()
    after.data, after.revision = {"total": [1, 2]}, case.revision + 1
    assert store.commit([Commit(case, after, codec.pack_case(after))]) == [Outcome.DONE]
    further = after.copy()
    further.counter, further.revision = 9, after.revision + 1
    assert store.commit([Commit(after, further, codec.pack_case(further))]) == [Outcome.DONE]
    stored = store.case(case.id)
    assert stored is not None and stored.data == {"total": [1, 2]} and stored.counter == 9


def test_an_event_that_comes_twice_with_one_mark_is_kept_once(store: Store) -> None:
    event, mark = Envelope("order-1", CaseCancelled("ann")), Once("key", "digest")
    assert not store.is_kept(1, mark)
    assert [store.append(1, [event], mark).kept for _ in range(2)] == [Kept.NEW, Kept.BEFORE]
    assert len(store.read(1, 10).events) == 1 and store.is_kept(1, mark)


def test_a_mark_that_stands_for_something_else_keeps_an_event_out(store: Store) -> None:
    event = Envelope("order-1", CaseCancelled("ann"))
    store.append(1, [event], Once("key", "digest"))
    assert store.append(1, [event], Once("key", "another")).kept is Kept.OTHER
    assert len(store.read(1, 10).events) == 1


# -- timers -----------------------------------------------------------------------------------------------------------


def timer_events(store: Store) -> list[TimerFired]:
    events = [waiting.envelope.event for waiting in store.read(shard(), 1_000).events]
    return [event for event in events if isinstance(event, TimerFired)]


def test_timers_that_are_due_become_events_once_and_in_order(store: Store) -> None:
    now = store.now()
    due = [(3, now - 5), (1, now - 10), (2, now + 3_600_000)]
    committed(store, submitted(store), timers_set=due)
    assert store.work()[shard()].due_timers == 2
    assert [fired.timers for fired in store.fire_timers([shard()], 10)] == [2]
    assert [fired.timers for fired in store.fire_timers([shard()], 10)] == [0]
    assert timer_events(store) == [TimerFired(1, now - 10), TimerFired(3, now - 5)]


def test_no_more_timers_fire_at_once_than_are_asked_for(store: Store) -> None:
    now = store.now()
    committed(store, submitted(store), timers_set=[(n, now - 100 + n) for n in range(10)])
    assert [fired.timers for fired in store.fire_timers([shard()], 4)] == [4]
    assert [event.number for event in timer_events(store)] == [0, 1, 2, 3]


def test_a_timer_that_was_cleared_does_not_fire(store: Store) -> None:
    now = store.now()
    case = committed(store, submitted(store), timers_set=[(1, now - 5), (2, now - 4)])
    committed(store, case, timers_cleared=[(1, now - 5)])
    store.fire_timers([shard()], 10)
    assert timer_events(store) == [TimerFired(2, now - 4)]


def test_firing_timers_rings_once_for_a_shard_that_nobody_drains(bench: Bench) -> None:
    store = bench.store
    now = store.now()
    case = submitted(store)
    bench.expire_bell(shard())
    case = committed(store, case, timers_set=[(1, now - 5)])
    assert store.fire_timers([shard()], 10)[0].ring
    committed(store, case, timers_set=[(2, now - 4)])
    assert not store.fire_timers([shard()], 10)[0].ring


def test_who_takes_a_shard_fires_its_timers(store: Store) -> None:
    now = store.now()
    committed(store, submitted(store), timers_set=[(1, now - 5)])
    assert store.acquire(shard(), "w1")
    assert timer_events(store) == [TimerFired(1, now - 5)]


# -- too much ---------------------------------------------------------------------------------------------------------


def test_a_shard_in_which_too_much_waits_takes_no_new_case(store: Store) -> None:
    submitted(store)
    further = Submission(a_case("order-1.9"), Envelope("order-1.9", CaseSubmitted({}, "ann"), "c"))
    assert store.submit([further], 1) == [Submitted(False, False, full=True)]
    assert store.case("order-1.9") is None
    assert store.submit([further], 2)[0].accepted


def test_calls_that_wait_count_too(store: Store) -> None:
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    committed(store, case, placed=[a_call()], handled=[first.id])
    event = Envelope("order-1", CaseCancelled("ann"))
    assert store.append(shard(), [event], most_waiting=1).kept is Kept.FULL
    assert store.append(shard(), [event], most_waiting=2).kept is Kept.NEW


def test_calls_under_way_are_no_backlog(store: Store) -> None:
    case = submitted(store)
    [first] = store.read(shard(), 10).events
    committed(store, case, placed=[a_call(), a_call("order-1:2")], handled=[first.id])
    taken = store.take_calls(shard(), "w1", 10)
    store.await_callbacks(shard(), "w1", [Awaited(taken[0].call.item, 1, 60_000)])
    event = Envelope("order-1", CaseCancelled("ann"))
    assert store.append(shard(), [event], most_waiting=1).kept is Kept.NEW


def test_a_full_shard_leaves_no_mark_of_what_it_refused(store: Store) -> None:
    submitted(store)
    event, mark = Envelope("order-1", CaseCancelled("ann")), Once("key", "digest")
    assert store.append(shard(), [event], mark, 1).kept is Kept.FULL
    assert store.append(shard(), [event], mark).kept is Kept.NEW


def test_events_that_are_parked_leave_the_stream_and_keep_their_order(store: Store) -> None:
    submitted(store)
    where = shard()
    cancelled = [Envelope("order-1", CaseCancelled(name)) for name in ("ann", "bob")]
    store.append(where, cancelled)
    lease = store.acquire(where, "w1")
    assert lease is not None
    store.park(lease._replace(number=lease.number + 1), store.read(where, 10).events)
    assert len(store.read(where, 10).events) == 3 and store.parked("order-1") == []
    store.park(lease, store.read(where, 10).events[1:])
    assert len(store.read(where, 10).events) == 1 and store.parked("order-1") == cancelled


def test_a_repair_writes_a_case_its_items_and_entries_anew(store: Store) -> None:
    submitted(store)
    where = shard()
    lease = store.acquire(where, "w1")
    assert lease is not None
    case = a_case("order-1")
    case.status, case.revision = CaseStatus.RUNNING, 3
    item = WorkItem("order-1:1", "order-1", "orders", "1", "main", "pick", "human", ItemState.OFFERED, 2, ("ann",))
    entry = Entry(5, CaseCancelled("ann"), digest=b"12345678")
    again = Envelope("order-1", CaseCancelled("bob"))
    store.park(lease, store.read(where, 10).events)
    repaired = Repaired(case, codec.pack_case(case), [item], [entry], [again], unparked=True)
    assert not store.repair(lease._replace(owner="w2"), repaired)
    assert store.repair(lease, repaired)
    assert store.case("order-1") == case and store.item("order-1:1") == item
    assert store.journal("order-1")[-1] == entry and store.parked("order-1") == []
    assert [waiting.envelope for waiting in store.read(where, 10).events] == [again]
    assert [found.id for found in store.cases(CaseQuery(status=CaseStatus.RUNNING)).cases] == ["order-1"]
    assert store.cases(CaseQuery(status=CaseStatus.SUBMITTED)).cases == []
    assert [found.id for found in store.items(ItemQuery(person="ann")).items] == ["order-1:1"]
