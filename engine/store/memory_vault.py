"""A store in memory as a whole: the reference for what the port means."""

from collections.abc import Iterator, Sequence

from msgspec.msgpack import Decoder, Encoder

from engine.errors import RecordDamaged
from engine.names import case_of, root_of, shard_of
from engine.resources.history import Counter, add, joined
from engine.resources.organisation import OrgUnit, Participant, Unit
from engine.store import codec, keys
from engine.store.memory import MemoryStore, Shard, StoredCall, StoredCase
from engine.store.memory_registry import MemoryRegistry
from engine.store.paging import Cursor
from engine.store.port import ONCE_S
from engine.store.registry import StoredConnector, StoredSpecification, User
from engine.store.tree import CallRecord, CaseRecord, Contents, Kept, Mark, Tree
from engine.store.vault import FIRST_USER, Damaged, Ended

PAGE = 500

_encode = Encoder().encode
_specification = Decoder(StoredSpecification).decode
_unit = Decoder(OrgUnit).decode
_participant = Decoder(Participant).decode
_user = Decoder(User).decode
_connector = Decoder(StoredConnector).decode


class MemoryVault:
    """A store in memory, with its registry, as a whole."""

    def __init__(self, store: MemoryStore, registry: MemoryRegistry) -> None:
        self._store = store
        self._registry = registry
        self._lock, self._shards = store.opened()
        self._restoring = ""

    @property
    def shards(self) -> int:
        return self._store.shards

    def now(self) -> int:
        return self._store.now()

    def cases(self, begun_by: int) -> Iterator[list[str]]:
        for shard in self._shards:
            yield list(shard.cases)

    def roots(self, begun_by: int) -> Iterator[list[str]]:
        for shard in self._shards:
            found = [root for _, root in self._places(shard, begun_by)]
            for start in range(0, len(found), PAGE):
                yield found[start : start + PAGE]

    def ended(self, shard: int, before: int, limit: int, after: str | None = None) -> Ended:
        place = Cursor.read(after) if after else None
        held = self._shards[shard]
        with self._lock:
            found = [
                cursor
                for cursor in self._places(held, before)
                if held.cases[cursor.name].unpacked().ended and (place is None or cursor > place)
            ][:limit]
            roots = [cursor.name for cursor in found if held.cases[cursor.name].unpacked().ended_at <= before]
        return Ended(roots, found[-1].written() if len(found) == limit else None)

    def trees(self, roots: Sequence[str], damaged: Damaged | None = None) -> Iterator[Tree]:
        for root in roots:
            shard = self._shards[shard_of(root, self.shards)]
            with self._lock:
                tree = self._tree(shard, root) if root in shard.cases else None
            try:
                for record in tree.cases if tree is not None else ():
                    record.case()
            except RecordDamaged as damage:
                if damaged is None:
                    raise
                damaged(root, damage)
                continue
            if tree is not None:
                yield tree

    def marks(self) -> Iterator[Mark]:
        with self._lock:
            kept = [(name, *each) for shard in self._shards for name, each in shard.once.items()]
        for name, digest, until in kept:
            if until > self.now():
                yield Mark(name, digest, until - ONCE_S * 1000, until)

    def registry(self) -> Iterator[Kept]:
        for stored in self._registry.specifications():
            versions = keys.specification_versions(stored.id)
            yield Kept(keys.specification(stored.id, stored.version), "string", ((b"", _encode(stored)),))
            yield Kept(versions, "zset", ((stored.version.encode(), str(stored.deployed_at).encode()),))
            yield Kept(keys.SPECIFICATIONS, "set", ((stored.id.encode(), b""),))
        for person in self._registry.participants():
            yield Kept(keys.PARTICIPANTS, "hash", ((person.id.encode(), _encode(person)),))
        for unit in Unit:
            for entered in self._registry.units(unit):
                yield Kept(keys.units(unit), "hash", ((entered.id.encode(), _encode(entered)),))
        with self._lock:
            tasks = sorted({task for shard in self._shards for task in shard.histories})
            histories = {task: joined(shard.histories.get(task, {}) for shard in self._shards) for task in tasks}
        for (specification, task), people in histories.items():
            fields = (
                (f"{person}:{counter}".encode(), str(value).encode())
                for person, counters in people.items()
                for counter, value in counters.items()
            )
            yield Kept(f"{keys.HISTORY}{specification}:{task}", "hash", tuple(fields))
        for user in self._registry.users():
            yield Kept(keys.USERS, "hash", ((user.name.encode(), _encode(user)),))
        for connector in self._registry.connectors():
            yield Kept(keys.CONNECTORS, "hash", ((connector.name.encode(), _encode(connector)),))
        for stored in self._registry.specifications():
            rules = self._registry.rule_set(stored.id)
            if rules is not None:
                yield Kept(keys.RULES, "hash", ((stored.id.encode(), _encode(rules)),))

    def contents(self) -> Contents:
        with self._lock:
            return Contents(
                sum(len(shard.cases) for shard in self._shards),
                sum(len(shard.events) for shard in self._shards),
                len({stored.id for stored in self._registry.specifications()}),
                _without_the_first([person.id for person in self._registry.participants()]),
                _without_the_first([user.name for user in self._registry.users()]),
                restoring=self._restoring,
            )

    def begin_restore(self, name: str) -> None:
        self._restoring = name

    def end_restore(self) -> None:
        self._restoring = ""

    def put_trees(self, trees: Sequence[Tree]) -> None:
        with self._lock:
            for tree in trees:
                self._put(self._shards[shard_of(tree.root, self.shards)], tree)

    def put_marks(self, marks: Sequence[Mark]) -> None:
        with self._lock:
            for mark in marks:
                shard = self._shards[shard_of(mark.name, self.shards)]
                shard.once[mark.name] = mark.digest, mark.until

    def put_registry(self, kept: Kept) -> None:
        if kept.kind == "string" and kept.name.startswith(keys.SPECIFICATIONS):
            self._registry.put_specification(_specification(kept.members[0][1]))
        if kept.name.startswith(keys.HISTORY):
            history = self._shards[0].histories[keys.history_of(kept.name)]
            for name, value in kept.members:
                person, _, counter = name.decode().rpartition(":")
                add(history[person], Counter(counter), int(value))
            return
        for _, packed in kept.members:
            if kept.name.startswith(keys.UNITS):
                self._registry.put_unit(Unit(kept.name.removeprefix(keys.UNITS)), _unit(packed))
            elif kept.name == keys.PARTICIPANTS:
                self._registry.put_participant(_participant(packed))
            elif kept.name == keys.USERS:
                self._registry.put_user(_user(packed))
            elif kept.name == keys.CONNECTORS:
                self._registry.put_connector(_connector(packed))

    def remove(self, tree: Tree) -> bool:
        shard = self._shards[shard_of(tree.root, self.shards)]
        with self._lock:
            for record in tree.cases:
                stored = shard.cases.get(record.id)
                if stored is None or stored.head != codec.case_head(record.case()):
                    return False
            gone = {record.id for record in tree.cases}
            for case_id in gone:
                del shard.cases[case_id]
                shard.journals.pop(case_id, None)
                shard.parked.pop(case_id, None)
                shard.words.pop(case_id, None)
            shard.items = {item_id: item for item_id, item in shard.items.items() if item.case_id not in gone}
            return True

    def _places(self, shard: Shard, begun_by: int) -> list[Cursor]:
        with self._lock:
            cases = [stored.unpacked() for name, stored in shard.cases.items() if root_of(name) == name]
        return sorted(Cursor(case.created_at, case.id) for case in cases if case.created_at <= begun_by)

    def _tree(self, shard: Shard, root: str) -> Tree:
        of_tree = [name for name in shard.cases if root_of(name) == root]
        cases = sorted(of_tree, key=lambda name: (name.count("."), name))
        return Tree(
            root,
            self.now(),
            tuple(_record(shard, case_id) for case_id in cases),
            tuple(
                (at, packed)
                for at, packed in shard.events.values()
                if root_of(codec.unpack_envelope(packed).case_id) == root
            ),
            tuple(codec.pack_dead_letter(letter) for letter in shard.dead if root_of(letter.envelope.case_id) == root),
        )

    def _put(self, shard: Shard, tree: Tree) -> None:
        for record in tree.cases:
            case = record.case()
            shard.cases[case.id] = StoredCase(codec.case_head(case), codec.pack_case(case))
            shard.journals[case.id] += record.journal
            shard.items.update({item.id: item for item in map(codec.unpack_item, record.items)})
            for packed, head, due in ((each.call, each.head, each.due) for each in record.calls):
                call = codec.unpack_call(packed)
                shard.calls[call.item] = StoredCall(call, head, due)
            for run, results in record.results.items():
                shard.results[run].update(results)
            shard.timers.update({(case.id, number): due for number, due in record.timers})
            if record.words:
                shard.words[case.id] = frozenset(record.words)
            if record.parked:
                shard.parked[case.id] += map(codec.unpack_envelope, record.parked)
        shard.dead += map(codec.unpack_dead_letter, tree.dead)
        for _, packed in tree.events:
            envelope = codec.unpack_envelope(packed)
            self._store.append(shard_of(tree.root, self.shards), [envelope])


def _record(shard: Shard, case_id: str) -> CaseRecord:
    packed = shard.cases[case_id].packed
    return CaseRecord(
        case_id,
        packed.body,
        packed.data,
        tuple(shard.journals.get(case_id, ())),
        tuple(codec.pack_item(item) for item in shard.items.values() if item.case_id == case_id),
        tuple(
            CallRecord(codec.pack_call(record.call), record.head, record.due)
            for name, record in shard.calls.items()
            if case_of(name) == case_id
        ),
        {run: dict(results) for run, results in shard.results.items() if results and case_of(run) == case_id},
        tuple((number, due) for (owner, number), due in shard.timers.items() if owner == case_id),
        tuple(map(codec.pack_envelope, shard.parked.get(case_id, ()))),
        tuple(sorted(shard.words.get(case_id, ()))),
    )


def _without_the_first(names: Sequence[str]) -> int:
    return 0 if list(names) == [FIRST_USER] else len(names)
