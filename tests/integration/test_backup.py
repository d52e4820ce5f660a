"""A backup of a system under load: put back into an empty Redis, everything in it goes on to its end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from deploy.backup_files import backups_in
from deploy.settings import VARIABLES
from engine.case import Case, CaseStatus
from engine.events import CaseSuspended, Envelope
from engine.items.work_item import ItemState
from engine.names import shard_of
from engine.store.port import CaseQuery, ItemQuery, Once, Store
from engine.store.redis_store import RedisStore
from tests.installation import Installation
from tests.integration.test_instances_and_children import FAN, children_of
from tests.integration.test_orders import FIVE_ECHOES, WITH_A_PERSON
from tests.redis_server import running_redis

pytestmark = pytest.mark.servers

WAITING = """
specification: waiting
version: "1"
nets:
  main:
    variables: {n: {schema: {type: integer}, output: true}}
    start: wait
    tasks:
      wait:
        kind: human
        offer: {roles: [clerk]}
        timer: {after: PT8S, then: skip}
        next: end
"""


@pytest.fixture
def other_url(tmp_path: Path) -> Iterator[str]:
    """The address of another, empty Redis."""
    directory = tmp_path / "other"
    directory.mkdir()
    with running_redis(directory) as port:
        yield f"redis://127.0.0.1:{port}/0"


def casewright(redis_url: str, *arguments: str, code: int = 0, **variables: str) -> str:
    """Runs a command on a Redis; gives what it says."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env={**environment, "REDIS_URL": redis_url, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def all_cases(store: Store) -> dict[str, Case]:
    found: dict[str, Case] = {}
    cursor = None
    while True:
        page = store.cases(CaseQuery(limit=500, after=cursor))
        found |= {case.id: case for case in page.cases}
        cursor = page.next
        if cursor is None:
            return found


def do_everything(running: Installation, case_ids: list[str]) -> None:
    """Ann does what is offered, until all these cases have ended."""
    store = running.parts.store

    def step() -> bool:
        for item in store.items(ItemQuery(person="ann", limit=200)).items:
            if item.case_id in case_ids:
                work(running, item.id)
        return all(case.ended for case in store.load(case_ids, []).cases.values())

    running.wait_until(step, "the end of every case")


def work(running: Installation, item_id: str) -> None:
    """Ann does one item, from wherever it stands."""
    store, worklist = running.parts.store, running.parts.worklist
    item = store.item(item_id)
    assert item is not None
    if item.state is ItemState.OFFERED:
        worklist.claim(item_id, "ann")
    if item.state in (ItemState.OFFERED, ItemState.ALLOCATED):
        worklist.start(item_id, "ann")
    if worklist.complete(item_id, {"weight": 2.5}, "ann").ring:
        running.ring_for(item.case_id)


def test_cases_backed_up_under_load_all_go_on_to_their_end(
    installation: Installation, other_url: str, tmp_path: Path
) -> None:
    echoes, fan, order = (installation.deploy(text) for text in (FIVE_ECHOES, FAN, WITH_A_PERSON))
    file, second = tmp_path / "all.backup", tmp_path / "second"
    begun = installation.submit(order, [(f"order{n}", {"n": n}) for n in range(30)])
    begun += installation.submit(fan, [(f"fan{n}", {"n": 200}) for n in range(3)])
    begun += installation.submit(echoes, [(f"c{n}", {"n": n}) for n in range(400)])
    installation.wait_until(lambda: any(installation.parts.store.journal(c) for c in begun[:50]), "a first step")
    casewright(installation.settings.redis_url, "backup", str(file))
    casewright(installation.settings.redis_url, "verify", str(file))
    assert any(not case.ended for case in installation.parts.store.load(begun, []).cases.values()), "no load was left"
    for name in ("worker-1", "worker-2", "beat"):
        installation.kill(name)
    second.mkdir()

    said = casewright(other_url, "restore", str(file), "--json")
    assert json.loads(said)["trees"] == len(begun)
    with Installation(other_url, second) as restored:
        assert [person.id for person in restored.parts.registry.participants()] == ["ann", "bob"]
        orders = [case_id for case_id in begun if case_id.startswith("order")]
        do_everything(restored, orders)
        cases = restored.wait_for_end(begun)
        assert {case.status for case in cases} == {CaseStatus.COMPLETED}
        with_children = begun + [child for n in range(3) for child in children_of(restored, f"fan{n}")]
        assert restored.completed_twice(with_children) == []
        restored.check_replay(with_children)
        assert {case.id: case.data["n"] for case in cases if case.id.startswith("c")} == {
            f"c{n}": n for n in range(400)
        }


def test_a_restore_under_another_number_of_shards_finds_every_case(
    installation: Installation, other_url: str, tmp_path: Path
) -> None:
    specification = installation.deploy(WITH_A_PERSON)
    case_ids = installation.submit(specification, [(f"order{n}", {"n": n}) for n in range(20)])
    offered = ItemQuery(person="ann", limit=100)
    installation.wait_until(lambda: len(installation.parts.store.items(offered).items) == 20, "every item")
    shard = shard_of("order1", 16)
    installation.parts.store.append(shard, [Envelope("order1", CaseSuspended("ann"))], Once("order1:x", "digest"))
    casewright(installation.settings.redis_url, "backup", str(tmp_path / "a.backup"))
    casewright(other_url, "restore", str(tmp_path / "a.backup"), CASEWRIGHT_SHARDS="5")
    store = RedisStore(Redis.from_url(other_url), 5)
    assert sorted(all_cases(store)) == sorted(case_ids)
    assert sorted(item.case_id for item in store.items(offered).items) == sorted(case_ids)
    assert store.is_kept(shard_of("order1", 5), Once("order1:x", "digest"))


