"""The case store on Redis (6.2 or newer).

Keys (s = shard, c = case, i = item; `keys.py` makes the names):

    {s}:events       stream   field `e`: one packed envelope; handled events are deleted
    {s}:lease        hash     number (fencing, only grows), owner ("" when free), expires, bell, strikes, suspect
    {s}:case:c       hash     head `running 17.` (status, revision), body (packed case), data (its variables) and words
                              (those by which it is found)
    {s}:case:c:journal  list  packed entries
    {s}:item:i       hash     an item: head `offered 3.` (state, version) and body; or a call: head `waiting 0.`,
                              `taken 1 <owner>.` or `awaiting 1 <ms>.` (a callback; of these, and of several instances,
                              also `reported 1.`) and body
    {s}:run:r        hash     what the instances of a run gave, by index, until it is gathered
    {s}:history:p:t  hash     what people did for task t of specification p: `<person>:<counter>`; it outlives the cases
    {s}:calls        zset     ids of calls by when they are due: a waiting one from its moment on, a taken one when its
                              taker's time is over, an awaited one when its callback is late
    {s}:timers       zset     packed envelopes of `TimerFired` by when they are due
    {s}:once:m       hash     head: the digest of a request that came with an Idempotency-Key; for a day
    {s}:dead, {s}:parked:c    lists of events whose step raised, and of what came for their case after them
    {s}:by:*         zsets    of cases by time of creation; of items by urgency (`indexing.py`); {s}:by:offers is a hash
                              of the sets of people that items were offered to
    {s}:changes      stream   field `c`: `order-1:2 offered 3`, the last changes of items
    {s}:exceptions   stream   field `e`: a packed exception that nothing more is done about (`exception_log.py`)
    {s}:by:handling  zset     cases in which something is being done about an exception, by creation
    {s}:notices      stream   field `e`: a packed notice of a case or an item (`redis_happenings.py`)
    {s}:handled      channel  a case whose events were handled
    {s}:chainers     hash     who has the next items of a case started for him (`redis_detours.py`)

Every change is one script that compares heads and then writes (`commit.lua`), so a reader never sees half of one.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from msgspec.msgpack import Encoder
from redis import Redis
from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, RedisError, ResponseError, WatchError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from engine import names
from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.errors import Conflict, RecordDamaged, Unavailable
from engine.events import CallAnswered, CallFailed, Envelope
from engine.executions import executions
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry
from engine.resources.history import LATEST, Counter, add, counted
from engine.store import awaiting, codec, indexing, keys, positions
from engine.store.exception_log import MOST_EXCEPTIONS, past_exceptions
from engine.store.happenings import MOST_NOTICES, Notice, mover, notice_of_case, notice_of_item, reminders
from engine.store.indexing import case_indexes, item_indexes, offer_digest
from engine.store.paging import Cursor, page
from engine.store.paging_items import page_of_items
from engine.store.port import (
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
from engine.store.transaction import Argument, Transaction, runs_of

log = logging.getLogger(__name__)

SCRIPTS = ("commit", "acquire", "release", "take", "fire", "owned")

FULL = -2
"""What `commit.lua` answers when too much waits already."""

RING = 2
"""A transaction is done, and the doorbell must be rung."""

WRONG_TYPE = "WRONGTYPE"
"""How Redis begins to say that a key holds something of another type."""

WRITES_NOTHING = ("MISCONF", "READONLY", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN")
"""How Redis begins to say that it takes no writes for a while: its disk is full, or a failover goes on."""

BUSY = "store_busy"
"""The code of a refusal because others changed what was looked at."""

NOTHING = [None, None, None]
"""What is read of a case that does not exist."""

PEOPLE_AT_ONCE = 5_000
"""People whose items in hand one script counts: it takes about a millisecond."""

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


_pack_notice = _pack_exception = Encoder().encode


class RedisStore:
    """The case store on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis", shards: int, keeps_notices: Callable[[], bool] = lambda: False) -> None:
        self._redis = client
        self._keeps_notices = keeps_notices
        self._texts = {name: files("engine.store").joinpath(f"{name}.lua").read_text() for name in SCRIPTS}
        self._digests = {name: sha1(text.encode()).hexdigest() for name, text in self._texts.items()}
        self._shards = shards
        self._offers: list[dict[bytes, frozenset[str]]] = [{} for _ in range(shards)]
        self._fix_layout(shards)

    @property
    def shards(self) -> int:
        """How many shards there are, for ever."""
        return self._shards

    def now(self) -> int:
        """The time of the Redis server."""
        return milliseconds(asked(self._redis.time))

    # -- events ------------------------------------------------------------------------------------------------

    def submit(self, submissions: Sequence[Submission], most_waiting: int | None = None) -> list[Submitted]:
        transactions = []
        for stub, envelope in submissions:
            shard = self._shard(stub.id)
            key = keys.case(shard, stub.id)
            transaction = self._transaction(shard, ring=True)
            if most_waiting is not None:
                transaction.bound(keys.calls(shard), most_waiting)
            transaction.expect(key, "")
            self._write_case(transaction, shard, None, stub, codec.pack_case(stub))
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
            transactions.append(transaction)
        answers = self._committed(transactions)
        return [Submitted(answer > 0, answer == RING, answer == FULL) for answer in answers]

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
        answer = self._committed([transaction])[0]
        if answer == FULL:
            return Appended(Kept.FULL, False)
        if answer:
            return Appended(Kept.NEW, answer == RING)
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

    def read(self, shard: int, limit: int) -> Incoming:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.xrange(keys.events(shard), count=limit)
        time, entries = asked(pipe.execute)
        now = milliseconds(time)
        waiting = []
        for identifier, fields in entries:
            envelope = codec.unpack_envelope(fields[b"e"])
            waiting.append(Waiting(identifier.decode(), taken_at(_time_of(identifier), now, envelope), envelope))
        return Incoming(waiting, now)

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
        return Loaded(found, known, milliseconds(time), packed, damaged)

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        outcomes = {-1: Outcome.FENCED, 0: Outcome.CONFLICT, 1: Outcome.DONE}
        answers = self._committed([self._commit_transaction(commit, lease) for commit in commits])
        return [outcomes[answer] for answer in answers]

    def park(self, lease: Lease, waiting: Sequence[Waiting]) -> None:
        transaction = self._transaction(lease.shard, held=_held(lease))
        transaction.write("XDEL", keys.events(lease.shard), *(event.id for event in waiting))
        for event in waiting:
            parked = keys.parked(lease.shard, event.envelope.case_id)
            transaction.write("RPUSH", parked, codec.pack_envelope(event.envelope))
        self._committed([transaction])

    def repair(self, lease: Lease, repaired: Repaired) -> bool:
        shard, case = lease.shard, repaired.case
        anew = [keys.case(shard, case.id), *(keys.item(shard, item.id) for item in repaired.items)]
        # What is damaged may be of any type. Whoever dies between this and the script leaves a case without a record,
        # which is repaired in the same way.
        asked(lambda: self._redis.unlink(*anew))
        transaction = self._transaction(shard, held=_held(lease))
        for status in CaseStatus:
            transaction.write("ZREM", keys.by_status(shard, status), case.id)
        transaction.write("ZREM", keys.by_handling(shard), case.id)
        self._write_case(transaction, shard, None, case, repaired.packed)
        if repaired.words:
            self._write_words(transaction, shard, case, frozenset(), repaired.words)
        for item in repaired.items:
            # Where it stood in indexes nobody can tell any more; a member that is no longer an item's is passed over.
            self._write_item(transaction, shard, None, item)
        for entry in repaired.entries:
            transaction.write("RPUSH", keys.journal(shard, case.id), codec.pack_entry(entry))
        for envelope in repaired.appended:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        if repaired.unparked:
            transaction.write("UNLINK", keys.parked(shard, case.id))
        return self._committed([transaction])[0] > 0

    def discard(self, lease: Lease, handled: Sequence[str]) -> None:
        transaction = self._transaction(lease.shard, held=_held(lease))
        transaction.write("XDEL", keys.events(lease.shard), *handled)
        self._committed([transaction])

    # -- items -------------------------------------------------------------------------------------------------

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        shard = self._shard(before.id)
        transaction = self._transaction(shard, ring=envelope is not None)
        transaction.expect(keys.case(shard, before.case_id), codec.LIVE_CASE)
        self._write_move(transaction, shard, before, after, (entry, envelope))
        if entry is not None:
            transaction.write("RPUSH", keys.journal(shard, before.case_id), codec.pack_entry(entry))
        if envelope is not None:
            transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        answer = self._committed([transaction])[0]
        return Moved(answer > 0, answer == RING)

    # -- calls -------------------------------------------------------------------------------------------------

    def take_calls(self, shard: int, owner: str, limit: int, known: Sequence[Call] = ()) -> list[Taken]:
        wanted = [(call, codec.waiting_call_head(0)) for call in known[:limit]]
        if not wanted:
            wanted = self._without_overdue(shard, self._due_calls(shard, limit))
        return self._taken(shard, owner, wanted)

    def take_named(self, shard: int, owner: str, items: Sequence[str], *, paused: bool = False) -> list[Taken]:
        named = [(call, head) for call, head in self._calls_named(shard, items) if not awaiting.is_awaited(head)]
        if not paused:
            return self._taken(shard, owner, named)
        # Only what waits: of a call that somebody makes the moment is the end of his time.
        waiting = [(call, head) for call, head in named if head.startswith(codec.WAITING_CALL)]
        return self._taken(shard, owner, waiting, only_due=False)

    def report(self, shard: int, owner: str, outcomes: Sequence[Reported]) -> bool:
        together = self._transaction(shard, ring=True)
        singles = []
        for report in outcomes:
            if report.instance or report.uncommitted or isinstance(report.event, CallFailed):
                singles.append(report)
            else:
                self._write_outcome(together, shard, report.event, report.correlation_id)
        answers = self._committed([self._single_report(shard, owner, report) for report in singles])
        for report, answer in zip(singles, answers, strict=True):
            if answer == 0 and not report.uncommitted:
                envelope = Envelope(names.case_of(report.event.item), report.superseded(), report.correlation_id)
                together.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))
        return self._committed([together])[0] == RING

    def _single_report(self, shard: int, owner: str, report: Reported) -> Transaction:
        """An outcome that counts only while its call stands as it must.

        Only the attempt that is under way may spend the budget of a call: an earlier one's failure is only noted. And
        of several instances only the first outcome counts. One that may be committed is not, if the call stands as the
        drain had claimed it.
        """
        event, transaction = report.event, self._transaction(shard)
        key = keys.item(shard, event.item)
        exactly = report.uncommitted or isinstance(event, CallFailed)
        transaction.expect(key, codec.taken_call_head(event.attempt, owner) if exactly else codec.TAKEN_CALL)
        if report.instance or report.uncommitted:
            transaction.write("HSET", key, "head", codec.reported_call_head(event.attempt))
        self._write_outcome(transaction, shard, event, report.correlation_id)
        return transaction

    def renew(self, shard: int, owner: str, taken: Sequence[Taken]) -> list[str]:
        heads = [codec.taken_call_head(attempt, owner) for _, attempt in taken]
        takes = [_Take(call, head, head) for (call, _), head in zip(taken, heads, strict=True)]
        answers = self._run([self._take_script(shard, takes, only_due=False)])[0]
        return [call.item for (call, _), answer in zip(taken, answers, strict=True) if answer == 0]

    def hand_back(self, shard: int, owner: str, taken: Sequence[Taken], pause_ms: int = 0) -> None:
        due = self.now() + pause_ms
        transactions = []
        for call, attempt in taken:
            transaction = self._transaction(shard)
            transaction.expect(keys.item(shard, call.item), codec.taken_call_head(attempt, owner))
            transaction.write("HSET", keys.item(shard, call.item), "head", codec.waiting_call_head(attempt - 1))
            transaction.write("ZADD", keys.calls(shard), due, call.item)
            transactions.append(transaction)
        self._committed(transactions)

    def await_callbacks(self, shard: int, owner: str, awaited: Sequence[Awaited]) -> None:
        now = self.now()
        transactions = []
        for item, attempt, wait_ms in awaited:
            transaction = self._transaction(shard)
            transaction.expect(keys.item(shard, item), codec.taken_call_head(attempt, owner))
            transaction.write("HSET", keys.item(shard, item), "head", codec.awaiting_call_head(attempt, wait_ms))
            transaction.write("ZADD", keys.calls(shard), awaiting.due_at(now, wait_ms), item)
            transactions.append(transaction)
        self._committed(transactions)

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
            answer = self._committed([self._callback(shard, found[1], reported)])[0]
            if answer:
                return CalledBack(True, answer == RING)
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
        if query.words:
            shards = range(self._shards)
            indexes = self._rarest([[keys.by_case_word(shard, word) for shard in shards] for word in query.words])
        elif query.parent is not None:
            indexes = [keys.by_parent(self._shard(query.parent), query.parent)]
        elif query.handling:
            indexes = [keys.by_handling(shard) for shard in range(self._shards)]
        elif query.status is not None:
            indexes = [keys.by_status(shard, query.status) for shard in range(self._shards)]
        elif query.specification is not None:
            indexes = [keys.by_specification(shard, query.specification) for shard in range(self._shards)]
        else:
            indexes = [keys.by_status(shard, status) for shard in range(self._shards) for status in CaseStatus]

        found, cursor = page(
            lambda after, count: self._ranked(indexes, after, count, newest_first=True),
            partial(self._cases, words=query.words),
            query.wants,
            query.limit,
            query.after,
            newest_first=True,
        )
        return CasePage(found, cursor)

    def items(self, query: ItemQuery) -> ItemPage:
        if query.case_id is not None:
            return page_of_items(self.items_of(query.case_id), query)
        indexes = self._item_indexes(query)
        found, cursor = page(
            lambda after, count: self._in_order(indexes, after, count, indexing.bound(query)),
            partial(self._items_at, query),
            query.wants,
            query.limit,
            query.after,
            newest_first=False,
        )
        return ItemPage(found, cursor)

    def changes(self, position: str | None, limit: int, wait_ms: int) -> Changes:
        if position is None:
            return Changes([], self._last_changes())
        seen = positions.read(position, self._shards)
        streams: dict[Any, Any] = {keys.changes(shard): after for shard, after in enumerate(seen)}
        answer = asked(lambda: self._redis.xread(streams, count=limit, block=max(wait_ms, 1)))
        changes = []
        for key, entries in answer:
            shard = int(key[1 : key.index(b"}")])
            changes += [_change(fields[b"c"]) for _, fields in entries]
            seen[shard] = entries[-1][0].decode()
        return Changes(changes, positions.written(seen))

    def missed(self, position: str) -> bool:
        seen = positions.read(position, self._shards)
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.xlen(keys.changes(shard))
            pipe.xrange(keys.changes(shard), count=1)
        answers = asked(pipe.execute)
        return any(
            length >= CHANGES_KEPT and positions.is_before(after, oldest[0][0].decode())
            for after, length, oldest in zip(seen, answers[::2], answers[1::2], strict=True)
        )

    def _last_changes(self) -> str:
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.xrevrange(keys.changes(shard), count=1)
        return positions.written([last[0][0].decode() if last else positions.FIRST for last in asked(pipe.execute)])

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        loads: dict[str, int] = {}
        for start in range(0, len(people), PEOPLE_AT_ONCE):
            some = people[start : start + PEOPLE_AT_ONCE]
            owned = [(person, keys.of_owner(person, state)) for person in some for state in indexing.OWNED]
            scripts = [
                Script("owned", [keys.item_queue(shard, keys.WHOLE, queue) for _, queue in owned], ())
                for shard in range(self._shards)
            ]
            for counts in self._run(scripts):
                for (person, _), count in zip(owned, counts, strict=True):
                    if count:
                        loads[person] = loads.get(person, 0) + count
        return loads

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        fields = [(person, counter) for person in people for counter in counters]
        if not fields:
            return {}
        names_of = [f"{person}:{counter}" for person, counter in fields]
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.hmget(keys.history(shard, specification, task), names_of)
        history: dict[str, dict[Counter, int]] = {}
        for values in asked(pipe.execute):
            for (person, counter), value in zip(fields, values, strict=True):
                if value is not None:
                    add(history.setdefault(person, {}), counter, int(value))
        return history

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
        for item_id in commit.made:
            assert lease is not None, "only drainers make calls"
            transaction.expect(keys.item(shard, item_id), codec.taken_call_head(1, lease.owner))
        for item_id in commit.dropped:
            transaction.write("DEL", keys.item(shard, item_id))
        if commit.dropped or commit.made:
            # From here on nobody repeats them, whatever their outcome leads to.
            transaction.write("ZREM", keys.calls(shard), *{*commit.dropped, *commit.made})
        self._write_case(transaction, shard, commit.before, case, commit.packed)
        if commit.words is not None:
            self._write_words(transaction, shard, case, *commit.words)
        if commit.entries:
            transaction.write("RPUSH", keys.journal(shard, case.id), *map(codec.pack_entry, commit.entries))
        for before, after in commit.items.values():
            self._write_move(transaction, shard, before, after, commit.entries)
        for call in commit.placed:
            until = commit.claimed.get(call.item)
            head = codec.waiting_call_head(0)
            if until is not None:
                assert lease is not None, "only drainers claim calls"
                head = codec.taken_call_head(1, lease.owner)
            transaction.write("HSET", keys.item(shard, call.item), "head", head, "body", codec.pack_call(call))
            transaction.write("ZADD", keys.calls(shard), call.placed_at if until is None else until, call.item)
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
        if commit.entries:
            transaction.write("PUBLISH", keys.handled(shard), case.id)
        for exception in past_exceptions(case, commit.entries):
            packed = _pack_exception(exception)
            transaction.write("XADD", keys.exceptions(shard), "MAXLEN", "~", MOST_EXCEPTIONS, "*", "e", packed)
        if commit.entries and self._keeps_notices():
            for notice in reminders(case, commit.entries):
                self._write_notice(transaction, shard, notice)
        return transaction

    def _write_notice(self, transaction: Transaction, shard: int, notice: Notice | None) -> None:
        if notice is not None:
            packed = _pack_notice(notice)
            transaction.write("XADD", keys.notices(shard), "MAXLEN", "~", MOST_NOTICES, "*", "e", packed)

    def _write_case(
        self, transaction: Transaction, shard: int, before: Case | None, after: Case, packed: PackedCase
    ) -> None:
        parts: tuple[Argument, ...] = ("head", codec.case_head(after), "body", packed.body)
        if before is None or before.data is not after.data:
            parts = (*parts, "data", packed.data)
        transaction.write("HSET", keys.case(shard, after.id), *parts)
        if before is not None and before.status is after.status and bool(before.handling) == bool(after.handling):
            return
        if self._keeps_notices():
            self._write_notice(transaction, shard, notice_of_case(before, after))
        if after.ended and after.parent is None:
            transaction.write("HDEL", keys.chainers(shard), after.id)
        left = case_indexes(before, shard) if before is not None else set()
        entered = case_indexes(after, shard)
        for index in sorted(left - entered):
            transaction.write("ZREM", index, after.id)
        for index in sorted(entered - left):
            transaction.write("ZADD", index, after.created_at, after.id)

    def _write_words(
        self, transaction: Transaction, shard: int, case: Case, before: frozenset[str], after: frozenset[str]
    ) -> None:
        transaction.write("HSET", keys.case(shard, case.id), "words", codec.pack_names(tuple(sorted(after))))
        for word in sorted(before - after):
            transaction.write("ZREM", keys.by_case_word(shard, word), case.id)
        for word in sorted(after - before):
            transaction.write("ZADD", keys.by_case_word(shard, word), case.created_at, case.id)

    def _write_move(
        self,
        transaction: Transaction,
        shard: int,
        before: WorkItem | None,
        after: WorkItem,
        because: Iterable[Entry | Envelope | None],
    ) -> None:
        """An item is made or moved, which also counts for who did it, and is told to those who want to know."""
        self._write_item(transaction, shard, before, after)
        history = keys.history(shard, after.specification, after.task)
        for person, counter, amount in counted(before, after):
            command = "HSET" if counter in LATEST else "HINCRBY"
            transaction.write(command, history, f"{person}:{counter}", amount)
        if self._keeps_notices():
            by = mover(after.id, (each.event for each in because if each is not None))
            self._write_notice(transaction, shard, notice_of_item(before, after, by))

    def _write_item(self, transaction: Transaction, shard: int, before: WorkItem | None, after: WorkItem) -> None:
        key = keys.item(shard, after.id)
        transaction.expect(key, codec.item_head(before) if before is not None else "")
        transaction.write("HSET", key, "head", codec.item_head(after), "body", codec.pack_item(after))
        left, entered = indexing.differences(item_indexes(before, shard), item_indexes(after, shard))
        for index, member in left.items():
            transaction.write("ZREM", index, member)
        for index, member in entered.items():
            transaction.write("ZADD", index, 0, member)
        if after.state is ItemState.OFFERED and (before is None or before.offered_to != after.offered_to):
            packed = codec.pack_names(after.offered_to)
            transaction.write("HSET", keys.offers(shard), offer_digest(after.offered_to), packed)
        change = f"{after.id} {after.state} {after.version}"
        transaction.write("XADD", keys.changes(shard), "MAXLEN", "~", CHANGES_KEPT, "*", "c", change)

    def _write_outcome(
        self, transaction: Transaction, shard: int, outcome: CallAnswered | CallFailed, correlation_id: str
    ) -> None:
        # The call leaves the queue in the same script in which its outcome arrives: from here on nobody repeats it.
        transaction.write("ZREM", keys.calls(shard), outcome.item)
        envelope = Envelope(names.case_of(outcome.item), outcome, correlation_id)
        transaction.write("XADD", keys.events(shard), "*", "e", codec.pack_envelope(envelope))

    def _taken(
        self, shard: int, owner: str, wanted: Sequence[tuple[Call, str]], *, only_due: bool = True
    ) -> list[Taken]:
        """What is taken of calls that were found with these heads."""
        if not wanted:
            return []
        takes = [_Take(call, head, codec.taken_call_head(codec.attempts_of(head) + 1, owner)) for call, head in wanted]
        answers = self._run([self._take_script(shard, takes, only_due=only_due)])[0]
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

    def _callback(self, shard: int, head: str, reported: Reported) -> Transaction:
        """Gives a call that still stands so its outcome, from outside or because none came."""
        transaction = self._transaction(shard, ring=True)
        key = keys.item(shard, reported.event.item)
        transaction.expect(key, head)
        transaction.write("HSET", key, "head", codec.reported_call_head(reported.event.attempt))
        self._write_outcome(transaction, shard, reported.event, reported.correlation_id)
        return transaction

    def _without_overdue(self, shard: int, due: Sequence[tuple[Call, str]]) -> list[tuple[Call, str]]:
        """The calls that are to be made. Those whose callback is late get their outcome: a timeout."""
        late = [(call, head) for call, head in due if awaiting.is_awaited(head)]
        # Whether to ring is not asked: `recover`, which found them, also finds that their events wait.
        self._committed([self._callback(shard, head, awaiting.overdue(call, head)) for call, head in late])
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

    def _cases(self, case_ids: Sequence[str], words: Sequence[str] = ()) -> list[Case | None]:
        """Cases by id; None for one that is gone, or is not found by all of these words."""
        found = case_ids if len(words) < 2 else self._found_by(case_ids, words)
        loaded = self.load(found, [])
        for case_id, damage in loaded.damaged.items():
            log.error("case %s is left out of a list: its record cannot be read: %s", case_id, damage)
        return [loaded.cases.get(case_id) for case_id in case_ids]

    def _found_by(self, case_ids: Sequence[str], words: Sequence[str]) -> list[str]:
        pipe = self._redis.pipeline(transaction=False)
        for case_id in case_ids:
            pipe.hget(keys.case(self._shard(case_id), case_id), "words")
        answers = asked(pipe.execute)
        return [
            case_id
            for case_id, packed in zip(case_ids, answers, strict=True)
            if packed is not None and frozenset(words) <= frozenset(codec.unpack_names(packed))
        ]

    def _items(self, item_ids: Sequence[str]) -> list[WorkItem | None]:
        pipe = self._redis.pipeline(transaction=False)
        for item_id in item_ids:
            pipe.hmget(keys.item(self._shard(item_id), item_id), "head", "body")
        records = asked(pipe.execute) if item_ids else []
        return [codec.unpack_item(body) if head is not None and not is_call(head) else None for head, body in records]

    def _items_at(self, query: ItemQuery, members: Sequence[str]) -> list[WorkItem | None]:
        """The items of members of indexes; None for one that has gone elsewhere since it was found."""
        items = self._items([indexing.item_at(member, query) for member in members])
        return [
            item if item is not None and indexing.place(item, query) == member else None
            for member, item in zip(members, items, strict=True)
        ]

    def _item_indexes(self, query: ItemQuery) -> list[str]:
        shards = range(self._shards)
        if query.words:
            return self._rarest([[keys.by_word(shard, word) for shard in shards] for word in query.words])
        form = indexing.narrowing(query)
        offers = self._offers_to(query.person) if query.person is not None else [[]] * self._shards
        return [
            keys.item_queue(shard, form, queue) for shard in shards for queue in indexing.queues(query, offers[shard])
        ]

    def _rarest(self, alternatives: Sequence[list[str]]) -> list[str]:
        """Of several ways to find the same, the indexes with the fewest members."""
        pipe = self._redis.pipeline(transaction=False)
        for indexes in alternatives:
            for index in indexes:
                pipe.zcard(index)
        counts = iter(asked(pipe.execute))
        sizes = [sum(next(counts) for _ in indexes) for indexes in alternatives]
        return alternatives[sizes.index(min(sizes))]

    def _offers_to(self, person: str) -> list[list[str]]:
        """For each shard the sets of people, by digest, in which a person is.

        A set stays what it is, so what was read once is read again only when there are more of them.
        """
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.hlen(keys.offers(shard))
        for shard, count in enumerate(asked(pipe.execute)):
            if count != len(self._offers[shard]):
                found = asked(partial(self._redis.hgetall, keys.offers(shard)))
                known = self._offers[shard]
                self._offers[shard] = {
                    digest: known.get(digest) or frozenset(codec.unpack_names(people))
                    for digest, people in found.items()
                }
        return [[digest.decode() for digest, people in sets.items() if person in people] for sets in self._offers]

    def _in_order(self, indexes: list[str], after: Cursor | None, count: int, end: str | None) -> list[Cursor]:
        """The first `count` members of all these indexes together behind a cursor, by their bytes."""
        pipe = self._redis.pipeline(transaction=False)
        for index in indexes:
            first = b"(" + after.name.encode() if after else b"-"
            last = b"(" + end.encode() if end is not None else b"+"
            pipe.zrangebylex(index, first, last, start=0, num=count)
        members = {member for found in asked(pipe.execute) for member in found} if indexes else set()
        return [Cursor(0, member.decode()) for member in sorted(members)[:count]]

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

    def _committed(self, transactions: Sequence[Transaction]) -> list[int]:
        """What became of each: `FULL`, -1 (the lease is lost), 0 (a comparison failed), 1, or `RING` (done, and the
        doorbell must be rung)."""
        answers = [0] * len(transactions)
        runs = runs_of(transactions)
        for run, answer in zip(
            runs, self._run([Script("commit", run.keys, run.arguments) for run in runs]), strict=True
        ):
            for member, result in zip(run.members, results_of(answer), strict=True):
                answers[member] = result
        return answers

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


