"""A tree made by its journals is the tree that stood there at that moment."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from engine.backup.as_of import as_of
from engine.backup.checking import differences_of
from engine.case import CaseStatus
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.errors import Refusal
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseCancelled,
    CaseFaulted,
    CaseResumed,
    CaseRetried,
    CaseSuspended,
    Distributed,
    Envelope,
    Event,
    ItemCompleted,
    TriggerPosted,
)
from engine.items.work_item import LIVE
from engine.names import shard_of
from engine.runner import Runner
from engine.spec.read import read_specification
from engine.step import STEPS
from engine.store import codec
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.memory_vault import MemoryVault
from engine.store.port import LEASE_MS, Reported
from engine.store.registry import StoredSpecification
from engine.store.tree import CallRecord, Tree
from engine.submission import submission
from engine.worklist import Worklist

EVERYTHING = """
specification: everything
version: "1"
nets:
  main:
    variables:
      sum: {schema: {type: integer}, output: true}
    start: split
    tasks:
      split: {kind: routing, next: [fan, below, ask, wait]}
      fan:
        kind: automated
        connector: echo
        retry: {attempts: 3, backoff_s: 0.01}
        input: {value: {expr: "i"}}
        instances: {count: 4, as: i, gather: {variable: sum, from: "$.value", with: sum}}
        next: last
      below: {kind: composite, net: leaf, next: last}
      ask: {kind: human, offer: {roles: [clerk]}, timer: {after: PT0.05S, then: remind}, next: last}
      wait: {kind: routing, trigger: {name: go, kind: persistent}, next: last}
      last: {kind: human, join: and, offer: {roles: [clerk]}, next: end}
  leaf:
    start: work
    tasks:
      work: {kind: human, offer: {roles: [clerk]}, timer: {after: PT0.03S, then: skip}, next: call}
      call: {kind: automated, connector: echo, retry: {attempts: 2, backoff_s: 0.01}, next: end}
"""

SHARDS = 2


class Clerks:
    """Offers everything to ann and bob."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item, ("ann", "bob"))