def test_a_store_that_holds_something_is_not_restored_into(installation: Installation, tmp_path: Path) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    installation.wait_for_end(installation.submit(specification, [("c1", {"n": 1})]))
    casewright(installation.settings.redis_url, "backup", str(tmp_path / "a.backup"))
    said = casewright(installation.settings.redis_url, "restore", str(tmp_path / "a.backup"), code=1)
    assert "the store is not empty: it holds 1 case, 1 specification, 2 participants" in said
    assert "store_not_empty" in said


def test_a_damaged_file_is_refused_with_its_place_and_nothing_is_written(
    installation: Installation, other_url: str, tmp_path: Path
) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    installation.wait_for_end(installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(20)]))
    file = tmp_path / "a.backup"
    casewright(installation.settings.redis_url, "backup", str(file))
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    for command in ("verify", "restore"):
        said = casewright(other_url, command, str(file), code=1)
        assert f"{file}: block 0 is damaged: its sum is wrong" in said
    file.write_bytes(whole[:-1])
    assert "is cut off within block 1: 1 bytes are missing" in casewright(other_url, "restore", str(file), code=1)
    assert Redis.from_url(other_url).keys("*case*:*c1") == []


def test_a_restore_until_a_moment_gives_the_cases_as_they_were(
    installation: Installation, other_url: str, tmp_path: Path
) -> None:
    order, fan, waiting = (installation.deploy(text) for text in (WITH_A_PERSON, FAN, WAITING))
    store = installation.parts.store
    begun = installation.submit(order, [(f"order{n}", {"n": n}) for n in range(10)])
    begun += installation.submit(fan, [("fan", {"n": 300})]) + installation.submit(waiting, [("waits", {})])
    installation.wait_until(lambda: len(store.items(ItemQuery(person="ann", limit=100)).items) == 11, "every item")
    installation.wait_until(lambda: len(store.journal("fan")) > 50, "half of the fan")
    moment = store.now()
    do_everything(installation, begun[:10])
    installation.submit(order, [("later", {"n": 1})])
    installation.wait_for_end([*begun[:11], "waits"])
    # What had come by the moment stands in the journals only now.
    before = {case_id: journal_until(store, case_id, moment) for case_id in begun}
    casewright(installation.settings.redis_url, "backup", str(tmp_path / "a.backup"))
    text = f"{datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec='milliseconds')}"
    for name in ("worker-1", "worker-2", "beat"):
        installation.kill(name)

    casewright(other_url, "restore", str(tmp_path / "a.backup"), "--until", text)
    (tmp_path / "second").mkdir()
    with Installation(other_url, tmp_path / "second", workers=0) as restored:
        for case_id in begun:
            assert len(restored.parts.store.journal(case_id)) == before[case_id], case_id
        assert restored.parts.store.case("later") is None
        assert {case.status for case in restored.parts.store.load(begun, []).cases.values()} == {CaseStatus.RUNNING}
        offered = restored.parts.store.items(ItemQuery(person="ann", limit=100)).items
        assert sorted(item.case_id for item in offered) == sorted([*begun[:10], "waits"])
        restored.check_replay(begun)
        for number in (1, 2):
            restored.start_worker(number)
        do_everything(restored, begun[:10])
        cases = restored.wait_for_end(begun)
        assert {case.status for case in cases} == {CaseStatus.COMPLETED}
        with_children = begun + children_of(restored, "fan")
        assert len(with_children) == len(begun) + 20
        assert restored.completed_twice(with_children) == []
        restored.check_replay(with_children)


def journal_until(store: Store, case_id: str, moment: int) -> int:
    """How many entries a journal has up to a moment."""
    return max((number for number, entry in enumerate(store.journal(case_id), 1) if entry.at <= moment), default=0)


def test_beat_takes_backups_and_archives_by_itself(redis_url: str, tmp_path: Path) -> None:
    asked = {"CASEWRIGHT_BACKUP_EVERY": "PT1M", "CASEWRIGHT_ARCHIVE_AFTER": "PT0S"}
    with Installation(redis_url, tmp_path, workers=1, variables=asked) as running:
        specification = running.deploy(FIVE_ECHOES)
        case_ids = running.submit(specification, [(f"c{n}", {"n": n}) for n in range(20)])
        archive = running.parts.archive
        running.wait_until(lambda: all(archive.case(case_id) is not None for case_id in case_ids), "the archive")
        running.wait_until(lambda: not running.parts.store.load(case_ids, []).cases, "an empty store")
        running.wait_until(lambda: bool(backups_in(running.settings.backups)), "a backup")
        assert not [key for key in running.redis().scan_iter() if b":c1" in key]
        assert archive.journal("c1")[-1].event
    casewright(redis_url, "verify", str(backups_in(running.settings.backups)[0]))
