"""What commits tell: one suite for the store in memory, on fakeredis and on a real Redis."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import fakeredis
import pytest

from deploy.wiring import Parts, assemble
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.errors import InvalidInput
from engine.events import Distributed
from engine.resources.organisation import Participant
from engine.runner import Runner
from engine.spec.read import read_specification
from engine.store.exception_log import ExceptionQuery, PastException, newest
from engine.store.happenings import Happenings, Subject
from engine.store.memory import MemoryStore
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.paging import Cursor
from engine.store.port import CaseQuery, Store
from engine.store.redis_happenings import RedisHappenings
from engine.store.redis_store import RedisStore
from engine.store.registry import StoredSpecification
from engine.submission import submission
from tests.api.bench import RecordingDoorbell, settings_for

SHARDS = 2
AUTOMATIC = """
specification: quick
version: "1"
nets:
  main:
    start: pass
    tasks:
      pass: {kind: routing, next: end}
"""


class Told(NamedTuple):
    """A store, what it tells, and whether ends are kept."""

    store: Store
    happenings: Happenings
    keeps: list[bool]


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    keeps = [True]
    if request.param == "memory":
        happenings = MemoryHappenings(lambda: keeps[0])
        yield Told(MemoryStore(SHARDS, lambda: 1_700_000_000_000, happenings), happenings, keeps)
        return
    client: Any = fakeredis.FakeRedis(version=(7,)) if request.param == "fakeredis" else None
    client = client or request.getfixturevalue("redis_client")
    yield Told(RedisStore(client, SHARDS, lambda: keeps[0]), RedisHappenings(client), keeps)


class Nobody:
    """Nothing here is for people."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item)


def run(store: Store, case_id: str) -> None:
    """A case from its beginning to its end."""
    registry = MemoryRegistry(lambda: 0)
    specification = read_specification(AUTOMATIC)
    document = dict(specification.document)
    registry.put_specification(StoredSpecification("quick", "1", document, AUTOMATIC, "application/yaml"))
    begun = submission(specification, case_id, {}, by="test", correlation_id="x", at=store.now())
    assert store.submit([begun])[0].accepted
    runner = Runner(store, Definitions(registry), Nobody)
    for shard in range(SHARDS):
        runner.drain(shard, "test")


def kept(told: Told) -> list[tuple[Subject, str, str]]:
    found = [each.notice for shard in range(SHARDS) for each in told.happenings.notices(shard, 10)]
    return [(notice.what, notice.id, notice.event) for notice in found]


def test_the_end_of_a_case_is_kept_until_it_is_seen_to(told: Told) -> None:
    run(told.store, "c1")
    assert kept(told) == [(Subject.CASE, "c1", "completed")]
    for shard in range(SHARDS):
        told.happenings.seen_to(shard, [each.id for each in told.happenings.notices(shard, 10)])
    assert kept(told) == []


def test_nothing_is_kept_while_nobody_wants_to_know(told: Told) -> None:
    told.keeps[0] = False
    run(told.store, "c1")
    assert kept(told) == []


def test_who_listens_is_told_which_cases_were_handled(told: Told) -> None:
    ready, over, heard = Event(), Event(), list[str]()

    def listen(stop: Callable[[], bool]) -> None:
        for case_id in told.happenings.listen(ready.set, stop):
            heard.append(case_id)
            if case_id:
                over.set()

    listening = Thread(target=listen, args=(over.is_set,), daemon=True)
    listening.start()
    assert ready.wait(10)
    run(told.store, "c1")
    assert over.wait(10)
    listening.join(10)
    assert {case_id for case_id in heard if case_id} == {"c1"}


HUMAN = """
specification: approval
version: "1"
nets:
  main:
    start: approve
    tasks:
      approve:
        kind: human
        offer: {participants: [ann, bob]}
        timer: {after: PT0S, then: remind}
        next: end
"""


@pytest.fixture
def parts(told: Told, tmp_path: Path) -> Parts:
    """Around the store in question, with one case that has offered an item to ann and bob, and reminded of it."""
    registry = MemoryRegistry(lambda: 0)
    parts = assemble(settings_for(tmp_path), told.store, registry, RecordingDoorbell(), {}, happenings=told.happenings)
    for person in ("ann", "bob", "cyd"):
        registry.put_participant(Participant(person))
    specification = read_specification(HUMAN)
    document = dict(specification.document)
    registry.put_specification(StoredSpecification("approval", "1", document, HUMAN, "application/yaml"))
    begun = submission(specification, "c1", {}, by="test", correlation_id="x", at=told.store.now())
    assert told.store.submit([begun])[0].accepted
    drain(parts)
    return parts


def drain(parts: Parts) -> None:
    for _ in range(3):
        parts.store.fire_timers(range(SHARDS), 10)
        for shard in range(SHARDS):
            parts.runner.drain(shard, "test")


def of_items(told: Told) -> list[tuple[str, str | None, str]]:
    found = [each.notice for shard in range(SHARDS) for each in told.happenings.notices(shard, 20)]
    return [(notice.event, notice.owner, notice.by) for notice in found if notice.what is Subject.ITEM]