def results_of(answer: list[Any]) -> list[int]:
    """What became of the transactions of one run of `commit.lua`. Raises what Redis says of one that it refused."""
    ring, *results = answer
    for result in results:
        if isinstance(result, RedisError):
            raise _translated(result)
    if ring:
        results[results.index(1)] = RING
    return results


def _but_for_wrong_types(answers: list[Any]) -> list[Any]:
    """The answers of a pipeline, in which a key that is not what it should be costs only its own answer."""
    for answer in answers:
        if isinstance(answer, RedisError) and not str(answer).startswith(WRONG_TYPE):
            raise _translated(answer) from answer
    return answers


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


def _change(written: bytes) -> Change:
    item, state, version = written.decode().split(" ")
    return Change(item, ItemState(state), int(version))


def _held(lease: Lease) -> str:
    return f"{lease.number}:{lease.owner}"


def milliseconds(time: tuple[int, int]) -> int:
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
    if isinstance(error, WatchError):
        return Unavailable("others changed the same meanwhile: try again", code=BUSY)
    if isinstance(error, RedisConnectionError | RedisTimeoutError | BusyLoadingError):
        return Unavailable(f"Redis is away: {error}", code="store_unavailable")
    if isinstance(error, ResponseError) and any(word in str(error) for word in WRITES_NOTHING):
        return Unavailable(f"Redis writes nothing now: {error}", code="store_unavailable")
    if isinstance(error, OutOfMemoryError) or (isinstance(error, ResponseError) and "OOM" in str(error)):
        return Unavailable("Redis is full: nothing new is taken until memory is freed", code="store_full")
    return error
