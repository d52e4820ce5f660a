"""A store on Redis as a whole.

A tree is read in one MULTI, so it is seen at one moment. Which keys that takes is known only from what is read (how
far a case has counted, which children it has), so it is read as it was last seen to be, and again when it has grown
meanwhile. What all cases of a shard share (its events, its dead letters) is read once for some trees together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from redis import Redis

from engine.case import ENDED, Case, CaseStatus
from engine.errors import RecordDamaged, Unavailable
from engine.executions import executions
from engine.items.work_item import ItemState
from engine.names import item_id, root_of, shard_of
from engine.resources.history import LATEST, Counter
from engine.store import codec, keys
from engine.store.indexing import case_indexes, item_indexes, offer_digest
from engine.store.paging import Cursor
from engine.store.port import ONCE_S
from engine.store.redis_store import asked, is_call, results_of
from engine.store.transaction import Transaction, runs_of
from engine.store.tree import CallRecord, CaseRecord, Contents, Kept, Mark, Tree
from engine.store.vault import FIRST_USER, Damaged, Ended

PAGE = 500
"""Members of an index, of a hash or of the keyspace that are read at once."""

KEYS_AT_ONCE = 4_000
"""Trees are read together until they have so many keys; one that has more is read alone."""

READINGS = 16
"""How often a tree that grows while it is read is read again."""

SLACK = 16
"""So many numbers are read beyond those that a case had counted when it was found to grow."""

WRITES_AT_ONCE = 500
"""Entries of one list that are written by one command, and keys that one script removes."""

RESTORING = "restoring"
"""The field of the layout that names a restore under way."""


@dataclass(slots=True)
class _Plan:
    """What of a case is to be read: its numbers up to the counter, and what its state names."""

    counter: int = 0
    runs: frozenset[int] = frozenset()
    executions: frozenset[int] = frozenset()
    timers: frozenset[tuple[int, int]] = frozenset()

    def covers(self, other: "_Plan") -> bool:
        return (
            other.counter <= self.counter
            and other.runs <= self.runs
            and other.executions <= self.executions
            and other.timers <= self.timers
        )


def _plan_of(case: Case) -> _Plan:
    return _Plan(
        case.counter,
        frozenset(number for number, run in case.runs.items() if run.instances is not None),
        frozenset(executions(case)),
        frozenset((number, timer.due) for number, timer in case.timers.items() if timer.due),
    )


@dataclass(slots=True)
class _Seen:
    """A case as one reading found it: its parts, its children, and what else was read of it."""

    body: bytes
    data: bytes
    words: bytes | None
    children: list[str]
    journal: list[bytes] = field(default_factory=list)
    parked: list[bytes] = field(default_factory=list)
    records: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    due: dict[int, int] = field(default_factory=dict)
    results: dict[str, dict[int, bytes]] = field(default_factory=dict)
    timers: list[tuple[int, int]] = field(default_factory=list)


BESIDE_RECORDS = (keys.ORGANISATION_VERSION, keys.ORGANISATION_CHANGES, keys.CONNECTORS_VERSION)
"""What counts changes of the registry, and is nothing itself."""


class RedisVault:
    """A store on Redis as a whole. The client must not decode responses; its layout is fixed already."""

    def __init__(self, client: "Redis", shards: int) -> None:
        self._redis = client
        self._shards = shards
        self._commit = client.register_script(files("engine.store").joinpath("commit.lua").read_text())

    @property
    def shards(self) -> int:
        return self._shards

    def now(self) -> int:
        seconds, microseconds = asked(self._redis.time)
        return int(seconds) * 1000 + int(microseconds) // 1000

    # -- finding -----------------------------------------------------------------------------------------------

    def cases(self, begun_by: int) -> Iterator[list[str]]:
        for index in sorted(set(self._scan(keys.EVERY_SPECIFICATION_INDEX, "zset"))):
            after: Cursor | None = None
            while found := self._members(index, after, begun_by):
                after = found[-1]
                yield [cursor.name for cursor in found]

    def roots(self, begun_by: int) -> Iterator[list[str]]:
        for cases in self.cases(begun_by):
            roots = [case_id for case_id in cases if root_of(case_id) == case_id]
            if roots:
                yield roots

    def ended(self, shard: int, before: int, limit: int, after: str | None = None) -> Ended:
        place = Cursor.read(after) if after else None
        indexes = [keys.by_status(shard, status) for status in sorted(ENDED)]
        found = sorted(cursor for index in indexes for cursor in self._members(index, place, before, limit))[:limit]
        roots = [cursor.name for cursor in found if root_of(cursor.name) == cursor.name]
        pipe = self._redis.pipeline(transaction=False)
        for root in roots:
            pipe.hmget(keys.case(shard, root), "body", "data")
        records = asked(pipe.execute) if roots else []
        cases = [case for body, data in records if body and (case := _readable(body, data)) is not None]
        following = found[-1].written() if len(found) == limit else None
        return Ended([case.id for case in cases if case.ended and case.ended_at <= before], following)

    def _members(self, index: str, after: Cursor | None, most: int, count: int = PAGE) -> list[Cursor]:
        """The next members of an index, by time and name. Many may be of one moment."""
        least, start = (after.score if after else "-inf"), 0
        while True:
            found = asked(
                lambda: self._redis.zrangebyscore(index, least, most, start=start, num=count, withscores=True)  # noqa: B023
            )
            members = [Cursor(int(score), name.decode()) for name, score in found]
            new = [member for member in members if after is None or member > after]
            if new or not members:
                return new
            start += len(members)

    def _scan(self, pattern: str, kind: str | None = None) -> Iterator[str]:
        for key in _asked_in_turn(self._redis.scan_iter(match=pattern, count=PAGE * 4, _type=kind)):
            yield key.decode()

    # -- reading -----------------------------------------------------------------------------------------------

    def trees(self, roots: Sequence[str], damaged: Damaged | None = None) -> Iterator[Tree]:
        if not roots:
            return
        shard = shard_of(roots[0], self._shards)
        plans = self._plans(shard, roots, damaged or _raised)
        batch: dict[str, dict[str, _Plan]] = {}
        weight = 0
        for root, plan in plans.items():
            weighs = sum(4 + each.counter for each in plan.values())
            if batch and weight + weighs > KEYS_AT_ONCE:
                yield from self._read(shard, batch, damaged or _raised)
                batch, weight = {}, 0
            batch[root] = plan
            weight += weighs
        if batch:
            yield from self._read(shard, batch, damaged or _raised)

    def _plans(self, shard: int, roots: Sequence[str], damaged: Damaged) -> dict[str, dict[str, _Plan]]:
        """What is to be read of each tree. A child is found by its parent, level by level."""
        plans: dict[str, dict[str, _Plan]] = {root: {} for root in roots}
        unreadable: dict[str, RecordDamaged] = {}
        level = list(roots)
        while level:
            pipe = self._redis.pipeline(transaction=False)
            for case_id in level:
                pipe.hmget(keys.case(shard, case_id), "body", "data")
                pipe.zrange(keys.by_parent(shard, case_id), 0, -1)
            answers = asked(pipe.execute)
            below = []
            for case_id, (body, data), children in zip(level, answers[::2], answers[1::2], strict=True):
                if not body:
                    continue
                try:
                    plans[root_of(case_id)][case_id] = _plan_of(codec.unpack_case(body, data))
                except RecordDamaged as damage:
                    unreadable[root_of(case_id)] = RecordDamaged(
                        f"the record of case {case_id} cannot be read: {damage}"
                    )
                below += [child.decode() for child in children]
            level = below
        for root, found in unreadable.items():
            damaged(root, found)
        return {root: plan for root, plan in plans.items() if plan and root not in unreadable}

    def _read(self, shard: int, plans: Mapping[str, Mapping[str, _Plan]], damaged: Damaged) -> Iterator[Tree]:
        left = {root: dict(plan) for root, plan in plans.items()}
        for _ in range(READINGS):
            seen, at, events, dead = self._reading(shard, left)
            grown: dict[str, dict[str, _Plan]] = {}
            for root, plan in left.items():
                found = seen[root]
                if not found:
                    continue
                try:
                    needed = _needed(found)
                except RecordDamaged as damage:
                    damaged(root, damage)
                    continue
                if all(case_id in plan and plan[case_id].covers(each) for case_id, each in needed.items()):
                    yield _tree(root, at, found, events.get(root, []), dead.get(root, []))
                else:
                    grown[root] = {case_id: _with_slack(each) for case_id, each in needed.items()}
            if not grown:
                return
            left = grown
        raise Unavailable(f"cases change faster than they can be read: {', '.join(sorted(left))}", code="store_busy")

    def _reading(
        self, shard: int, plans: Mapping[str, Mapping[str, _Plan]]
    ) -> tuple[dict[str, dict[str, _Seen]], int, dict[str, list[tuple[int, bytes]]], dict[str, list[bytes]]]:
        """All that is planned, at one moment, with the events and the dead letters of each tree."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.time()
        pipe.xrange(keys.events(shard))
        pipe.lrange(keys.dead(shard), 0, -1)
        for plan in plans.values():
            for case_id, each in plan.items():
                _ask(pipe, shard, case_id, each)
        (seconds, microseconds), waiting, letters, *answers = asked(pipe.execute)
        following = iter(answers)
        seen = {
            root: {case_id: found for case_id, each in plan.items() if (found := _answer(following, case_id, each))}
            for root, plan in plans.items()
        }
        events = defaultdict[str, list[tuple[int, bytes]]](list)
        for identifier, fields in waiting:
            root = root_of(codec.unpack_envelope(fields[b"e"]).case_id)
            if root in plans:
                events[root].append((int(identifier.partition(b"-")[0]), fields[b"e"]))
        dead = defaultdict[str, list[bytes]](list)
        for letter in letters:
            dead[root_of(codec.unpack_dead_letter(letter).envelope.case_id)].append(letter)
        return seen, int(seconds) * 1000 + int(microseconds) // 1000, events, dead

    def marks(self) -> Iterator[Mark]:
        page: list[str] = []
        for key in self._scan(keys.EVERY_MARK):
            page.append(key)
            if len(page) == PAGE:
                yield from self._marks(page)
                page = []
        if page:
            yield from self._marks(page)

    def _marks(self, page: list[str]) -> Iterator[Mark]:
        pipe = self._redis.pipeline(transaction=False)
        for key in page:
            pipe.time()
            pipe.hget(key, "head")
            pipe.pttl(key)
        answers = asked(pipe.execute)
        for key, (seconds, micros), digest, left_ms in zip(page, answers[::3], answers[1::3], answers[2::3]):
            if digest is not None and left_ms > 0:
                until = int(seconds) * 1000 + int(micros) // 1000 + left_ms
                yield Mark(key.partition(":once:")[2], digest.decode(), until - ONCE_S * 1000, until)

    def registry(self) -> Iterator[Kept]:
        for key in sorted(set(self._scan("[a-z]*"))):
            if not key.startswith(keys.REGISTRY) or key == keys.ORGANISATION_CHANGES:
                continue
            kind = asked(lambda: self._redis.type(key)).decode()  # noqa: B023
            left_ms = asked(lambda: self._redis.pttl(key))  # noqa: B023
            until = self.now() + left_ms if left_ms > 0 else 0
            page: list[tuple[bytes, bytes]] = []
            for member in self._members_of(key, kind):
                page.append(member)
                if len(page) == PAGE:
                    yield Kept(key, kind, tuple(page), until)
                    page = []
            if page:
                yield Kept(key, kind, tuple(page), until)
        yield from self._histories()

    def _histories(self) -> Iterator[Kept]:
        """What people have done, of all shards together: another store may have more of them, or fewer."""
        together: dict[str, dict[bytes, int]] = defaultdict(dict)
        for key in sorted(set(self._scan(keys.EVERY_HISTORY, "hash"))):
            specification, task = keys.history_of(key)
            into = together[f"{keys.HISTORY}{specification}:{task}"]
            for field_name, value in self._members_of(key, "hash"):
                latest = Counter(field_name.decode().rpartition(":")[2]) in LATEST
                before = into.get(field_name, 0)
                into[field_name] = max(before, int(value)) if latest else before + int(value)
        for name, counted in together.items():
            yield Kept(name, "hash", tuple((field_name, str(value).encode()) for field_name, value in counted.items()))

    def _members_of(self, key: str, kind: str) -> Iterator[tuple[bytes, bytes]]:
        match kind:
            case "string":
                value = asked(lambda: self._redis.get(key))
                if value is not None:
                    yield b"", value
            case "hash":
                yield from _asked_in_turn(self._redis.hscan_iter(key, count=PAGE))
            case "set":
                for member in _asked_in_turn(self._redis.sscan_iter(key, count=PAGE)):
                    yield member, b""
            case "zset":
                for member, score in _asked_in_turn(self._redis.zscan_iter(key, count=PAGE)):
                    yield member, repr(score).encode()
            case "list":
                start = 0
                while members := asked(lambda: self._redis.lrange(key, start, start + PAGE - 1)):  # noqa: B023
                    yield from ((b"", member) for member in members)
                    start += len(members)
            case "none":
                return
            case other:
                raise AssertionError(f"{key} of the registry is a {other}, which no backup can hold")

    # -- what is there -----------------------------------------------------------------------------------------

    def contents(self) -> Contents:
        other = next(filter(self._is_content, self._scan("*")), "")
        restoring = asked(lambda: self._redis.hget(keys.LAYOUT, RESTORING))
        if not other:
            return Contents(restoring=restoring.decode() if restoring else "")
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._shards):
            pipe.xlen(keys.events(shard))
            for status in CaseStatus:
                pipe.zcard(keys.by_status(shard, status))
        counts = asked(pipe.execute)
        each = 1 + len(CaseStatus)
        events = sum(counts[::each])
        cases = sum(counts) - events
        specifications = asked(lambda: self._redis.scard(keys.SPECIFICATIONS))
        participants = asked(lambda: self._redis.hlen(keys.PARTICIPANTS))
        users = asked(lambda: self._redis.hlen(keys.USERS))
        named = cases or events or specifications or participants or users
        return Contents(
            cases,
            events,
            specifications,
            participants,
            users,
            "" if named else f"the key {other}",
            restoring.decode() if restoring else "",
        )

    def _is_content(self, key: str) -> bool:
        """Whether a key is more than what is there from the first start on, or somebody else's (the broker's)."""
        if key.endswith("}:events"):
            return bool(asked(lambda: self._redis.xlen(key)) > 0)
        if key.startswith("{"):
            # A lease, who was offered something once, what changed lately and what was ever done say nothing of a case.
            return (
                not key.endswith(("}:lease", "}:by:offers", "}:changes", "}:notices", "}:exceptions"))
                and "}:history:" not in key
            )
        if not key.startswith(keys.REGISTRY) or key in BESIDE_RECORDS or key.startswith(keys.AUDIT):
            return False
        if key in (keys.USERS, keys.PARTICIPANTS):
            return bool(asked(lambda: self._redis.hkeys(key)) != [FIRST_USER.encode()])
        return True

    # -- putting back ------------------------------------------------------------------------------------------

    def begin_restore(self, name: str) -> None:
        asked(lambda: self._redis.hset(keys.LAYOUT, RESTORING, name))

    def end_restore(self) -> None:
        asked(lambda: self._redis.hdel(keys.LAYOUT, RESTORING))

    def put_trees(self, trees: Sequence[Tree]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for tree in trees:
            self._put(pipe, shard_of(tree.root, self._shards), tree)
        asked(pipe.execute)

    def _put(self, pipe: Any, shard: int, tree: Tree) -> None:
        for record in tree.cases:
            case = record.case()
            parts = {"head": codec.case_head(case), "body": record.body, "data": record.data}
            pipe.hset(keys.case(shard, case.id), mapping=parts)
            for index in sorted(case_indexes(case, shard)):
                pipe.zadd(index, {case.id: case.created_at})
            if record.words:
                pipe.hset(keys.case(shard, case.id), "words", codec.pack_names(record.words))
            for word in record.words:
                pipe.zadd(keys.by_case_word(shard, word), {case.id: case.created_at})
            _push(pipe, keys.journal(shard, case.id), record.journal)
            _push(pipe, keys.parked(shard, case.id), record.parked)
            for packed in record.items:
                item = codec.unpack_item(packed)
                pipe.hset(keys.item(shard, item.id), mapping={"head": codec.item_head(item), "body": packed})
                for index, member in item_indexes(item, shard).items():
                    pipe.zadd(index, {member: 0})
                if item.state is ItemState.OFFERED:
                    people = codec.pack_names(item.offered_to)
                    pipe.hset(keys.offers(shard), offer_digest(item.offered_to), people)
            for call in record.calls:
                name = codec.unpack_call(call.call).item
                pipe.hset(keys.item(shard, name), mapping={"head": call.head, "body": call.call})
                if call.due is not None:
                    pipe.zadd(keys.calls(shard), {name: call.due})
            for run, results in record.results.items():
                pipe.hset(keys.results(shard, run), mapping={str(index): packed for index, packed in results.items()})
            for number, due in record.timers:
                pipe.zadd(keys.timers(shard), {codec.pack_timer(case.id, number, due): due})
        _push(pipe, keys.dead(shard), tree.dead)
        for _, packed in tree.events:
            pipe.xadd(keys.events(shard), {"e": packed})

    def put_marks(self, marks: Sequence[Mark]) -> None:
        now = self.now()
        pipe = self._redis.pipeline(transaction=False)
        for mark in marks:
            if mark.until > now:
                key = keys.once(shard_of(mark.name, self._shards), mark.name)
                pipe.hset(key, "head", mark.digest)
                pipe.pexpireat(key, mark.until)
        asked(pipe.execute)

    def put_registry(self, kept: Kept) -> None:
        pipe = self._redis.pipeline(transaction=True)
        members = kept.members
        match kept.kind:
            case "string" if kept.name == keys.ORGANISATION_VERSION:
                # It must differ from what running processes know, not be what it was.
                pipe.incrby(kept.name, int(members[0][1]) + 1)
                pipe.delete(keys.ORGANISATION_CHANGES)
            case "string":
                pipe.set(kept.name, members[0][1])
            case "hash" if kept.name.startswith(keys.HISTORY):
                pipe.hset(keys.history(0, *keys.history_of(kept.name)), mapping=dict(members))
            case "hash":
                pipe.hset(kept.name, mapping=dict(members))
            case "set":
                pipe.sadd(kept.name, *(member for member, _ in members))
            case "zset":
                pipe.zadd(kept.name, {member: float(score) for member, score in members})
            case "list":
                _push(pipe, kept.name, [member for _, member in members])
            case other:
                raise AssertionError(f"{kept.name} of the registry is a {other}, which no backup can hold")
        if kept.name == keys.PARTICIPANTS or kept.name.startswith(keys.UNITS):
            # Who has read something else before has to read it all: the log of changes tells nothing of this one.
            pipe.incr(keys.ORGANISATION_VERSION)
            pipe.delete(keys.ORGANISATION_CHANGES)
        if kept.until:
            pipe.pexpireat(kept.name, kept.until)
        asked(pipe.execute)

    # -- taking away -------------------------------------------------------------------------------------------

    def remove(self, tree: Tree) -> bool:
        shard = shard_of(tree.root, self._shards)
        # What stands beside the cases goes first: a removal that is cut off is found and finished by its cases.
        beside = [key for record in tree.cases for key in _beside(shard, record)]
        for start in range(0, len(beside), WRITES_AT_ONCE):
            piece = self._of(shard, tree)
            for key in beside[start : start + WRITES_AT_ONCE]:
                piece.write("UNLINK", key)
            if not self._committed(piece):
                return False
        last = self._of(shard, tree)
        for record in tree.cases:
            case = record.case()
            for index in sorted(case_indexes(case, shard)):
                last.write("ZREM", index, case.id)
            for word in record.words:
                last.write("ZREM", keys.by_case_word(shard, word), case.id)
            last.write("UNLINK", keys.journal(shard, case.id))
            last.write("UNLINK", keys.case(shard, case.id))
        return self._committed(last)

    def _of(self, shard: int, tree: Tree) -> Transaction:
        """What is written only while every case of a tree is what was read."""
        transaction = Transaction(keys.lease(shard), keys.events(shard))
        for record in tree.cases:
            transaction.expect(keys.case(shard, record.id), codec.case_head(record.case()))
        return transaction

    def _committed(self, transaction: Transaction) -> bool:
        [run] = runs_of([transaction])
        return results_of(asked(lambda: self._commit(keys=run.keys, args=run.arguments))) == [1]


def _readable(body: bytes, data: bytes) -> Case | None:
    try:
        return codec.unpack_case(body, data)
    except RecordDamaged:
        return None


def _raised(root: str, damage: RecordDamaged) -> None:
    raise damage


def _asked_in_turn(found: Iterator[Any]) -> Iterator[Any]:
    """What Redis tells little by little."""
    end = object()
    while (each := asked(lambda: next(found, end))) is not end:
        yield each


def _ask(pipe: Any, shard: int, case_id: str, plan: _Plan) -> None:
    pipe.hmget(keys.case(shard, case_id), "body", "data", "words")
    pipe.zrange(keys.by_parent(shard, case_id), 0, -1)
    pipe.lrange(keys.journal(shard, case_id), 0, -1)
    pipe.lrange(keys.parked(shard, case_id), 0, -1)
    for number in range(1, plan.counter + 1):
        pipe.hmget(keys.item(shard, item_id(case_id, number)), "head", "body")
    for number in sorted(plan.executions):
        pipe.zscore(keys.calls(shard), item_id(case_id, number))
    for number in sorted(plan.runs):
        pipe.hgetall(keys.results(shard, item_id(case_id, number)))
    for timer in sorted(plan.timers):
        pipe.zscore(keys.timers(shard), codec.pack_timer(case_id, *timer))


def _answer(answers: Iterator[Any], case_id: str, plan: _Plan) -> _Seen | None:
    """What came back for a case, in the order in which it was asked for; None when it is gone."""
    body, data, words = next(answers)
    seen = _Seen(body, data, words, [child.decode() for child in next(answers)], next(answers), next(answers))
    seen.records = {number: next(answers) for number in range(1, plan.counter + 1)}
    seen.due = {number: int(due) for number in sorted(plan.executions) if (due := next(answers)) is not None}
    for number in sorted(plan.runs):
        seen.results[item_id(case_id, number)] = {int(index): packed for index, packed in next(answers).items()}
    seen.timers = [timer for timer in sorted(plan.timers) if next(answers) is not None]
    return seen if body else None


def _needed(found: Mapping[str, _Seen]) -> dict[str, _Plan]:
    """What has to be read of a tree that was seen so."""
    needed = {case_id: _plan_of(codec.unpack_case(seen.body, seen.data)) for case_id, seen in found.items()}
    for seen in found.values():
        for child in seen.children:
            needed.setdefault(child, _Plan())
    return needed


def _with_slack(plan: _Plan) -> _Plan:
    return _Plan(plan.counter + SLACK, plan.runs, plan.executions, plan.timers)


def _tree(
    root: str, at: int, found: Mapping[str, _Seen], events: Iterable[tuple[int, bytes]], dead: Iterable[bytes]
) -> Tree:
    cases = tuple(_record(case_id, found[case_id]) for case_id in sorted(found, key=_by_depth))
    return Tree(root, at, cases, tuple(events), tuple(dead))


def _by_depth(case_id: str) -> tuple[int, str]:
    return case_id.count("."), case_id


def _record(case_id: str, seen: _Seen) -> CaseRecord:
    items, calls = [], []
    for number, (head, body) in seen.records.items():
        if head is None:
            continue
        if is_call(head):
            calls.append(CallRecord(body, head.decode(), seen.due.get(number)))
        else:
            items.append(body)
    return CaseRecord(
        case_id,
        seen.body,
        seen.data,
        tuple(seen.journal),
        tuple(items),
        tuple(calls),
        {run: results for run, results in seen.results.items() if results},
        tuple(seen.timers),
        tuple(seen.parked),
        codec.unpack_names(seen.words) if seen.words is not None else (),
    )


def _beside(shard: int, record: CaseRecord) -> Iterator[str]:
    """The keys of a case beside its own: those of all numbers it ever gave."""
    case = record.case()
    for number in range(1, case.counter + 1):
        yield keys.item(shard, item_id(case.id, number))
        yield keys.results(shard, item_id(case.id, number))
    yield keys.parked(shard, case.id)


def _push(pipe: Any, key: str, packed: Sequence[bytes]) -> None:
    for start in range(0, len(packed), WRITES_AT_ONCE):
        pipe.rpush(key, *packed[start : start + WRITES_AT_ONCE])
