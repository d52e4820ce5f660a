"""The memory store as actors reach it: each operation is a point where they meet and where faults strike.

Batches that the Redis store sends as plain pipelines (commits, submissions, outcomes) may be done in part here too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from engine.case import Case
from engine.effects import Call
from engine.errors import Unavailable
from engine.events import Envelope
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.names import shard_of
from engine.resources.history import Counter
from engine.store.port import (
    Appended,
    Awaited,
    CalledBack,
    CasePage,
    CaseQuery,
    Changes,
    Commit,
    DeadLetter,
    Fired,
    Incoming,
    ItemPage,
    ItemQuery,
    Lease,
    Loaded,
    Moved,
    Once,
    OpenCall,
    Outcome,
    Repaired,
    Reported,
    ShardWork,
    Store,
    Submission,
    Submitted,
    Taken,
    Waiting,
)
from tests.simulation.operations import Operations
from tests.simulation.watch import Watch

T = TypeVar("T")


def away() -> Unavailable:
    """What the caller sees when the store does not answer."""
    return Unavailable("the simulated store is away", code="store_unavailable")


class FaultyStore:
    """A store whose operations are those of another one, with faults. The watch looks at each change at once."""

    def __init__(self, inner: Store, operations: Operations, watch: Watch) -> None:
        self._inner = inner
        self._operations = operations
        self._watch = watch

    def _do(self, name: str, act: Callable[[], T], partly: Callable[[float], None] | None = None) -> T:
        return self._operations.do(name, act, away, partly)

    def _seen(self, act: Callable[[], T], shards: Iterable[int], cases: Sequence[str] = ()) -> T:
        """Changes the store, and has it looked at."""
        answer = act()
        for shard in sorted(set(shards)):
            self._watch.look(shard, [case for case in cases if shard_of(case, self.shards) == shard])
        return answer

    @property
    def shards(self) -> int:
        return self._inner.shards

    def now(self) -> int:
        return self._do("now", self._inner.now)

    def submit(self, submissions: Sequence[Submission], most_waiting: int | None = None) -> list[Submitted]:
        def act(some: Sequence[Submission]) -> list[Submitted]:
            shards = [shard_of(stub.id, self.shards) for stub, _ in some]
            return self._seen(lambda: self._inner.submit(some, most_waiting), shards)

        name = f"submit {[stub.id for stub, _ in submissions]}"
        return self._do(name, lambda: act(submissions), lambda share: _ignore(act(_first(submissions, share))))

    def append(
        self, shard: int, envelopes: Sequence[Envelope], once: Once | None = None, most_waiting: int | None = None
    ) -> Appended:
        def act() -> Appended:
            return self._seen(lambda: self._inner.append(shard, envelopes, once, most_waiting), [shard])

        return self._do(f"append {envelopes}", act)

    def is_kept(self, shard: int, once: Once) -> bool:
        return self._do("is_kept", lambda: self._inner.is_kept(shard, once))

    def fire_timers(self, shards: Sequence[int], limit: int) -> list[Fired]:
        def act(some: Sequence[int]) -> list[Fired]:
            return self._seen(lambda: self._inner.fire_timers(some, limit), some)

        return self._do("fire_timers", lambda: act(shards), lambda share: _ignore(act(_first(shards, share))))

    def acquire(self, shard: int, owner: str) -> Lease | None:
        def act() -> Lease | None:
            lease = self._seen(lambda: self._inner.acquire(shard, owner), [shard])
            if lease is not None:
                self._watch.acquired(lease)
            return lease

        return self._do(f"acquire {shard}", act)

    def release(self, lease: Lease, *, unfinished: bool = False) -> bool:
        return self._do(f"release {lease.shard}", lambda: self._inner.release(lease, unfinished=unfinished))

    def read(self, shard: int, limit: int) -> Incoming:
        return self._do(f"read {shard}", lambda: self._inner.read(shard, limit))

    def load(self, case_ids: Iterable[str], item_ids: Iterable[str]) -> Loaded:
        cases, items = list(case_ids), list(item_ids)
        return self._do(f"load {cases} {items}", lambda: self._inner.load(cases, items))

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        def act(some: Sequence[Commit]) -> list[Outcome]:
            cases = [commit.after.id for commit in some]
            shards = [shard_of(case, self.shards) for case in cases]
            with self._watch.committing(some):
                outcomes = self._seen(lambda: self._inner.commit(some, lease), shards, cases)
            self._watch.committed(some, outcomes, lease)
            return outcomes

        by = f"lease {lease.number}" if lease is not None else "request"
        named = [(commit.after.id, commit.after.revision, commit.handled) for commit in commits]
        name = f"commit by {by} {named}"
        return self._do(name, lambda: act(commits), lambda share: _ignore(act(_first(commits, share))))

    def park(self, lease: Lease, waiting: Sequence[Waiting]) -> None:
        act = partial(self._inner.park, lease, waiting)
        self._do(f"park {waiting}", lambda: self._seen(act, [lease.shard]))

    def repair(self, lease: Lease, repaired: Repaired) -> bool:
        act = partial(self._inner.repair, lease, repaired)
        return self._do(f"repair {repaired.case.id}", lambda: self._seen(act, [lease.shard], [repaired.case.id]))

    def discard(self, lease: Lease, handled: Sequence[str]) -> None:
        act = partial(self._inner.discard, lease, handled)
        self._do(f"discard {handled}", lambda: self._seen(act, [lease.shard]))

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        name = f"move {before.id} {before.state} to {after.state}"
        act = partial(self._inner.move, before, after, entry, envelope)
        shard = shard_of(before.id, self.shards)
        return self._do(name, lambda: self._seen(act, [shard], [before.case_id]))

    def take_calls(self, shard: int, owner: str, limit: int, known: Sequence[Call] = ()) -> list[Taken]:
        return self._do(f"take_calls {shard}", lambda: self._inner.take_calls(shard, owner, limit, known))

    def take_named(self, shard: int, owner: str, items: Sequence[str], *, paused: bool = False) -> list[Taken]:
        return self._do(f"take_named {items}", lambda: self._inner.take_named(shard, owner, items, paused=paused))

    def report(self, shard: int, owner: str, outcomes: Sequence[Reported]) -> bool:
        def act(some: Sequence[Reported]) -> bool:
            return self._seen(lambda: self._inner.report(shard, owner, some), [shard])

        name = f"report {[report.event for report in outcomes]}"
        return self._do(name, lambda: act(outcomes), lambda share: _ignore(act(_first(outcomes, share))))

    def renew(self, shard: int, owner: str, taken: Sequence[Taken]) -> list[str]:
        return self._do("renew", lambda: self._inner.renew(shard, owner, taken))

    def hand_back(self, shard: int, owner: str, taken: Sequence[Taken], pause_ms: int = 0) -> None:
        def partly(share: float) -> None:
            self._inner.hand_back(shard, owner, _first(taken, share), pause_ms)

        self._do("hand_back", lambda: self._inner.hand_back(shard, owner, taken, pause_ms), partly)

    def await_callbacks(self, shard: int, owner: str, awaited: Sequence[Awaited]) -> None:
        def partly(share: float) -> None:
            self._inner.await_callbacks(shard, owner, _first(awaited, share))

        self._do("await_callbacks", lambda: self._inner.await_callbacks(shard, owner, awaited), partly)

    def call_of(self, item_id: str) -> OpenCall | None:
        return self._do(f"call_of {item_id}", lambda: self._inner.call_of(item_id))

    def callback(self, shard: int, reported: Reported) -> CalledBack:
        def act() -> CalledBack:
            return self._inner.callback(shard, reported)

        return self._do(f"callback {reported.event}", act)

    def case(self, case_id: str) -> Case | None:
        return self._do(f"case {case_id}", lambda: self._inner.case(case_id))

    def item(self, item_id: str) -> WorkItem | None:
        return self._do(f"item {item_id}", lambda: self._inner.item(item_id))

    def items_of(self, case_id: str) -> list[WorkItem]:
        return self._do(f"items_of {case_id}", lambda: self._inner.items_of(case_id))

    def results(self, run: str) -> Mapping[int, dict[str, Any]]:
        return self._do(f"results {run}", lambda: self._inner.results(run))

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        return self._do("workloads", lambda: self._inner.workloads(people))

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        return self._do(f"history {task}", lambda: self._inner.history(specification, task, people, counters))

    def calls_of(self, case_id: str) -> list[Call]:
        return self._do(f"calls_of {case_id}", lambda: self._inner.calls_of(case_id))

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]:
        return self._do(f"journal {case_id}", lambda: self._inner.journal(case_id, start, limit))

    def cases(self, query: CaseQuery) -> CasePage:
        return self._do("cases", lambda: self._inner.cases(query))

    def items(self, query: ItemQuery) -> ItemPage:
        return self._do(f"items {query.person}", lambda: self._inner.items(query))

    def changes(self, position: str | None, limit: int, wait_ms: int) -> Changes:
        return self._do("changes", lambda: self._inner.changes(position, limit, wait_ms))

    def missed(self, position: str) -> bool:
        return self._do("missed", lambda: self._inner.missed(position))

    def work(self) -> list[ShardWork]:
        return self._do("work", self._inner.work)

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        return self._do(f"dead_letters {shard}", lambda: self._inner.dead_letters(shard))

    def parked(self, case_id: str) -> list[Envelope]:
        return self._do(f"parked {case_id}", lambda: self._inner.parked(case_id))


def _first(batch: Sequence[T], share: float) -> Sequence[T]:
    """The part of a batch that is done when the connection breaks."""
    return batch[: int(len(batch) * share)]


def _ignore(_: object) -> None:
    """Nobody hears what became of a batch that was cut."""