def test_what_people_are_told_of_an_item_is_kept_with_who_did_it(told: Told, parts: Parts) -> None:
    assert of_items(told) == [("offered", None, ""), ("reminded", None, "")]
    parts.worklist.offer("c1:1", ("ann", "bob", "cyd"), "boss")
    parts.worklist.claim("c1:1", "ann")
    parts.worklist.delegate("c1:1", "bob", "ann")
    parts.worklist.start("c1:1", "bob")
    drain(parts)
    parts.worklist.complete("c1:1", {}, "bob")
    drain(parts)
    assert of_items(told)[2:] == [
        ("offered", None, "boss"),
        ("allocated", "ann", "ann"),
        ("allocated", "bob", "ann"),
        ("completed", "bob", "bob"),
    ]
    [ended] = [each for each in kept(told) if each[0] is Subject.CASE]
    assert ended == (Subject.CASE, "c1", "completed")


def test_who_starts_what_he_is_offered_has_done_it_himself(told: Told, parts: Parts) -> None:
    parts.worklist.start("c1:1", "bob")
    drain(parts)
    assert of_items(told)[2:] == [("allocated", "bob", "bob")]


def test_nobody_is_told_of_items_while_nobody_wants_to_know(told: Told, parts: Parts) -> None:
    told.keeps[0] = False
    parts.worklist.claim("c1:1", "ann")
    assert of_items(told) == [("offered", None, ""), ("reminded", None, "")]


RAISING = """
specification: raising
version: "1"
nets:
  main:
    variables: {n: {schema: {type: integer}, input: true}}
    start: wait
    tasks:
      wait:
        kind: human
        offer: {participants: [ann]}
        on: {item_failed: [{suspend: item}, {continue: item}, fail]}
        next: check
      check: {kind: routing, requires: "n > 0", next: end}
"""


def submit(parts: Parts, text: str, count: int, **data: object) -> list[str]:
    specification = read_specification(text)
    stored = StoredSpecification(specification.id, "1", dict(specification.document), text, "application/yaml")
    parts.registry.put_specification(stored)
    names = [f"{specification.id}-{n}" for n in range(count)]
    at = parts.store.now()
    parts.store.submit([submission(specification, name, data, by="t", correlation_id="x", at=at) for name in names])
    drain(parts)
    return names


def logged(parts: Parts, **asked: Any) -> list[PastException]:
    """All pages of the log."""
    found: list[PastException] = []
    after: str | None = None
    while True:
        read = newest(parts.happenings.exceptions, SHARDS, ExceptionQuery(after=after, limit=3, **asked))
        found += read.exceptions
        if (after := read.next) is None:
            return found


def test_what_became_of_exceptions_is_logged_page_by_page_the_latest_first(parts: Parts) -> None:
    names = submit(parts, RAISING, 8, n=1)
    for name in names:
        parts.worklist.start(f"{name}:1", "ann")
        drain(parts)
        parts.worklist.fail(f"{name}:1", "no time", "ann")
        drain(parts)
    found = logged(parts, kind="item_failed")
    assert sorted(each.case_id for each in found) == names
    assert {(each.kind, each.task, each.outcome) for each in found} == {("item_failed", "wait", "handled")}
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    # No path is left by which the case could complete.
    assert [each.kind for each in logged(parts, case_id=names[3])] == ["deadlock", "item_failed"]
    assert {each.kind for each in logged(parts, outcome="unhandled")} == {"deadlock"}
    assert logged(parts, kind="timeout") == []


def test_a_cursor_that_no_page_has_given_is_refused(parts: Parts) -> None:
    for cursor in ("x", Cursor(5, "one-two").written()):
        with pytest.raises(InvalidInput):
            newest(parts.happenings.exceptions, SHARDS, ExceptionQuery(after=cursor))


def test_cases_that_handle_an_exception_are_found_as_long_as_they_do(parts: Parts) -> None:
    text = RAISING.replace("specification: raising", "specification: waiting").replace(
        "[{suspend: item}, {continue: item}, fail]", "[{compensate: {net: undo}}]"
    )
    text += """
  undo:
    start: call
    tasks: {call: {kind: human, offer: {participants: [ann]}, next: end}}
"""
    [name] = submit(parts, text, 1, n=1)
    assert parts.store.cases(CaseQuery(handling=True)).cases == []
    parts.worklist.start(f"{name}:1", "ann")
    drain(parts)
    parts.worklist.fail(f"{name}:1", "no time", "ann")
    drain(parts)
    assert [case.id for case in parts.store.cases(CaseQuery(handling=True)).cases] == [name]
    assert logged(parts) == []
    [undo] = parts.store.cases(CaseQuery(parent=name)).cases
    [item] = parts.store.items_of(undo.id)
    parts.worklist.start(item.id, "ann")
    drain(parts)
    parts.worklist.complete(item.id, {}, "ann")
    drain(parts)
    assert parts.store.cases(CaseQuery(handling=True)).cases == []
    assert [each.case_id for each in logged(parts, outcome="handled")] == [name]
