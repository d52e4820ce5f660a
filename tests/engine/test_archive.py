"""The archive: written before removed, found again after a crash, damage said."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.archive_places import Directory, place_at
from deploy.archiving import Archiver, archive_all
from engine.archive.archive import Archive, name_of
from engine.archive.moving import at_rest, remove_written, write_ended
from engine.case import CaseStatus
from engine.errors import Unavailable
from engine.events import Envelope, TriggerPosted
from engine.names import shard_of
from engine.store import codec
from engine.store.port import DeadLetter
from engine.store.redis_vault import RedisVault
from engine.store.tree import Tree
from tests.engine.test_vault import BEGUN, SHARDS, Bench, a_case, begin, ended, memory_bench, redis_bench, whole


@pytest.fixture(params=["memory", "redis"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "memory":
        return memory_bench(SHARDS)
    return redis_bench(request.getfixturevalue("redis_client"), SHARDS)


@pytest.fixture(params=["directory", "objects"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    address = str(tmp_path / "archive") if request.param == "directory" else f"memory://{tmp_path.name}"
    return Archive(place_at(address))


def written(bench: Bench, archive: Archive, before: int = BEGUN + 100) -> list[Tree]:
    trees: list[Tree] = []
    for shard in range(SHARDS):
        trees += write_ended(bench.vault, archive, shard, before, 100, None).trees
    return trees


def test_a_tree_is_in_the_archive_before_it_leaves_the_store(bench: Bench, archive: Archive) -> None:
    ended(bench.store, "order-1", BEGUN + 10, data={"n": 1})
    ended(bench.store, "order-1.4", BEGUN + 5, parent="order-1")
    trees = written(bench, archive)
    assert archive.case("order-1") == bench.store.case("order-1")
    assert remove_written(bench.vault, trees) == 1
    assert (bench.store.case("order-1"), bench.store.case("order-1.4")) == (None, None)
    case, child = archive.case("order-1"), archive.case("order-1.4")
    assert case is not None and child is not None
    assert (case.data, child.parent) == ({"n": 1}, "order-1")
    assert archive.case("order-1.5") is None
    assert archive.case("order-2") is None
    assert len(archive.journal("order-1")) == 1


def test_a_crash_between_writing_and_removing_changes_nothing(bench: Bench, archive: Archive) -> None:
    ended(bench.store, "order-1", BEGUN + 10)
    [first] = written(bench, archive)
    [again] = written(bench, archive)
    assert (first.cases, remove_written(bench.vault, [again])) == (again.cases, 1)
    assert written(bench, archive) == []


def test_a_removal_that_was_cut_off_does_not_spoil_what_was_written(archive: Archive, redis_client: Any) -> None:
    bench = redis_bench(redis_client, SHARDS)
    ended(bench.store, "order-1", BEGUN + 10)
    [whole_tree] = written(bench, archive)
    # As if only the journal had gone.
    [tree] = whole(bench.vault).values()
    less = replace(tree, cases=(replace(tree.cases[0], journal=()),))
    archive.put(less)
    kept = archive.tree("order-1")
    assert kept is not None and kept.cases == whole_tree.cases


def test_another_end_of_a_case_is_written_over_the_first(bench: Bench, archive: Archive) -> None:
    ended(bench.store, "order-1", BEGUN + 10)
    [tree] = written(bench, archive)
    other = codec.pack_case(a_case("order-1", status=CaseStatus.CANCELLED, ended_at=BEGUN + 20))
    Archive(archive._place).put(replace(tree, cases=(replace(tree.cases[0], body=other.body),)))
    found = Archive(archive._place).case("order-1")
    assert found is not None and found.status is CaseStatus.CANCELLED


def test_what_waits_for_anybody_stays(bench: Bench, archive: Archive) -> None:
    ended(bench.store, "order-1", BEGUN + 10)
    [tree] = whole(bench.vault).values()
    envelope = Envelope("order-1", TriggerPosted("x", 1, "ann"))
    letter = codec.pack_dead_letter(DeadLetter(1, envelope, "E", ""))
    assert at_rest(tree)
    assert not at_rest(replace(tree, events=((1, codec.pack_envelope(envelope)),)))
    assert not at_rest(replace(tree, dead=(letter,)))
    assert not at_rest(replace(tree, cases=(replace(tree.cases[0], parked=(b"x",)),)))
    bench.store.append(shard_of("order-1", SHARDS), [envelope])
    assert written(bench, archive) == []


def test_a_child_that_still_runs_keeps_its_tree(bench: Bench, archive: Archive) -> None:
    ended(bench.store, "order-1", BEGUN + 10)
    begin(bench.store, a_case("order-1.4", parent="order-1"))
    assert written(bench, archive) == []


def test_rounds_move_everything_little_by_little(
    bench: Bench, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.archiving.SETTLES_S", 0.0)
    monkeypatch.setattr("deploy.archiving.TREES_PER_ROUND", 7)
    for n in range(40):
        ended(bench.store, f"old-{n}", BEGUN + 10)
        begin(bench.store, a_case(f"runs-{n}"))
    archiver = Archiver(bench.vault, archive, 0)
    moved = [archiver.round() for _ in range(60)]
    assert sum(moved) == 40
    assert max(moved) <= 7
    assert all(archive.case(f"old-{n}") is not None for n in range(40))
    assert len(whole(bench.vault)) == 40


def test_all_are_moved_at_once_on_request(bench: Bench, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.archiving.SETTLES_S", 0.01)
    monkeypatch.setattr("deploy.archiving.TREES_AT_ONCE", 6)
    for n in range(40):
        ended(bench.store, f"old-{n}", BEGUN + 10)
    assert archive_all(bench.vault, archive, 0) == 40
    assert archive_all(bench.vault, archive, 0) == 0


def test_an_archived_case_leaves_no_key_in_redis(redis_client: Any, archive: Archive) -> None:
    bench = redis_bench(redis_client, SHARDS)
    ended(bench.store, "order-1", BEGUN + 10)
    assert isinstance(bench.vault, RedisVault)
    assert archive_all(bench.vault, archive, 0) == 1
    assert not [key for key in redis_client.scan_iter() if b"order-1" in key]
    assert list(redis_client.scan_iter(_type="zset")) == []


def test_a_damaged_file_says_so(bench: Bench, tmp_path: Path) -> None:
    archive = Archive(Directory(tmp_path))
    ended(bench.store, "order-1", BEGUN + 10)
    written(bench, archive)
    file = tmp_path / name_of("order-1")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Unavailable, match="order-1.tree in the archive: the file is cut off within block 1"):
        Archive(Directory(tmp_path)).case("order-1")


def test_an_address_without_its_library_says_what_is_missing() -> None:
    with pytest.raises(Unavailable, match="the archive nowhere://bucket cannot be reached"):
        place_at("nowhere://bucket")
