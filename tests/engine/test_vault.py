"""What a store as a whole means: one suite, run on memory, on fakeredis and on a real Redis."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest

from engine.case import Case, CaseStatus, PendingTimer, Run, RunState, TimerKind
from engine.effects import Call, KeepResult
from engine.errors import RecordDamaged
from engine.events import CallAnswered, CaseSubmitted, Envelope, TriggerPosted
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry
from engine.names import shard_of
from engine.resources.organisation import OrgUnit, Participant, Unit
from engine.store import codec
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.memory_vault import MemoryVault
from engine.store.port import Awaited, Commit, DeadLetter, ItemQuery, Once, Outcome, Reported, Store, Submission
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.redis_vault import RedisVault
from engine.store.registry import Registry, StoredSpecification, User
from engine.store.tree import Tree
from engine.store.vault import Vault

SHARDS = 4
BEGUN = 1_000


@dataclass
class Bench:
    """A store with its registry and both as a whole; `client` is that of a Redis."""

    store: Store
    registry: Registry
    vault: Vault
    client: Any = None


def memory_bench(shards: int) -> Bench:
    store, registry = MemoryStore(shards, lambda: 1_700_000_000_000), MemoryRegistry(lambda: 0)
    return Bench(store, registry, MemoryVault(store, registry))


def redis_bench(client: Any, shards: int) -> Bench:
    return Bench(RedisStore(client, shards), RedisRegistry(client), RedisVault(client, shards), client)


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield memory_bench(SHARDS)
    elif request.param == "fakeredis":
        yield redis_bench(fakeredis.FakeRedis(version=(7,)), SHARDS)
    else:
        yield redis_bench(request.getfixturevalue("redis_client"), SHARDS)


def a_case(case_id: str, **changes: Any) -> Case:
    given: dict[str, Any] = {"created_at": BEGUN, "counter": 4, **changes}
    return Case(case_id, "orders", "1", "main", given.pop("status", CaseStatus.RUNNING), **given)


def begin(store: Store, case: Case) -> Case:
    """A case whose first event was handled."""
    stub = Case(case.id, "orders", "1", "main", CaseStatus.SUBMITTED, created_at=BEGUN, parent=case.parent)
    first = Envelope(case.id, CaseSubmitted({}, "ann"))
    assert store.submit([Submission(stub, first)])[0].accepted
    shard = shard_of(case.id, store.shards)
    waiting = [each for each in store.read(shard, 100).events if each.envelope == first]
    commit = Commit(stub, case, codec.pack_case(case), handled=[each.id for each in waiting])
    commit.entries = [Entry(BEGUN, first.event, digest=commit.packed.digest)]
    assert store.commit([commit]) == [Outcome.DONE]
    return case


def a_busy_tree(store: Store) -> None:
    """A tree with something of every kind in it."""
    runs = {2: Run("call", RunState.EXECUTING), 3: Run("wait", RunState.EXECUTING), 4: Run("sub", RunState.EXECUTING)}
    timers = {1: PendingTimer(TimerKind.TASK, 3, 0, 9_000_000_000_000)}
    case = begin(store, a_case("order-1", runs=runs, timers=timers, data={"n": 1}))
    begin(store, a_case("order-1.4", parent="order-1"))
    after = case.copy()
    after.revision = 1
    item = WorkItem("order-1:1", "order-1", "orders", "1", "main", "pick", "human", ItemState.OFFERED, 0, ("ann",))
    commit = Commit(
        case,
        after,
        codec.pack_case(after),
        entries=[Entry(BEGUN + 1, TriggerPosted("x", 1, "ann"))],
        items={item.id: (None, item)},
        placed=[Call("order-1:2", "call", "echo", {}, {}, 10.0, 3, 5)],
        results=[],
        timers_set=[(1, 9_000_000_000_000)],
        dead=[DeadLetter(7, Envelope("order-1", TriggerPosted("dead", 1, "ann")), "E", "traceback")],
        parked=[Envelope("order-1", TriggerPosted("parked", 1, "ann"))],
    )
    assert store.commit([commit]) == [Outcome.DONE]
    shard = shard_of("order-1", store.shards)
    store.append(shard, [Envelope("order-1", TriggerPosted("late", 2, "ann"))], Once("order-1:abc", "digest"))
    store.append(shard, [Envelope("order-1.4", TriggerPosted("below", 3, "ann"))])


def whole(vault: Vault) -> dict[str, Tree]:
    return {tree.root: tree for roots in vault.roots(2**52) for tree in vault.trees(roots)}


def bare(tree: Tree) -> tuple[Any, ...]:
    """What of a tree stays the same in another store: all but when it was read and when its events came."""
    return tree.root, tree.cases, [packed for _, packed in tree.events], tree.dead


def test_a_tree_holds_everything_of_its_cases(bench: Bench) -> None:
    a_busy_tree(bench.store)
    [tree] = whole(bench.vault).values()
    order, child = tree.cases
    assert (order.id, child.id, order.case().data) == ("order-1", "order-1.4", {"n": 1})
    assert [len(order.journal), len(order.items), len(order.calls), len(order.parked)] == [2, 1, 1, 1]
    assert order.timers == ((1, 9_000_000_000_000),)
    assert (order.calls[0].head, order.calls[0].due) == ("waiting 0.", 5)
    events = [codec.unpack_envelope(packed) for _, packed in tree.events]
    assert [(each.case_id, each.event.name) for each in events] == [("order-1", "late"), ("order-1.4", "below")]  # type: ignore[union-attr]
    assert [codec.unpack_dead_letter(letter).error for letter in tree.dead] == ["E"]


@pytest.mark.parametrize("shards", [4, 7])
@pytest.mark.parametrize("target", ["memory", "fakeredis"])
def test_what_is_put_back_is_what_was_taken(bench: Bench, target: str, shards: int) -> None:
    a_busy_tree(bench.store)
    for n in range(20):
        begin(bench.store, a_case(f"other-{n}"))
    trees = whole(bench.vault)
    other = memory_bench(shards) if target == "memory" else redis_bench(fakeredis.FakeRedis(version=(7,)), shards)
    other.vault.put_trees([tree for tree in trees.values() if shard_of(tree.root, shards) == 0])
    for shard in range(1, shards):
        other.vault.put_trees([tree for tree in trees.values() if shard_of(tree.root, shards) == shard])
    other.vault.put_marks(list(bench.vault.marks()))
    assert {root: bare(tree) for root, tree in whole(other.vault).items()} == {
        root: bare(tree) for root, tree in trees.items()
    }
    assert [item.id for item in other.store.items(ItemQuery(person="ann")).items] == ["order-1:1"]
    assert [taken.call.item for taken in other.store.take_calls(shard_of("order-1", shards), "w", 5)] == ["order-1:2"]
    assert other.store.parked("order-1") == bench.store.parked("order-1")
    if target == "memory" and bench.client is None:
        assert other.store.is_kept(shard_of("order-1", shards), Once("order-1:abc", "digest"))


@pytest.mark.parametrize("wait_ms", [60_000, None])
def test_a_call_that_waits_for_its_callback_waits_for_it_in_another_store(bench: Bench, wait_ms: int | None) -> None:
    a_busy_tree(bench.store)
    shard = shard_of("order-1", SHARDS)
    bench.store.take_calls(shard, "w", 1)
    bench.store.await_callbacks(shard, "w", [Awaited("order-1:2", 1, wait_ms)])
    trees = whole(bench.vault)
    other = memory_bench(SHARDS)
    other.vault.put_trees(list(trees.values()))
    assert bare(whole(other.vault)["order-1"]) == bare(trees["order-1"])
    found = other.store.call_of("order-1:2")
    assert found is not None and found.awaited
    assert other.store.callback(shard, Reported(CallAnswered("order-1:2", 1, {}), "c")).accepted


def test_every_root_is_found_once_though_many_began_in_one_millisecond(bench: Bench) -> None:
    stubs = [a_case(f"c-{n}", status=CaseStatus.SUBMITTED) for n in range(1_300)]
    bench.store.submit([Submission(stub, Envelope(stub.id, CaseSubmitted({}, "ann"))) for stub in stubs])
    begin(bench.store, a_case("later", created_at=BEGUN))
    found = [root for roots in bench.vault.roots(BEGUN) for root in roots]
    assert sorted(found) == sorted(["later", *(stub.id for stub in stubs)])
    assert not list(bench.vault.roots(BEGUN - 1))


def test_results_of_instances_are_in_the_tree(bench: Bench) -> None:
    from engine.case import InstanceSet

    runs = {1: Run("many", RunState.EXECUTING, instances=InstanceSet(((2, 3),), 3, 3))}
    case = begin(bench.store, a_case("fan", runs=runs, counter=4))
    after = case.copy()
    after.revision = 1
    call = Call("fan:3", "many", "echo", {}, {}, 10.0, 3, 5, instance=1)
    kept = [KeepResult("fan:1", 0, {"x": 1})]
    assert bench.store.commit([Commit(case, after, codec.pack_case(after), placed=[call], results=kept)])
    shard = shard_of("fan", SHARDS)
    [taken] = bench.store.take_calls(shard, "w", 1)
    bench.store.report(shard, "w", [Reported(CallAnswered("fan:3", taken.attempt, {}), "", instance=True)])
    [tree] = whole(bench.vault).values()
    assert tree.cases[0].results == {"fan:1": {0: codec.pack_result({"x": 1})}}
    assert (tree.cases[0].calls[0].head, tree.cases[0].calls[0].due) == ("reported 1.", None)
    assert len(tree.events) == 1


def test_a_registry_goes_through_a_backup(bench: Bench) -> None:
    registry = bench.registry
    registry.put_specification(StoredSpecification("orders", "1", {"a": 1}, "text", "application/yaml", deployed_at=5))
    registry.put_specification(StoredSpecification("orders", "2", {"a": 2}, "text", "application/yaml", deployed_at=6))
    registry.put_participant(Participant("ann", "Ann", roles=("clerk",)))
    registry.put_unit(Unit.ROLES, OrgUnit("clerk", "Clerk", parent="staff"))
    registry.put_user(User("ann", "hash", ("admin",)))
    for other in (memory_bench(2), redis_bench(fakeredis.FakeRedis(version=(7,)), 2)):
        before = other.registry.organisation_version()
        for kept in bench.vault.registry():
            other.vault.put_registry(kept)
        assert other.registry.specifications() == registry.specifications()
        assert other.registry.latest_version("orders") == "2"
        assert other.registry.participants() == registry.participants()
        assert other.registry.units(Unit.ROLES) == registry.units(Unit.ROLES)
        assert other.registry.organisation_changes(before) is None
        assert other.registry.users() == registry.users()
        assert other.registry.organisation_version() != before


def test_a_store_with_its_first_user_alone_is_empty(bench: Bench) -> None:
    assert bench.vault.contents().empty
    bench.registry.put_user(User("admin"))
    bench.registry.put_participant(Participant("admin"))
    assert bench.vault.contents().empty
    bench.registry.put_user(User("ann"))
    assert str(bench.vault.contents()) in ("2 users", "1 participant, 2 users")


def test_a_store_says_what_it_holds_and_that_a_restore_was_cut_off(bench: Bench) -> None:
    bench.vault.begin_restore("a.backup")
    assert str(bench.vault.contents()) == "what a restore of a.backup left when it was cut off"
    bench.vault.end_restore()
    begin(bench.store, a_case("order-1"))
    assert str(bench.vault.contents()) == "1 case"


def ended(store: Store, case_id: str, at: int, **changes: Any) -> Case:
    return begin(store, a_case(case_id, status=CaseStatus.COMPLETED, ended_at=at, **changes))


def test_cases_that_ended_before_a_moment_are_found_page_by_page(bench: Bench) -> None:
    for n in range(30):
        ended(bench.store, f"old-{n}", BEGUN + 10)
        ended(bench.store, f"new-{n}", BEGUN + 1_000)
        begin(bench.store, a_case(f"runs-{n}"))
    found: list[str] = []
    for shard in range(SHARDS):
        after, pages = None, 0
        while True:
            page = bench.vault.ended(shard, BEGUN + 500, 4, after)
            found += page.roots
            after, pages = page.next, pages + 1
            if after is None:
                break
        assert pages > 1
    assert sorted(found) == sorted(f"old-{n}" for n in range(30))


def test_a_removed_tree_leaves_nothing(bench: Bench) -> None:
    before = set(bench.client.keys()) if bench.client is not None else set()
    ended(bench.store, "order-1", BEGUN + 10)
    ended(bench.store, "order-1.4", BEGUN + 5, parent="order-1")
    [tree] = whole(bench.vault).values()
    assert bench.vault.remove(tree)
    assert bench.store.case("order-1") is None
    assert bench.store.journal("order-1.4") == []
    assert bench.vault.contents().empty
    assert not bench.vault.remove(tree)
    if bench.client is not None:
        # What is left is of the shard: its lease, and its stream without an event.
        assert {key for key in bench.client.scan_iter() if not key.endswith((b":lease", b":events"))} == before


def test_a_tree_that_changed_is_not_removed(bench: Bench) -> None:
    case = ended(bench.store, "order-1", BEGUN + 10)
    [tree] = whole(bench.vault).values()
    after = case.copy()
    after.revision += 1
    assert bench.store.commit([Commit(case, after, codec.pack_case(after))]) == [Outcome.DONE]
    assert not bench.vault.remove(tree)
    assert bench.store.case("order-1") is not None


def test_a_tree_that_cannot_be_read_is_told_and_the_others_are_given(redis_client: Any) -> None:
    bench = redis_bench(redis_client, SHARDS)
    for case_id in ("order-1", "order-2"):
        begin(bench.store, a_case(case_id))
    redis_client.hset(f"{{{shard_of('order-1', SHARDS)}}}:case:order-1", "body", b"\xc1")
    told: dict[str, str] = {}
    found = [
        tree.root
        for roots in bench.vault.roots(2**52)
        for tree in bench.vault.trees(roots, lambda root, damage: told.update({root: damage.message}))
    ]
    assert (found, list(told)) == (["order-2"], ["order-1"])
    assert told["order-1"].startswith("the record of case order-1 cannot be read")
    with pytest.raises(RecordDamaged):
        whole(bench.vault)
