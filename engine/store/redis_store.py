"""The case store on Redis (6.2 or newer).

Keys (s = shard, c = case, i = item; `keys.py` makes the names):

    {s}:events       stream   field `e`: one packed envelope; handled events are deleted
    {s}:lease        hash     number (fencing, only grows), owner ("" when free), expires, bell, strikes, suspect
    {s}:case:c       hash     head `running 17.` (status, revision), body (packed case) and data (its variables)
    {s}:case:c:journal  list  packed entries
    {s}:item:i       hash     an item: head `offered 3.` (state, version) and body; or a call: head `waiting 0.`,
                              `taken 1 <owner>.` or `awaiting 1 <ms>.` (a callback; of these, and of several instances,
                              also `reported 1.`) and body
    {s}:run:r        hash     what the instances of a run gave, by index, until it is gathered
    {s}:calls        zset     ids of calls by when they are due: a waiting one from its moment on, a taken one when its
                              taker's time is over, an awaited one when its callback is late
    {s}:timers       zset     packed envelopes of `TimerFired` by when they are due
    {s}:once:m       hash     head: the digest of a request that came with an Idempotency-Key; for a day
    {s}:dead, {s}:parked:c    lists of events whose step raised, and of what came for their case after them
    {s}:by:*         zsets    indexes by time of creation; {s}:by:offers is a hash of the sets of people

Every change is one script that compares heads and then writes (`commit.lua`), so a reader never sees half of one.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from engine import names
from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.errors import Conflict, RecordDamaged, Unavailable
from engine.events import CallAnswered, CallFailed, Envelope
from engine.executions import executions
from engine.items.work_item import LIVE, WorkItem
from engine.journal import Entry
from engine.store import awaiting, codec, keys
from engine.store.indexing import case_indexes, item_indexes, offer_digest
from engine.store.paging import Cursor, page
from engine.store.port import (
    LEASE_MS,
    ONCE_S,
    TIMERS_PER_DRAIN,
    Appended,
    Awaited,
    CalledBack,
    CasePage,
    CaseQuery,
    Commit,
    DeadLetter,
    Fired,
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
from engine.store.transaction import Argument, Transaction

log = logging.getLogger(__name__)

SCRIPTS = ("commit", "acquire", "release", "take", "fire")

FULL = -2
"""What `commit.lua` answers when too much waits already."""

WRONG_TYPE = "WRONGTYPE"
"""How Redis begins to say that a key holds something of another type."""

WRITES_NOTHING = ("MISCONF", "READONLY", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN")
"""How Redis begins to say that it takes no writes for a while: its disk is full, or a failover goes on."""

NOTHING = [None, None, None]
"""What is read of a case that does not exist."""

CALLBACK_LOOKS = 8
"""How often a callback looks at a call that changes meanwhile: taken, made, handed back, each at most once or twice."""

SCRIPTS_LOADED_AGAIN = 2
"""How often a batch is repeated when Redis does not know the scripts (the first time, a restart, a failover)."""


class Script(NamedTuple):
    """One run of a Lua script."""

    name: str
    keys: Sequence[str]
    arguments: Sequence[Argument]


class _Take(NamedTuple):
    """A call with its head as it was read, and as it is to be."""

    call: Call
    before: str
    after: str


class RedisStore:
    """The case store on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis", shards: int) -> None:
        self._redis = client
        self._texts = {name: files("engine.store").joinpath(f"{name}.lua").read_text() for name in SCRIPTS}
        self._digests = {name: sha1(text.encode()).hexdigest() for name, text in self._texts.items()}
        self._shards = shards
        self._fix_layout(shards)

    @property
    def shards(self) -> int:
        """How many shards there are, for ever."""
        return self._shards

    def now(self) -> int:
        """The time of the Redis server."""
        return _milliseconds(asked(self._redis.time))

    # -- events ------------------------------------------------------------------------------------------------

    def submit(self, submissions: Sequence[Submission], most_waiting: int | None = None) -> list[Submitted]:
        scripts = []
        for stub, envelope in submissions:
            shard = self._shard(stub.id)
            key = keys.case(shard, stub.id)
            transaction = self._transaction(shard, ring=True)
            if most_waiting is not None:
                transaction.bound(keys.calls(shard), most_waiting)
            transaction.expect(key, "")
            self._write_case(transaction, shard, None, stub, codec.pack_case(stub))
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
            scripts.append(_commit_script(transaction))
        return [Submitted(answer > 0, answer == 2, answer == FULL) for answer in self._run(scripts)]

    def append(
        self, shard: int, envelopes: Sequence[Envelope], once: Once | None = None, most_waiting: int | None = None
    ) -> Appended:
        transaction = self._transaction(shard, ring=True)
        if most_waiting is not None:
            transaction.bound(keys.calls(shard), most_waiting)
        for envelope in envelopes:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        if once is not None:
            key = keys.once(shard, once.name)
            transaction.expect(key, "")
            transaction.write("HSET", key, "head", once.digest)
            transaction.write("EXPIRE", key, ONCE_S)
        answer = self._run([_commit_script(transaction)])[0]
        if answer == FULL:
            return Appended(Kept.FULL, False)
        if answer:
            return Appended(Kept.NEW, answer == 2)
        assert once is not None, "only a mark can keep events out"
        return Appended(Kept.BEFORE if self.is_kept(shard, once) else Kept.OTHER, False)

    def is_kept(self, shard: int, once: Once) -> bool:
        return bool(asked(lambda: self._redis.hget(keys.once(shard, once.name), "head")) == once.digest.encode())

    def fire_timers(self, shards: Sequence[int], limit: int) -> list[Fired]:
        scripts = [
            Script("fire", (keys.lease(shard), keys.events(shard), keys.timers(shard)), (limit,)) for shard in shards
        ]
        return [Fired(timers, bool(ring)) for timers, ring in self._run(scripts)]

    # -- draining ----------------------------------------------------------------------------------------------

    def acquire(self, shard: int, owner: str) -> Lease | None:
        script = Script(
            "acquire",
            (keys.lease(shard), keys.events(shard), keys.timers(shard)),
            (owner, LEASE_MS, TIMERS_PER_DRAIN),
        )
        number, strikes = self._run([script])[0]
        return Lease(shard, number, owner, strikes) if number else None

    def release(self, lease: Lease, *, unfinished: bool = False) -> bool:
        script = Script(
            "release", (keys.lease(lease.shard), keys.events(lease.shard)), (_held(lease), "1" if unfinished else "")
        )
        return bool(self._run([script])[0])

    def read(self, shard: int, limit: int) -> list[Waiting]:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.xrange(keys.events(shard), count=limit)
        time, entries = asked(pipe.execute)
        now = _milliseconds(time)
        waiting = []
        for identifier, fields in entries:
            envelope = codec.unpack_envelope(fields[b"e"])
            waiting.append(Waiting(identifier.decode(), taken_at(_time_of(identifier), now, envelope), envelope))
        return waiting

    def load(self, case_ids: Iterable[str], item_ids: Iterable[str]) -> Loaded:
        cases, items = list(case_ids), list(item_ids)
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for case_id in cases:
            pipe.hmget(keys.case(self._shard(case_id), case_id), "head", "body", "data")
        for item_id in items:
            pipe.hmget(keys.item(self._shard(item_id), item_id), "head", "body")
        time, *records = _but_for_wrong_types(asked(partial(pipe.execute, raise_on_error=False)))
        found, packed, damaged = dict[str, Case](), dict[str, bytes](), dict[str, str]()
        for case_id, record in zip(cases, records):
            if record != NOTHING:
                try:
                    found[case_id], packed[case_id] = _unpacked(record)
                except RecordDamaged as damage:
                    damaged[case_id] = damage.message
        # A call is kept under the name of its run too, and is not an item.
        known = dict[str, WorkItem]()
        for item_id, record in zip(items, records[len(cases) :]):
            try:
                if record != [None, None] and (isinstance(record, RedisError) or not is_call(record[0] or b"")):
                    known[item_id] = _unpacked_item(record)
            except RecordDamaged as damage:
                damaged[item_id] = damage.message
        return Loaded(found, known, _milliseconds(time), packed, damaged)

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        scripts = [_commit_script(self._commit_transaction(commit, lease)) for commit in commits]
        outcomes = {-1: Outcome.FENCED, 0: Outcome.CONFLICT, 1: Outcome.DONE, 2: Outcome.DONE}
        return [outcomes[answer] for answer in self._run(scripts)]

    def park(self, lease: Lease, waiting: Sequence[Waiting]) -> None:
        transaction = self._transaction(lease.shard, held=_held(lease))
        transaction.write("XDEL", keys.events(lease.shard), *(event.id for event in waiting))
        for event in waiting:
            parked = keys.parked(lease.shard, event.envelope.case_id)
            transaction.write("RPUSH", parked, codec.pack_envelope(event.envelope))
        self._run([_commit_script(transaction)])

    def repair(self, lease: Lease, repaired: Repaired) -> bool:
        shard, case = lease.shard, repaired.case
        anew = [keys.case(shard, case.id), *(keys.item(shard, item.id) for item in repaired.items)]
        # What is damaged may be of any type. Whoever dies between this and the script leaves a case without a record,
        # which is repaired in the same way.
        asked(lambda: self._redis.unlink(*anew))
        transaction = self._transaction(shard, held=_held(lease))
        for status in CaseStatus:
            transaction.write("ZREM", keys.by_status(shard, status), case.id)
        self._write_case(transaction, shard, None, case, repaired.packed)
        for item in repaired.items:
            for state in LIVE:
                transaction.write("ZREM", keys.by_state(shard, state), item.id)
            self._write_item(transaction, shard, None, item)
        for entry in repaired.entries:
            transaction.write("RPUSH", keys.journal(shard, case.id), codec.pack_entry(entry))
        for envelope in repaired.appended:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        if repaired.unparked:
            transaction.write("UNLINK", keys.parked(shard, case.id))
        return bool(self._run([_commit_script(transaction)])[0] > 0)

    def discard(self, lease: Lease, handled: Sequence[str]) -> None:
        transaction = self._transaction(lease.shard, held=_held(lease))
        transaction.write("XDEL", keys.events(lease.shard), *handled)
        self._run([_commit_script(transaction)])

    # -- items -------------------------------------------------------------------------------------------------

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        shard = self._shard(before.id)
        transaction = self._transaction(shard, ring=envelope is not None)
        transaction.expect(keys.case(shard, before.case_id), codec.LIVE_CASE)
        self._write_item(transaction, shard, before, after)
        if entry is not None:
            transaction.write("RPUSH", keys.journal(shard, before.case_id), codec.pack_entry(entry))
        if envelope is not None:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        answer = self._run([_commit_script(transaction)])[0]
        return Moved(answer > 0, answer == 2)

    # -- calls -------------------------------------------------------------------------------------------------

    def take_calls(self, shard: int, owner: str, limit: int, known: Sequence[Call] = ()) -> list[Taken]:
        wanted = [(call, codec.waiting_call_head(0)) for call in known[:limit]]
        if not wanted:
            wanted = self._without_overdue(shard, self._due_calls(shard, limit))
        return self._taken(shard, owner, wanted)

    def take_named(self, shard: int, owner: str, items: Sequence[str]) -> list[Taken]:
        named = self._calls_named(shard, items)
        return self._taken(shard, owner, [(call, head) for call, head in named if not awaiting.is_awaited(head)])

    def report(self, shard: int, owner: str, outcomes: Sequence[Reported]) -> bool:
        together = self._transaction(shard, ring=True)
        singles = []
        for report in outcomes:
            if report.instance or isinstance(report.event, CallFailed):
                singles.append(report)
            else:
                self._write_outcome(together, shard, report.event, report.correlation_id)
        answers = self._run([self._single_report(shard, owner, report) for report in singles]) if singles else []
        for report, answer in zip(singles, answers, strict=True):
            if answer == 0:
                envelope = Envelope(names.case_of(report.event.item), report.superseded(), report.correlation_id)
                together.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        return bool(self._run([_commit_script(together)])[0] == 2)

    def _single_report(self, shard: int, owner: str, report: Reported) -> Script:
        """An outcome that counts only while its call stands as it must.

        Only the attempt that is under way may spend the budget of a call: an earlier one's failure is only noted. And
        of several instances only the first outcome counts.
        """
        event, transaction = report.event, self._transaction(shard)
        key = keys.item(shard, event.item)
        failed = isinstance(event, CallFailed)
        transaction.expect(key, codec.taken_call_head(event.attempt, owner) if failed else codec.TAKEN_CALL)
        if report.instance:
            transaction.write("HSET", key, "head", codec.reported_call_head(event.attempt))
        self._write_outcome(transaction, shard, event, report.correlation_id)
        return _commit_script(transaction)

    def renew(self, shard: int, owner: str, taken: Sequence[Taken]) -> list[str]:
        heads = [codec.taken_call_head(attempt, owner) for _, attempt in taken]
        takes = [_Take(call, head, head) for (call, _), head in zip(taken, heads, strict=True)]
        answers = self._run([self._take_script(shard, takes, only_due=False)])[0]
        return [call.item for (call, _), answer in zip(taken, answers, strict=True) if answer == 0]

    def hand_back(self, shard: int, owner: str, taken: Sequence[Taken]) -> None:
        now = self.now()
        scripts = []
        for call, attempt in taken:
            transaction = self._transaction(shard)
            transaction.expect(keys.item(shard, call.item), codec.taken_call_head(attempt, owner))
            transaction.write("HSET", keys.item(shard, call.item), "head", codec.waiting_call_head(attempt - 1))
            transaction.write("ZADD", keys.calls(shard), now, call.item)
            scripts.append(_commit_script(transaction))
        self._run(scripts)

    def await_callbacks(self, shard: int, owner: str, awaited: Sequence[Awaited]) -> None:
        now = self.now()
        scripts = []
        for item, attempt, wait_ms in awaited:
            transaction = self._transaction(shard)
            transaction.expect(keys.item(shard, item), codec.taken_call_head(attempt, owner))
            transaction.write("HSET", keys.item(shard, item), "head", codec.awaiting_call_head(attempt, wait_ms))
            transaction.write("ZADD", keys.calls(shard), awaiting.due_at(now, wait_ms), item)
            scripts.append(_commit_script(transaction))
        self._run(scripts)

    def call_of(self, item_id: str) -> OpenCall | None:
        found = self._open_call(item_id)
        if found is None:
            return None
        call, head = found
        return OpenCall(call, awaiting.attempt_of(head), awaiting.is_awaited(head))

    def callback(self, shard: int, reported: Reported) -> CalledBack:
        for _ in range(CALLBACK_LOOKS):
            found = self._open_call(reported.event.item)
            if found is None or not awaiting.accepts(found[1], reported.event):
                return CalledBack(False, False)
            answer = self._run([self._callback_script(shard, found[1], reported)])[0]
            if answer:
                return CalledBack(True, answer == 2)
        raise Unavailable(f"the call {reported.event.item} changes too fast: call back again", code="call_changing")

    # -- reading -----------------------------------------------------------------------------------------------

    def case(self, case_id: str) -> Case | None:
        return self.load([case_id], []).case(case_id)

    def item(self, item_id: str) -> WorkItem | None:
        return self._items([item_id])[0]

    def items_of(self, case_id: str) -> list[WorkItem]:
        case = self.case(case_id)
        if case is None:
            return []
        numbered = [names.item_id(case_id, number) for number in range(1, case.counter + 1)]
        return [item for item in self._items(numbered) if item is not None]

    def calls_of(self, case_id: str) -> list[Call]:
        case = self.case(case_id)
        if case is None:
            return []
        shard = self._shard(case_id)
        pipe = self._redis.pipeline(transaction=False)
        for number in executions(case):
            pipe.hmget(keys.item(shard, names.item_id(case_id, number)), "head", "body")
        return [codec.unpack_call(body) for head, body in asked(pipe.execute) if head is not None and is_call(head)]

    def results(self, run: str) -> Mapping[int, dict[str, Any]]:
        kept = asked(lambda: self._redis.hgetall(keys.results(self._shard(run), run)))
        return {int(index): codec.unpack_result(packed) for index, packed in kept.items()}

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]:
        key = keys.journal(self._shard(case_id), case_id)
        packed = asked(lambda: self._redis.lrange(key, start, start + limit - 1))
        return [codec.unpack_entry(entry) for entry in packed]

    def cases(self, query: CaseQuery) -> CasePage:
        if query.parent is not None:
            indexes = [keys.by_parent(self._shard(query.parent), query.parent)]
        elif query.status is not None:
            indexes = [keys.by_status(shard, query.status) for shard in range(self._shards)]
        elif query.specification is not None:
            indexes = [keys.by_specification(shard, query.specification) for shard in range(self._shards)]
        else:
            indexes = [keys.by_status(shard, status) for shard in range(self._shards) for status in CaseStatus]

        found, cursor = page(
            lambda after, count: self._ranked(indexes, after, count, newest_first=True),
            self._cases,
            query.wants,
            query.limit,
            query.after,
            newest_first=True,
        )
        return CasePage(found, cursor)

    def items(self, query: ItemQuery) -> ItemPage:
        if query.case_id is not None:
            of_case = {item.id: item for item in self.items_of(query.case_id)}
            places = sorted(Cursor(item.created_at, item.id) for item in of_case.values())
            found, cursor = page(
                lambda after, count: [p for p in places if after is None or p.score >= after.score][:count],
                lambda identifiers: [of_case[identifier] for identifier in identifiers],
                query.wants,
                query.limit,
                query.after,
                newest_first=False,
            )
            return ItemPage(found, cursor)
        indexes = self._item_indexes(query)
        found, cursor = page(
            lambda after, count: self._ranked(indexes, after, count, newest_first=False),
            self._items,
            query.wants,
            query.limit,
            query.after,
            newest_first=False,
        )
        return ItemPage(found, cursor)

    def work(self) -> list[ShardWork]:
        now = self.now()
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.hmget(keys.lease(shard), "owner", "expires")
            pipe.xlen(keys.events(shard))
            pipe.zcount(keys.calls(shard), "-inf", now)
            pipe.zcount(keys.timers(shard), "-inf", now)
        answers = asked(pipe.execute)
        work = []
        for shard in range(self._shards):
            (owner, expires), waiting, calls, timers = answers[shard * 4 : shard * 4 + 4]
            drained = bool(owner) and now < int(expires) <= now + LEASE_MS
            work.append(ShardWork(shard, 0 if drained else waiting, calls, timers, waiting))
        return work

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        packed = asked(lambda: self._redis.lrange(keys.dead(shard), 0, -1))
        return [codec.unpack_dead_letter(letter) for letter in packed]

    def parked(self, case_id: str) -> list[Envelope]:
        packed = asked(lambda: self._redis.lrange(keys.parked(self._shard(case_id), case_id), 0, -1))
        return [codec.unpack_envelope(envelope) for envelope in packed]

    # -- writes of a commit ------------------------------------------------------------------------------------

    def _commit_transaction(self, commit: Commit, lease: Lease | None) -> Transaction:
        case = commit.after
        shard = self._shard(case.id)
        transaction = self._transaction(shard, held=_held(lease) if lease else "")
        transaction.expect(keys.case(shard, case.id), codec.case_head(commit.before))
        if commit.handled:
            transaction.write("XDEL", keys.events(shard), *commit.handled)
        for item_id in commit.dropped:
            transaction.write("DEL", keys.item(shard, item_id))
        if commit.dropped:
            transaction.write("ZREM", keys.calls(shard), *commit.dropped)
        self._write_case(transaction, shard, commit.before, case, commit.packed)
        if commit.entries:
            transaction.write("RPUSH", keys.journal(shard, case.id), *map(codec.pack_entry, commit.entries))
        for before, after in commit.items.values():
            self._write_item(transaction, shard, before, after)
        for call in commit.placed:
            key = keys.item(shard, call.item)
            transaction.write("HSET", key, "head", codec.waiting_call_head(0), "body", codec.pack_call(call))
            transaction.write("ZADD", keys.calls(shard), call.placed_at, call.item)
        for repeat in commit.repeated:
            transaction.write("HSET", keys.item(shard, repeat.item), "head", codec.waiting_call_head(repeat.attempt))
            transaction.write("ZADD", keys.calls(shard), repeat.not_before, repeat.item)
        for stub, envelope in commit.started:
            self._write_case(transaction, shard, None, stub, codec.pack_case(stub))
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        for envelope in commit.appended:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        for kept in commit.results:
            transaction.write("HSET", keys.results(shard, kept.run), kept.index, codec.pack_result(kept.values))
        for run in commit.forgotten:
            transaction.write("UNLINK", keys.results(shard, run))
        timers = keys.timers(shard)
        if commit.timers_cleared:
            transaction.write("ZREM", timers, *(codec.pack_timer(case.id, *each) for each in commit.timers_cleared))
        for number, due in commit.timers_set:
            transaction.write("ZADD", timers, due, codec.pack_timer(case.id, number, due))
        for letter in commit.dead:
            transaction.write("RPUSH", keys.dead(shard), codec.pack_dead_letter(letter))
        for letter in commit.buried:
            transaction.write("LREM", keys.dead(shard), 1, codec.pack_dead_letter(letter))
        if commit.unparked:
            transaction.write("LTRIM", keys.parked(shard, case.id), commit.unparked, -1)
        for envelope in commit.parked:
            transaction.write("RPUSH", keys.parked(shard, case.id), codec.pack_envelope(envelope))
        return transaction

    def _write_case(
        self, transaction: Transaction, shard: int, before: Case | None, after: Case, packed: PackedCase
    ) -> None:
        parts: tuple[Argument, ...] = ("head", codec.case_head(after), "body", packed.body)
        if before is None or before.data is not after.data:
            parts = (*parts, "data", packed.data)
        transaction.write("HSET", keys.case(shard, after.id), *parts)
        if before is not None and before.status is after.status:
            return
        left = case_indexes(before, shard) if before is not None else set()
        entered = case_indexes(after, shard)
        for index in sorted(left - entered):
            transaction.write("ZREM", index, after.id)
        for index in sorted(entered - left):
            transaction.write("ZADD", index, after.created_at, after.id)

    def _write_item(self, transaction: Transaction, shard: int, before: WorkItem | None, after: WorkItem) -> None:
        key = keys.item(shard, after.id)
        transaction.expect(key, codec.item_head(before) if before is not None else "")
        transaction.write("HSET", key, "head", codec.item_head(after), "body", codec.pack_item(after))
        left, entered = item_indexes(before, shard), item_indexes(after, shard)
        for index in sorted(left - entered):
            transaction.write("ZREM", index, after.id)
        for index in sorted(entered - left):
            transaction.write("ZADD", index, after.created_at, after.id)
        offer = keys.by_offer(shard, offer_digest(after.offered_to))
        if offer in entered - left:
            packed = codec.pack_names(after.offered_to)
            transaction.write("HSET", keys.offers(shard), offer_digest(after.offered_to), packed)

    def _write_outcome(
        self, transaction: Transaction, shard: int, outcome: CallAnswered | CallFailed, correlation_id: str
    ) -> None:
        # The call leaves the queue in the same script in which its outcome arrives: from here on nobody repeats it.
        transaction.write("ZREM", keys.calls(shard), outcome.item)
        envelope = Envelope(names.case_of(outcome.item), outcome, correlation_id)
        transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))

    def _taken(self, shard: int, owner: str, wanted: Sequence[tuple[Call, str]]) -> list[Taken]:
        """What is taken of calls that were found with these heads."""
        if not wanted:
            return []
        takes = [_Take(call, head, codec.taken_call_head(codec.attempts_of(head) + 1, owner)) for call, head in wanted]
        answers = self._run([self._take_script(shard, takes, only_due=True)])[0]
        return [
            Taken(take.call, codec.attempts_of(take.after))
            for take, answer in zip(takes, answers, strict=True)
            if answer == 1
        ]

    def _take_script(self, shard: int, takes: Sequence["_Take"], *, only_due: bool) -> Script:
        script_keys = [keys.calls(shard)]
        arguments: list[Argument] = [int(only_due)]
        for call, before, after in takes:
            script_keys.append(keys.item(shard, call.item))
            arguments += (call.item, before, after, hold_ms(call))
        return Script("take", script_keys, arguments)

    def _callback_script(self, shard: int, head: str, reported: Reported) -> Script:
        """Gives a call that still stands so its outcome, from outside or because none came."""
        transaction = self._transaction(shard, ring=True)
        key = keys.item(shard, reported.event.item)
        transaction.expect(key, head)
        transaction.write("HSET", key, "head", codec.reported_call_head(reported.event.attempt))
        self._write_outcome(transaction, shard, reported.event, reported.correlation_id)
        return _commit_script(transaction)

    def _without_overdue(self, shard: int, due: Sequence[tuple[Call, str]]) -> list[tuple[Call, str]]:
        """The calls that are to be made. Those whose callback is late get their outcome: a timeout."""
        late = [(call, head) for call, head in due if awaiting.is_awaited(head)]
        # Whether to ring is not asked: `recover`, which found them, also finds that their events wait.
        self._run([self._callback_script(shard, head, awaiting.overdue(call, head)) for call, head in late])
        return [(call, head) for call, head in due if not awaiting.is_awaited(head)]

    # -- reads behind the queries ------------------------------------------------------------------------------

    def _due_calls(self, shard: int, limit: int) -> list[tuple[Call, str]]:
        now = self.now()
        due = asked(lambda: self._redis.zrangebyscore(keys.calls(shard), "-inf", now, start=0, num=limit))
        return self._calls_named(shard, [item_id.decode() for item_id in due])

    def _calls_named(self, shard: int, items: Sequence[str]) -> list[tuple[Call, str]]:
        pipe = self._redis.pipeline(transaction=False)
        for item_id in items:
            pipe.hmget(keys.item(shard, item_id), "head", "body")
        records = asked(pipe.execute) if items else []
        return [(codec.unpack_call(body), head.decode()) for head, body in records if head is not None]

    def _open_call(self, item_id: str) -> tuple[Call, str] | None:
        """A call that has no outcome yet, and its head."""
        shard = self._shard(item_id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hmget(keys.item(shard, item_id), "head", "body")
        pipe.zscore(keys.calls(shard), item_id)
        (head, body), due = asked(pipe.execute)
        if head is None or due is None or not is_call(head):
            return None
        return codec.unpack_call(body), head.decode()

    def _cases(self, case_ids: Sequence[str]) -> list[Case | None]:
        loaded = self.load(case_ids, [])
        for case_id, damage in loaded.damaged.items():
            log.error("case %s is left out of a list: its record cannot be read: %s", case_id, damage)
        return [loaded.cases.get(case_id) for case_id in case_ids]

    def _items(self, item_ids: Sequence[str]) -> list[WorkItem | None]:
        pipe = self._redis.pipeline(transaction=False)
        for item_id in item_ids:
            pipe.hmget(keys.item(self._shard(item_id), item_id), "head", "body")
        records = asked(pipe.execute) if item_ids else []
        return [codec.unpack_item(body) if head is not None and not is_call(head) else None for head, body in records]

    def _item_indexes(self, query: ItemQuery) -> list[str]:
        shards = range(self._shards)
        if query.person is None:
            states = [query.state] if query.state is not None else sorted(LIVE)
            return [keys.by_state(shard, state) for shard in shards for state in states]
        pipe = self._redis.pipeline(transaction=False)
        for shard in shards:
            pipe.hgetall(keys.offers(shard))
        indexes = [keys.by_owner(shard, query.person) for shard in shards]
        for shard, offers in zip(shards, asked(pipe.execute)):
            for digest, people in offers.items():
                if query.person in codec.unpack_names(people):
                    indexes.append(keys.by_offer(shard, digest.decode()))
        return indexes

    def _ranked(self, indexes: list[str], after: Cursor | None, count: int, *, newest_first: bool) -> list[Cursor]:
        """The first `count` members of all these indexes together, by time and name, from the cursor's moment on."""
        pipe = self._redis.pipeline(transaction=False)
        for index in indexes:
            if newest_first:
                bound = after.score if after else "+inf"
                pipe.zrevrangebyscore(index, bound, "-inf", start=0, num=count, withscores=True)
            else:
                bound = after.score if after else "-inf"
                pipe.zrangebyscore(index, bound, "+inf", start=0, num=count, withscores=True)
        members = {Cursor(int(score), member.decode()) for found in asked(pipe.execute) for member, score in found}
        return sorted(members, reverse=newest_first)[:count]

    # -- scripts and errors ------------------------------------------------------------------------------------

    def _shard(self, name: str) -> int:
        return names.shard_of(name, self._shards)

    def _transaction(self, shard: int, *, held: str = "", ring: bool = False) -> Transaction:
        return Transaction(keys.lease(shard), keys.events(shard), held=held, ring=ring)

    def _run(self, scripts: Sequence[Script]) -> list[Any]:
        """Runs scripts in one round trip. Those that Redis does not know are loaded and run again."""
        answers: list[Any] = [None] * len(scripts)
        left = list(range(len(scripts)))
        for _ in range(SCRIPTS_LOADED_AGAIN + 1):
            pipe = self._redis.pipeline(transaction=False)
            for index in left:
                name, script_keys, arguments = scripts[index]
                pipe.evalsha(self._digests[name], len(script_keys), *script_keys, *arguments)
            results = asked(partial(pipe.execute, raise_on_error=False))
            for index, result in zip(left, results, strict=True):
                answers[index] = result
            left = [index for index in left if isinstance(answers[index], NoScriptError)]
            if not left:
                break
            for name in sorted({scripts[index].name for index in left}):
                asked(partial(self._redis.script_load, self._texts[name]))
        for answer in answers:
            if isinstance(answer, RedisError):
                raise _translated(answer)
        return answers

    def _fix_layout(self, shards: int) -> None:
        """The number of shards is fixed when a store is first opened: another one would look for cases elsewhere.

        So is the format of its records: a program that knows another one would misread them.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.hsetnx(keys.LAYOUT, "shards", shards)
        pipe.hsetnx(keys.LAYOUT, "format", codec.FORMAT)
        pipe.hmget(keys.LAYOUT, "shards", "format")
        fixed, written = map(int, asked(pipe.execute)[-1])
        if written != codec.FORMAT:
            raise Conflict(
                f"this store has records of format {written}, and this program knows format {codec.FORMAT}: run the "
                "version of Casewright that wrote them, or restore a backup of it into an empty store",
                code="format_differs",
            )
        if fixed != shards:
            raise Conflict(
                f"this store was opened with {fixed} shards, not {shards}: set CASEWRIGHT_SHARDS={fixed}",
                code="shards_differ",
            )


def asked(call: Callable[[], Any]) -> Any:
    """What Redis answers. Raises `Unavailable` when it is away, loading or full."""
    try:
        return call()
    except RedisError as error:
        raise _translated(error) from error


def _but_for_wrong_types(answers: list[Any]) -> list[Any]:
    """The answers of a pipeline, in which a key that is not what it should be costs only its own answer."""
    for answer in answers:
        if isinstance(answer, RedisError) and not str(answer).startswith(WRONG_TYPE):
            raise _translated(answer) from answer
    return answers


def _commit_script(transaction: Transaction) -> Script:
    return Script("commit", transaction.keys, transaction.arguments)


def _unpacked(record: Any) -> tuple[Case, bytes]:
    """A case and its packed data, from its head, body and data. Raises `RecordDamaged`."""
    if isinstance(record, RedisError):
        raise RecordDamaged("its key holds something else")
    head, body, data = record
    if head is None or body is None or data is None:
        raise RecordDamaged("parts of it are missing")
    case = codec.unpack_case(body, data)
    if codec.case_head(case).encode() != head:
        raise RecordDamaged(f"its head says {head.decode(errors='replace')} and its body {codec.case_head(case)}")
    return case, data


def _unpacked_item(record: Any) -> WorkItem:
    """An item, from its head and body. Raises `RecordDamaged`."""
    if isinstance(record, RedisError):
        raise RecordDamaged("its key holds something else")
    head, body = record
    if head is None or body is None:
        raise RecordDamaged("parts of it are missing")
    item = codec.unpack_item(body)
    if codec.item_head(item).encode() != head:
        raise RecordDamaged(f"its head says {head.decode(errors='replace')} and its body {codec.item_head(item)}")
    return item


def _held(lease: Lease) -> str:
    return f"{lease.number}:{lease.owner}"


def _milliseconds(time: tuple[int, int]) -> int:
    """What TIME says, in ms since 1970."""
    seconds, microseconds = time
    return int(seconds) * 1000 + int(microseconds) // 1000


def _time_of(identifier: bytes) -> int:
    """When an entry of a stream was made."""
    return int(identifier.partition(b"-")[0])


def is_call(head: bytes) -> bool:
    """Whether what is kept under the name of a run is a call, and not an item."""
    return head.startswith((b"waiting ", b"taken ", b"awaiting ", b"reported "))


def _translated(error: RedisError) -> Exception:
    """What an error of Redis means: away or full is a refusal that may be tried again; the rest is a bug."""
    if isinstance(error, RedisConnectionError | RedisTimeoutError | BusyLoadingError):
        return Unavailable(f"Redis is away: {error}", code="store_unavailable")
    if isinstance(error, ResponseError) and any(word in str(error) for word in WRITES_NOTHING):
        return Unavailable(f"Redis writes nothing now: {error}", code="store_unavailable")
    if isinstance(error, OutOfMemoryError) or (isinstance(error, ResponseError) and "OOM" in str(error)):
        return Unavailable("Redis is full: nothing new is taken until memory is freed", code="store_full")
    return error
