"""The case store in memory: complete, the reference for what the port means, and what `casewright play` runs on."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import Any, NamedTuple

from engine import names
from engine.case import Case
from engine.effects import Call
from engine.errors import RecordDamaged
from engine.events import CallFailed, Envelope, TimerFired
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.resources.history import IN_HAND, Counter, add, counted, joined
from engine.store import awaiting, codec, positions
from engine.store.exception_log import past_exceptions
from engine.store.happenings import Notice, mover, notice_of_case, notice_of_item, reminders
from engine.store.memory_happenings import MemoryHappenings
from engine.store.paging import Cursor, page
from engine.store.paging_items import page_of_items
from engine.store.port import (
    BELL_MS,
    CHANGES_KEPT,
    LEASE_MS,
    ONCE_S,
    TIMERS_PER_DRAIN,
    Appended,
    Awaited,
    CalledBack,
    CasePage,
    CaseQuery,
    Change,
    Changes,
    Commit,
    DeadLetter,
    Fired,
    Incoming,
    ItemPage,
    ItemQuery,
    Kept,
    Lease,
    Loaded,
    Moved,
    Once,
    OpenCall,
    Outcome,
    PackedCase,
    Repaired,
    Reported,
    ShardWork,
    Submission,
    Submitted,
    Taken,
    Waiting,
    hold_ms,
    taken_at,
)


class StoredCase(NamedTuple):
    """A case with its head, which says what it stands at without being unpacked."""

    head: str
    packed: PackedCase

    def unpacked(self) -> Case:
        return codec.unpack_case(self.packed.body, self.packed.data)


@dataclass(slots=True)
class StoredCall:
    """A call with its head: waiting or taken, after so many attempts, and when it is due (None: it was reported)."""

    call: Call
    head: str
    due: int | None


@dataclass(slots=True)
class Shard:
    """What one partition holds."""

    events: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    last_event: tuple[int, int] = (0, 0)
    number: int = 0
    owner: str = ""
    expires: int = 0
    bell: int | None = None
    strikes: int = 0
    suspect: str = ""
    cases: dict[str, "StoredCase"] = field(default_factory=dict)
    results: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    journals: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    items: dict[str, WorkItem] = field(default_factory=dict)
    calls: dict[str, StoredCall] = field(default_factory=dict)
    timers: dict[tuple[str, int], int] = field(default_factory=dict)
    once: dict[str, tuple[str, int]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    parked: dict[str, list[Envelope]] = field(default_factory=lambda: defaultdict(list))
    changes: deque[tuple[int, Change]] = field(default_factory=lambda: deque(maxlen=CHANGES_KEPT))
    changed: int = 0
    words: dict[str, frozenset[str]] = field(default_factory=dict)
    histories: dict[tuple[str, str], dict[str, dict[Counter, int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )

    def is_full(self, most_waiting: int | None, now: int) -> bool:
        """Whether so many events wait, and calls that are to be made."""
        if most_waiting is None:
            return False
        due = sum(record.due is not None and record.due <= now for record in self.calls.values())
        return len(self.events) + due >= most_waiting


class MemoryStore:
    """The case store in memory. `clock` gives milliseconds since 1970. Safe for use by several threads.

    Records are kept packed where the Redis store keeps them packed, so that nothing a caller holds can change them.
    """

    def __init__(self, shards: int, clock: Callable[[], int], happenings: MemoryHappenings | None = None) -> None:
        self._clock = clock
        self._happenings = happenings or MemoryHappenings()
        self._shards = [Shard() for _ in range(shards)]
        self._lock = RLock()
        self._changed = Condition(self._lock)

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return len(self._shards)

    def now(self) -> int:
        """The time of the clock."""
        return self._clock()

    def opened(self) -> tuple[RLock, list["Shard"]]:
        """The records themselves, and the lock to hold meanwhile: for `memory_vault`, to which a store is a whole."""
        return self._lock, self._shards

    def submit(self, submissions: Sequence[Submission], most_waiting: int | None = None) -> list[Submitted]:
        answers = []
        with self._lock:
            for stub, envelope in submissions:
                shard = self._of(stub.id)
                if stub.id in shard.cases:
                    answers.append(Submitted(False, False))
                    continue
                if shard.is_full(most_waiting, self.now()):
                    answers.append(Submitted(False, False, full=True))
                    continue
                shard.cases[stub.id] = StoredCase(codec.case_head(stub), codec.pack_case(stub))
                self._append(shard, envelope)
                answers.append(Submitted(True, self._must_ring(shard)))
        return answers

    def append(
        self, shard: int, envelopes: Sequence[Envelope], once: Once | None = None, most_waiting: int | None = None
    ) -> Appended:
        with self._lock:
            held = self._shards[shard]
            if once is not None:
                digest, until = held.once.get(once.name, ("", 0))
                if until > self.now():
                    return Appended(Kept.BEFORE if digest == once.digest else Kept.OTHER, False)
            if held.is_full(most_waiting, self.now()):
                return Appended(Kept.FULL, False)
            if once is not None:
                held.once[once.name] = (once.digest, self.now() + ONCE_S * 1000)
            for envelope in envelopes:
                self._append(held, envelope)
            return Appended(Kept.NEW, self._must_ring(held))

    def is_kept(self, shard: int, once: Once) -> bool:
        with self._lock:
            digest, until = self._shards[shard].once.get(once.name, ("", 0))
            return until > self.now() and digest == once.digest

    def fire_timers(self, shards: Sequence[int], limit: int) -> list[Fired]:
        with self._lock:
            fired = []
            for shard in shards:
                timers = self._fire(self._shards[shard], limit)
                fired.append(Fired(timers, self._must_ring(self._shards[shard]) if timers else False))
            return fired

    def acquire(self, shard: int, owner: str) -> Lease | None:
        with self._lock:
            held = self._shards[shard]
            strikes = 0
            if self._is_drained(held):
                return None
            # One that ends later than any can now was taken before the clock went back, and nobody died of anything.
            if held.owner and held.expires <= self.now():
                suspect = next(iter(held.events), "")
                strikes = held.strikes + 1 if suspect and suspect == held.suspect else 1
                held.strikes, held.suspect = strikes, suspect
            held.number += 1
            self._fire(held, TIMERS_PER_DRAIN)
            held.owner, held.expires, held.bell = owner, self.now() + LEASE_MS, None
            return Lease(shard, held.number, owner, strikes)

    def release(self, lease: Lease, *, unfinished: bool = False) -> bool:
        with self._lock:
            shard = self._shards[lease.shard]
            if not self._holds(lease):
                return True
            if shard.events and not unfinished:
                return False
            shard.owner, shard.strikes, shard.suspect = "", 0, ""
            if unfinished:
                shard.bell = self.now()
            return True

    def read(self, shard: int, limit: int) -> Incoming:
        with self._lock:
            now, events = self.now(), list(self._shards[shard].events.items())[:limit]
        waiting = []
        for identifier, (made, packed) in events:
            envelope = codec.unpack_envelope(packed)
            waiting.append(Waiting(identifier, taken_at(made, now, envelope), envelope))
        return Incoming(waiting, now)

    def load(self, case_ids: Iterable[str], item_ids: Iterable[str]) -> Loaded:
        with self._lock:
            stored = {case_id: self._of(case_id).cases.get(case_id) for case_id in case_ids}
            items = {item_id: self._of(item_id).items.get(item_id) for item_id in item_ids}
            cases, damaged = dict[str, Case](), dict[str, str]()
            for case_id, record in stored.items():
                try:
                    if record is not None:
                        cases[case_id] = record.unpacked()
                except RecordDamaged as damage:
                    damaged[case_id] = damage.message
            return Loaded(
                cases,
                {item_id: item for item_id, item in items.items() if item},
                self.now(),
                {case_id: record.packed.data for case_id, record in stored.items() if record},
                damaged,
            )

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        with self._lock:
            return [self._commit(commit, lease) for commit in commits]

    def park(self, lease: Lease, waiting: Sequence[Waiting]) -> None:
        with self._lock:
            shard = self._shards[lease.shard]
            if self._holds(lease):
                for event in waiting:
                    if shard.events.pop(event.id, None) is not None:
                        shard.parked[event.envelope.case_id].append(event.envelope)

    def repair(self, lease: Lease, repaired: Repaired) -> bool:
        with self._lock:
            shard, case = self._shards[lease.shard], repaired.case
            if not self._holds(lease):
                return False
            shard.cases[case.id] = StoredCase(codec.case_head(case), repaired.packed)
            shard.words[case.id] = repaired.words
            for item in repaired.items:
                self._put_item(shard, item)
            shard.journals[case.id] += map(codec.pack_entry, repaired.entries)
            for envelope in repaired.appended:
                self._append(shard, envelope)
            if repaired.unparked:
                shard.parked.pop(case.id, None)
            return True

    def discard(self, lease: Lease, handled: Sequence[str]) -> None:
        with self._lock:
            if self._holds(lease):
                for identifier in handled:
                    self._shards[lease.shard].events.pop(identifier, None)

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        with self._lock:
            shard = self._of(before.id)
            stored = shard.cases.get(before.case_id)
            live = stored is not None and stored.head.startswith(codec.LIVE_CASE)
            if not live or not self._is(shard, before):
                return Moved(False, False)
            self._put_move(shard, before, after, (entry, envelope))
            if entry is not None:
                shard.journals[before.case_id].append(codec.pack_entry(entry))
            if envelope is None:
                return Moved(True, False)
            self._append(shard, envelope)
            return Moved(True, self._must_ring(shard))

    def take_calls(self, shard: int, owner: str, limit: int, known: Sequence[Call] = ()) -> list[Taken]:
        with self._lock:
            calls, now = self._shards[shard].calls, self.now()
            if known:
                waiting = codec.waiting_call_head(0)
                wanted = [calls[call.item] for call in known if call.item in calls and calls[call.item].head == waiting]
            else:
                due = [record for record in calls.values() if record.due is not None and record.due <= now]
                wanted = sorted(due, key=lambda record: record.due or 0)
            for record in [record for record in wanted if awaiting.is_awaited(record.head)]:
                self._called_back(self._shards[shard], record, awaiting.overdue(record.call, record.head))
                wanted.remove(record)
            return [self._taken(record, owner) for record in wanted[:limit]]

    def take_named(self, shard: int, owner: str, items: Sequence[str], *, paused: bool = False) -> list[Taken]:
        with self._lock:
            calls, now = self._shards[shard].calls, self.now()
            named = [calls[item] for item in items if item in calls and not awaiting.is_awaited(calls[item].head)]
            return [
                self._taken(each, owner)
                for each in named
                if each.due is not None and (each.head.startswith(codec.WAITING_CALL) if paused else each.due <= now)
            ]

    def report(self, shard: int, owner: str, outcomes: Sequence[Reported]) -> bool:
        with self._lock:
            held = self._shards[shard]
            for report in outcomes:
                event, record = report.event, held.calls.get(report.event.item)
                head = record.head if record is not None else ""
                counts = True
                if report.uncommitted or isinstance(event, CallFailed):
                    counts = head == codec.taken_call_head(event.attempt, owner)
                elif report.instance:
                    counts = head.startswith(codec.TAKEN_CALL)
                if not counts and report.uncommitted:
                    continue
                if not counts:
                    event = report.superseded()
                elif record is not None:
                    record.due = None
                    if report.instance or report.uncommitted:
                        record.head = codec.reported_call_head(event.attempt)
                self._append(held, Envelope(names.case_of(event.item), event, report.correlation_id))
            return self._must_ring(held)

    def renew(self, shard: int, owner: str, taken: Sequence[Taken]) -> list[str]:
        lost = []
        with self._lock:
            for call, attempt in taken:
                record = self._shards[shard].calls.get(call.item)
                if record is not None and record.due and record.head == codec.taken_call_head(attempt, owner):
                    record.due = self.now() + hold_ms(call)
                else:
                    lost.append(call.item)
        return lost

    def hand_back(self, shard: int, owner: str, taken: Sequence[Taken], pause_ms: int = 0) -> None:
        with self._lock:
            for call, attempt in taken:
                record = self._shards[shard].calls.get(call.item)
                if record is not None and record.head == codec.taken_call_head(attempt, owner):
                    record.head = codec.waiting_call_head(attempt - 1)
                    record.due = self.now() + pause_ms

    def await_callbacks(self, shard: int, owner: str, awaited: Sequence[Awaited]) -> None:
        with self._lock:
            for item, attempt, wait_ms in awaited:
                record = self._shards[shard].calls.get(item)
                if record is not None and record.due and record.head == codec.taken_call_head(attempt, owner):
                    record.head = codec.awaiting_call_head(attempt, wait_ms)
                    record.due = awaiting.due_at(self.now(), wait_ms)

    def call_of(self, item_id: str) -> OpenCall | None:
        with self._lock:
            record = self._of(item_id).calls.get(item_id)
            if record is None or record.due is None:
                return None
            return OpenCall(record.call, awaiting.attempt_of(record.head), awaiting.is_awaited(record.head))

    def callback(self, shard: int, reported: Reported) -> CalledBack:
        with self._lock:
            held = self._shards[shard]
            record = held.calls.get(reported.event.item)
            if record is None or record.due is None or not awaiting.accepts(record.head, reported.event):
                return CalledBack(False, False)
            self._called_back(held, record, reported)
            return CalledBack(True, self._must_ring(held))

    def case(self, case_id: str) -> Case | None:
        return self.load([case_id], []).case(case_id)

    def item(self, item_id: str) -> WorkItem | None:
        return self._of(item_id).items.get(item_id)

    def items_of(self, case_id: str) -> list[WorkItem]:
        with self._lock:
            items = [item for item in self._of(case_id).items.values() if item.case_id == case_id]
        return sorted(items, key=lambda item: names.number_of(item.id))

    def calls_of(self, case_id: str) -> list[Call]:
        with self._lock:
            return [
                record.call for record in self._of(case_id).calls.values() if names.case_of(record.call.item) == case_id
            ]

    def results(self, run: str) -> Mapping[int, dict[str, Any]]:
        with self._lock:
            kept = self._of(run).results.get(run, {})
        return {index: codec.unpack_result(packed) for index, packed in kept.items()}

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]:
        with self._lock:
            packed = self._of(case_id).journals.get(case_id, [])[start : start + limit]
        return [codec.unpack_entry(entry) for entry in packed]

    def cases(self, query: CaseQuery) -> CasePage:
        with self._lock:
            wanted = frozenset(query.words)
            named = (
                name for shard in self._shards for name in shard.cases if wanted <= shard.words.get(name, frozenset())
            )
            cases = self.load(named, []).cases
        places = sorted((Cursor(case.created_at, case.id) for case in cases.values()), reverse=True)
        found, cursor = page(
            lambda after, count: [p for p in places if after is None or p.score <= after.score][:count],
            lambda identifiers: [cases.get(identifier) for identifier in identifiers],
            query.wants,
            query.limit,
            query.after,
            newest_first=True,
        )
        return CasePage(found, cursor)

    def items(self, query: ItemQuery) -> ItemPage:
        with self._lock:
            items = [item for shard in self._shards for item in shard.items.values()]
        return page_of_items(items, query)

    def changes(self, position: str | None, limit: int, wait_ms: int) -> Changes:
        with self._changed:
            if position is None:
                return Changes([], positions.written([f"{shard.changed}-0" for shard in self._shards]))
            seen = [int(each.partition("-")[0]) for each in positions.read(position, len(self._shards))]
            if not any(shard.changed > after for shard, after in zip(self._shards, seen, strict=True)):
                self._changed.wait(wait_ms / 1000)
            found: list[Change] = []
            for number, shard in enumerate(self._shards):
                fresh = [(at, change) for at, change in shard.changes if at > seen[number]][:limit]
                found += [change for _, change in fresh]
                seen[number] = fresh[-1][0] if fresh else seen[number]
            return Changes(found, positions.written([f"{each}-0" for each in seen]))

    def missed(self, position: str) -> bool:
        with self._lock:
            seen = [int(each.partition("-")[0]) for each in positions.read(position, len(self._shards))]
            return any(
                len(shard.changes) == CHANGES_KEPT and shard.changes[0][0] > after + 1
                for shard, after in zip(self._shards, seen, strict=True)
            )

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        wanted = set(people)
        with self._lock:
            live = (item for shard in self._shards for item in shard.items.values() if item.state in IN_HAND)
            loads: dict[str, int] = {}
            for item in live:
                if item.owner is not None and item.owner in wanted:
                    loads[item.owner] = loads.get(item.owner, 0) + 1
            return loads

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        with self._lock:
            kept = [shard.histories.get((specification, task), {}) for shard in self._shards]
            return joined({person: each[person] for person in people if person in each} for each in kept)

    def work(self) -> list[ShardWork]:
        with self._lock:
            now = self.now()
            return [
                ShardWork(
                    number,
                    0 if self._is_drained(shard) else len(shard.events),
                    sum(record.due is not None and record.due <= now for record in shard.calls.values()),
                    sum(due <= now for due in shard.timers.values()),
                    len(shard.events),
                )
                for number, shard in enumerate(self._shards)
            ]

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        with self._lock:
            return list(self._shards[shard].dead)

    def parked(self, case_id: str) -> list[Envelope]:
        with self._lock:
            return list(self._of(case_id).parked.get(case_id, ()))

    def _put_move(
        self, shard: Shard, before: WorkItem | None, after: WorkItem, because: Iterable[Entry | Envelope | None]
    ) -> None:
        self._put_item(shard, after)
        history = shard.histories[after.specification, after.task]
        for person, counter, amount in counted(before, after):
            add(history[person], counter, amount)
        by = mover(after.id, (each.event for each in because if each is not None))
        self._notice(after.id, notice_of_item(before, after, by))

    def _put_item(self, shard: Shard, item: WorkItem) -> None:
        shard.items[item.id] = item
        shard.changed += 1
        shard.changes.append((shard.changed, Change(item.id, item.state, item.version)))
        self._changed.notify_all()

    def _notice(self, name: str, notice: Notice | None) -> None:
        self._happenings.noticed(names.shard_of(name, len(self._shards)), notice)

    def _of(self, name: str) -> Shard:
        return self._shards[names.shard_of(name, len(self._shards))]

    def _fire(self, shard: Shard, limit: int) -> int:
        """Makes events of timers that are due, in order."""
        now = self.now()
        due = sorted((due, codec.pack_timer(*timer, due), timer) for timer, due in shard.timers.items() if due <= now)
        for moment, _, timer in due[:limit]:
            del shard.timers[timer]
            self._append(shard, Envelope(timer[0], TimerFired(timer[1], moment)))
        return len(due[:limit])

    def _called_back(self, shard: Shard, record: StoredCall, reported: Reported) -> None:
        """Gives a call its outcome, from outside or because none came."""
        event = reported.event
        record.head, record.due = codec.reported_call_head(event.attempt), None
        self._append(shard, Envelope(names.case_of(event.item), event, reported.correlation_id))

    def _append(self, shard: Shard, envelope: Envelope) -> None:
        milliseconds, sequence = shard.last_event
        now = self.now()
        shard.last_event = (now, 0) if now > milliseconds else (milliseconds, sequence + 1)
        at, number = shard.last_event
        shard.events[f"{at}-{number}"] = (at, codec.pack_envelope(envelope))

    def _taken(self, record: StoredCall, owner: str) -> Taken:
        attempt = codec.attempts_of(record.head) + 1
        record.head = codec.taken_call_head(attempt, owner)
        record.due = self.now() + hold_ms(record.call)
        return Taken(record.call, attempt)

    def _must_ring(self, shard: Shard) -> bool:
        now = self.now()
        rung = shard.bell is not None and now - BELL_MS < shard.bell <= now
        if self._is_drained(shard) or rung:
            return False
        shard.bell = now
        return True

    def _is_drained(self, shard: Shard) -> bool:
        return bool(shard.owner) and self.now() < shard.expires <= self.now() + LEASE_MS

    def _holds(self, lease: Lease) -> bool:
        shard = self._shards[lease.shard]
        return (shard.number, shard.owner) == (lease.number, lease.owner)

    def _is(self, shard: Shard, item: WorkItem) -> bool:
        stored = shard.items.get(item.id)
        return stored is not None and codec.item_head(stored) == codec.item_head(item)

    def _commit(self, commit: Commit, lease: Lease | None) -> Outcome:
        if lease is not None and not self._holds(lease):
            return Outcome.FENCED
        shard = self._of(commit.after.id)
        stored = shard.cases.get(commit.after.id)
        if stored is None or stored.head != codec.case_head(commit.before):
            return Outcome.CONFLICT
        for item_id, (before, _) in commit.items.items():
            if (item_id in shard.items) if before is None else not self._is(shard, before):
                return Outcome.CONFLICT
        for item_id in commit.made:
            assert lease is not None, "only drainers make calls"
            made = shard.calls.get(item_id)
            if made is None or made.head != codec.taken_call_head(1, lease.owner):
                return Outcome.CONFLICT
        for identifier in commit.handled:
            shard.events.pop(identifier, None)
        for item_id in commit.made:
            shard.calls[item_id].due = None
        for item_id in commit.dropped:
            shard.calls.pop(item_id, None)
        shard.cases[commit.after.id] = StoredCase(codec.case_head(commit.after), commit.packed)
        if commit.words is not None:
            shard.words[commit.after.id] = commit.words[1]
        shard.journals[commit.after.id] += map(codec.pack_entry, commit.entries)
        for before, after in commit.items.values():
            self._put_move(shard, before, after, commit.entries)
        for call in commit.placed:
            shard.calls[call.item] = StoredCall(call, codec.waiting_call_head(0), call.placed_at)
            if call.item in commit.claimed:
                assert lease is not None, "only drainers claim calls"
                head = codec.taken_call_head(1, lease.owner)
                shard.calls[call.item] = StoredCall(call, head, commit.claimed[call.item])
        for repeat in commit.repeated:
            record = shard.calls[repeat.item]
            record.head, record.due = codec.waiting_call_head(repeat.attempt), repeat.not_before
        for stub, envelope in commit.started:
            shard.cases[stub.id] = StoredCase(codec.case_head(stub), codec.pack_case(stub))
            self._append(shard, envelope)
        for envelope in commit.appended:
            self._append(shard, envelope)
        for kept in commit.results:
            shard.results[kept.run][kept.index] = codec.pack_result(kept.values)
        for run in commit.forgotten:
            shard.results.pop(run, None)
        shard.dead += commit.dead
        for number, due in commit.timers_cleared:
            if shard.timers.get((commit.after.id, number)) == due:
                del shard.timers[commit.after.id, number]
        for number, due in commit.timers_set:
            shard.timers[commit.after.id, number] = due
        for letter in commit.buried:
            shard.dead.remove(letter)
        if commit.unparked:
            del shard.parked[commit.after.id][: commit.unparked]
        if commit.parked:
            shard.parked[commit.after.id] += commit.parked
        for notice in (notice_of_case(commit.before, commit.after), *reminders(commit.after, commit.entries)):
            self._notice(commit.after.id, notice)
        for exception in past_exceptions(commit.after, commit.entries):
            self._happenings.went(names.shard_of(commit.after.id, len(self._shards)), exception)
        if commit.entries:
            self._happenings.handled(commit.after.id)
        return Outcome.DONE