class World:
    """A store in memory whose time stands still until the test lets it go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.store = MemoryStore(SHARDS, lambda: self.now)
        registry = MemoryRegistry(lambda: self.now)
        self.vault = MemoryVault(self.store, registry)
        self.specification = read_specification(EVERYTHING)
        document = dict(self.specification.document)
        registry.put_specification(StoredSpecification("everything", "1", document, EVERYTHING, "application/yaml"))
        self.definitions = Definitions(registry)
        self.runner = Runner(self.store, self.definitions, Clerks)
        self.worklist = Worklist(self.store, self.runner)

    @property
    def shard(self) -> int:
        return shard_of("c", SHARDS)

    def submit(self) -> None:
        self.store.submit([submission(self.specification, "c", {}, by="t", correlation_id="x", at=self.now)])

    def post(self, event: Event) -> None:
        self.store.append(self.shard, [Envelope("c", event, "x")])

    def drain(self) -> None:
        self.store.fire_timers([self.shard], 100)
        for _ in range(50):
            if self.runner.drain(self.shard, "w") is None:
                self.now += LEASE_MS
            if not self.store.read(self.shard, 1).events:
                return
        raise AssertionError("it does not come to rest")

    def tree(self) -> Tree:
        [tree] = self.vault.trees(["c"])
        return tree

    def as_of(self, moment: int) -> Tree | None:
        return as_of(self.tree(), moment, self.definitions)


def act(world: World, chance: random.Random) -> None:
    """One thing that somebody does, if it is possible now."""
    tree = world.tree()
    items = [codec.unpack_item(packed) for record in tree.cases for packed in record.items]
    live = [item for item in items if item.state in LIVE]
    what = chance.choice(["call", "call", "call", "item", "item", "item", "go", "suspend", "resume", "cancel", "wait"])
    if what == "call":
        for call, attempt in world.store.take_calls(world.shard, "w", 1):
            outcome: CallAnswered | CallFailed = CallAnswered(call.item, attempt, {"value": 1})
            if chance.random() < 0.3:
                outcome = CallFailed(call.item, attempt, "timeout", "slow", True)
            world.store.report(world.shard, "w", [Reported(outcome, "x", call.instance is not None)])
    elif what == "item" and live:
        item = chance.choice(live)
        move = chance.choice([world.worklist.claim, world.worklist.start, world.worklist.reject_offer])
        try:
            if chance.random() < 0.4:
                world.worklist.complete(item.id, {}, "ann")
            else:
                move(item.id, "ann")
        except Refusal:
            return
    elif what == "go":
        world.post(TriggerPosted("go", {"n": 1}, "ann"))
    elif what == "suspend":
        world.post(CaseSuspended("ann"))
    elif what == "resume":
        world.post(CaseResumed("ann"))
    elif what == "cancel" and chance.random() < 0.05:
        world.post(CaseCancelled("ann"))


def compared(tree: Tree) -> tuple[Any, ...]:
    """A tree without what a journal does not tell: who makes a call, and how often events were read."""
    cases = [
        replace(
            record,
            items=tuple(sorted(record.items)),
            calls=tuple(sorted((_compared(call) for call in record.calls), key=lambda call: call.call)),
            timers=tuple(sorted(record.timers)),
        )
        for record in tree.cases
    ]
    return cases, sorted(packed for _, packed in tree.events), tree.dead


def _compared(call: CallRecord) -> CallRecord:
    taken = call.head.startswith("taken ")
    return replace(call, head="" if taken or call.head.startswith("waiting ") else call.head, due=None)


@pytest.mark.parametrize("seed", range(60))
def test_at_every_moment_at_rest_the_journals_give_what_stood_there(seed: int) -> None:
    chance, world = random.Random(seed), World()
    before = world.now
    world.now += 1
    world.submit()
    stood: dict[int, Tree] = {}
    for _ in range(60):
        world.drain()
        stood[world.now] = world.tree()
        world.now += chance.choice([1, 1, 1, 20])
        act(world, chance)
    assert list(differences_of(world.tree(), world.definitions)) == []
    for moment, tree in stood.items():
        then = world.as_of(moment)
        assert then is not None
        assert compared(then) == compared(tree), moment
    assert world.as_of(before) is None


def test_what_a_step_sent_and_nobody_had_taken_is_on_its_way_again() -> None:
    world = World()
    came = world.now
    world.submit()
    world.now += 100
    world.drain()  # the step of the moment before sends the first event to its child now
    then = world.as_of(came + 50)
    assert then is not None
    [root, child] = then.cases
    assert [root.case().status, child.case().status] == [CaseStatus.RUNNING, CaseStatus.SUBMITTED]
    assert [codec.unpack_envelope(packed).case_id for _, packed in then.events] == [child.id]


def test_a_completion_that_waits_stands_although_its_case_has_not_taken_it() -> None:
    world = World()
    world.submit()
    world.drain()
    [item] = [item.id for item in world.store.items_of("c") if item.task == "ask"]
    world.now += 10
    world.worklist.start(item, "ann")
    world.now += 10
    done_at = world.now
    world.worklist.complete(item, {}, "ann")
    assert list(differences_of(world.tree(), world.definitions)) == []
    for moment, state in ((done_at, "completed"), (done_at - 1, "started")):
        then = world.as_of(moment)
        assert then is not None
        found = {each.id: each.state for each in map(codec.unpack_item, then.cases[0].items)}
        assert found[item] == state
        assert len(then.events) == (1 if state == "completed" else 0)
        waiting = [codec.unpack_envelope(packed).event for _, packed in then.events]
        assert all(isinstance(event, ItemCompleted) for event in waiting)


def test_what_could_not_be_handled_is_set_aside_again_although_it_was_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    world = World()
    world.submit()
    world.drain()
    world.now += 10
    with monkeypatch.context() as patched:
        patched.setitem(STEPS, TriggerPosted, broken)
        world.post(TriggerPosted("go", 1, "ann"))
        world.drain()
        world.post(TriggerPosted("go", 2, "ann"))
        world.drain()
    stood, moment = world.tree(), world.now
    assert [len(stood.dead), len(stood.cases[0].parked)] == [1, 1]
    world.now += 10
    world.post(CaseRetried("ann"))
    world.drain()
    assert world.tree().dead == ()
    then = world.as_of(moment)
    assert then is not None
    assert then.cases[0].case().status is CaseStatus.FAULTED
    assert then.cases[0].parked == stood.cases[0].parked
    [letter] = map(codec.unpack_dead_letter, then.dead)
    assert letter.envelope == codec.unpack_dead_letter(stood.dead[0]).envelope
    assert letter.error == "ZeroDivisionError: a bug"
    assert not any(isinstance(codec.unpack_entry(e).event, CaseRetried) for e in then.cases[0].journal)
    assert any(isinstance(codec.unpack_entry(e).event, CaseFaulted) for e in then.cases[0].journal)
