"""What every place of shared data means: one suite, run on memory, on fakeredis and on a real Redis."""

from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import fakeredis
import pytest

from engine.store.folders import MOST_SHARED, Expected, Folders, Write
from engine.store.memory_folders import MemoryFolders
from engine.store.port import Once
from engine.store.redis_folders import RedisFolders

PLACE = "folder:a"


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def folders(request: pytest.FixtureRequest) -> Iterator[Folders]:
    if request.param == "memory":
        yield MemoryFolders()
    elif request.param == "fakeredis":
        yield RedisFolders(fakeredis.FakeRedis(version=(7,)))
    else:
        yield RedisFolders(request.getfixturevalue("redis_client"))


def test_what_is_written_is_read_by_its_place_and_name(folders: Folders) -> None:
    value = {"b": [1, 2.5, None], "a": "é"}
    assert folders.write(PLACE, {"x": value, "n": None}, None) is Write.DONE
    assert folders.read(PLACE) == ({"n": None, "x": value}, 1)
    assert folders.read("folder:b") == ({}, 0)
    assert folders.values({"x": PLACE, "n": PLACE, "y": PLACE, "z": "folder:b"}) == {"x": value, "n": None}


def test_a_write_changes_what_it_names_and_nothing_else(folders: Folders) -> None:
    folders.write(PLACE, {"x": 1, "y": 2}, None)
    folders.write(PLACE, {"y": 3, "z": 4}, None)
    assert folders.read(PLACE) == ({"x": 1, "y": 3, "z": 4}, 2)


def test_a_write_that_is_repeated_with_its_mark_is_done_once(folders: Folders) -> None:
    mark = Once("c:1", "digest")
    assert folders.write(PLACE, {"x": 1}, mark) is Write.DONE
    folders.write(PLACE, {"x": 2}, Once("c:2", "digest"))
    assert folders.write(PLACE, {"x": 1}, mark) is Write.DONE
    assert folders.read(PLACE) == ({"x": 2}, 2)


def test_a_mark_that_stands_for_another_write_is_refused(folders: Folders) -> None:
    folders.write(PLACE, {"x": 1}, Once("c:1", "digest"))
    assert folders.write(PLACE, {"x": 2}, Once("c:1", "other")) is Write.OTHER
    assert folders.read(PLACE).values == {"x": 1}


def test_marks_of_one_place_say_nothing_of_another(folders: Folders) -> None:
    folders.write(PLACE, {"x": 1}, Once("c:1", "digest"))
    assert folders.write("folder:b", {"x": 1}, Once("c:1", "digest")) is Write.DONE
    assert folders.read("folder:b").values == {"x": 1}


@pytest.mark.parametrize(
    ("stands", "expected", "done"),
    [
        ({"x": 1}, Expected({"x": 1}), Write.DONE),
        ({"x": 1}, Expected({"x": 2}), Write.DIFFERS),
        ({"x": 1}, Expected({"x": True}), Write.DIFFERS),
        ({"x": 1}, Expected({"x": 1.0}), Write.DIFFERS),
        ({"x": {"a": 1, "b": 2}}, Expected({"x": {"b": 2, "a": 1}}), Write.DONE),
        ({"x": None}, Expected({"x": None}), Write.DONE),
        ({"x": 1}, Expected({"y": 1}), Write.DIFFERS),
        ({"x": 1}, Expected({"y": 1}, frozenset({"y"})), Write.DONE),
        ({"x": 1}, Expected({"x": 2}, frozenset({"x"})), Write.DIFFERS),
        ({"x": 1}, Expected({}, version=1), Write.DONE),
        ({"x": 1}, Expected({}, version=0), Write.DIFFERS),
        ({}, Expected({}, version=0), Write.DONE),
    ],
)
def test_nothing_is_written_unless_what_is_expected_stands_there(
    folders: Folders, stands: dict[str, Any], expected: Expected, done: Write
) -> None:
    if stands:
        folders.write(PLACE, stands, None)
    assert folders.write(PLACE, {"new": 7}, None, expected) is done
    assert ("new" in folders.read(PLACE).values) is (done is Write.DONE)


def test_a_write_that_was_not_done_stays_so_when_it_is_repeated(folders: Folders) -> None:
    mark, expected = Once("c:1", "digest"), Expected({"x": 1})
    folders.write(PLACE, {"x": 2}, None)
    assert folders.write(PLACE, {"x": 3}, mark, expected) is Write.DIFFERS
    folders.write(PLACE, {"x": 1}, None)
    assert folders.write(PLACE, {"x": 3}, mark, expected) is Write.DIFFERS
    assert folders.read(PLACE).values == {"x": 1}


def test_of_many_who_count_at_once_each_counts_one(folders: Folders) -> None:
    """Each writes one more than it has read, and tries again where somebody was faster."""
    counters, rounds = 4, 25
    together = Barrier(counters)

    def count() -> None:
        together.wait(10)
        for _ in range(rounds):
            while True:
                seen = folders.values({"n": PLACE}).get("n", 0)
                if folders.write(PLACE, {"n": seen + 1}, None, Expected({"n": seen}, frozenset({"n"}))) is Write.DONE:
                    break

    threads = [Thread(target=count) for _ in range(counters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders.read(PLACE) == ({"n": counters * rounds}, counters * rounds)


def test_a_place_holds_a_bounded_number_of_names(folders: Folders) -> None:
    folders.write(PLACE, {f"n{number}": number for number in range(MOST_SHARED)}, None)
    assert folders.write(PLACE, {"n0": 7}, None) is Write.DONE
    assert folders.write(PLACE, {"n0": 8, "more": 1}, None) is Write.FULL
    assert folders.values({"n0": PLACE, "more": PLACE}) == {"n0": 7}


def test_cases_watch_a_place_until_they_are_forgotten(folders: Folders) -> None:
    for case in ("b", "a", "b"):
        folders.watch(PLACE, case)
    folders.watch("folder:b", "c")
    assert folders.watchers(PLACE) == ["a", "b"]
    folders.unwatch(PLACE, ["b", "z"])
    folders.unwatch(PLACE, [])
    assert folders.watchers(PLACE) == ["a"]


def test_what_is_closed_is_empty_and_stays_so(folders: Folders) -> None:
    folders.write(PLACE, {"x": 1}, Once("c:1", "digest"))
    folders.watch(PLACE, "a")
    folders.close(PLACE)
    folders.close(PLACE)
    assert folders.read(PLACE) == ({}, 0) and folders.watchers(PLACE) == []
    assert folders.write(PLACE, {"x": 2}, Once("c:2", "digest")) is Write.CLOSED
    assert folders.values({"x": PLACE}) == {}
