"""`Prefer: wait=N`: the answer comes when the event was handled, or after N seconds, and nobody polls."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from redis import Redis

from engine.store.memory import MemoryStore
from tests.api.bench import CALL, ORDER, ORDERS, Bench, Caller, bench_of, settings_for
from tests.api.served import Served, serving

WAIT = {"Prefer": "wait=20"}
START = {"specification": "orders", "data": ORDER, "case_id": "c1"}


class Drainer:
    """Drains from another thread whenever a bell is rung, as a worker does."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bench, self._rung, self._over = bench, Event(), False
        monkeypatch.setattr(bench.doorbell, "ring", self._ring)
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _ring(self, _shard: int) -> None:
        self._rung.set()

    def _run(self) -> None:
        while self._rung.wait(30) and not self._over:
            self._rung.clear()
            self._bench.drain()

    def stop(self) -> None:
        self._over = True
        self._rung.set()
        self._thread.join(10)


@pytest.fixture
def drained(bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """The administrator of an application whose events are handled at once."""
    drainer = Drainer(bench, monkeypatch)
    yield admin
    drainer.stop()


def test_who_waits_is_answered_with_the_case_as_it_is_after(drained: Caller) -> None:
    begun = drained.post("/api/v1/cases", START, WAIT)
    assert (begun.status_code, begun.json["status"]) == (200, "running"), begun.text
    assert begun.headers["Preference-Applied"] == "wait"
    assert [task["task"] for task in begun.json["tasks"]] == ["approve"]
    cancelled = drained.post("/api/v1/cases/c1/cancel", {}, WAIT)
    assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")


def test_the_same_request_again_is_answered_though_it_was_handled_long_ago(drained: Caller) -> None:
    key = {**WAIT, "Idempotency-Key": "k"}
    assert drained.post("/api/v1/cases", START, key).status_code == 200
    assert drained.post("/api/v1/cases", START, key).status_code == 200
    assert drained.post("/api/v1/cases/c1/suspend", {}, key).json["status"] == "suspended"
    again = drained.post("/api/v1/cases/c1/suspend", {}, key)
    assert (again.status_code, again.json["status"]) == (200, "suspended")


@pytest.mark.parametrize("prefer", ["wait=1", "respond-async, wait=1", 'WAIT = "1"'])
def test_what_is_not_handled_in_time_is_only_accepted(admin: Caller, prefer: str) -> None:
    answered = admin.post("/api/v1/cases", START, {"Prefer": prefer})
    assert (answered.status_code, answered.json) == (202, {"case_id": "c1", "status": "submitted"})
    assert "Preference-Applied" not in answered.headers


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "return=minimal", "await=5"])
def test_who_does_not_want_to_wait_does_not(admin: Caller, prefer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.waiting.Waiting.for_case", lambda *_: 1 / 0)
    assert admin.post("/api/v1/cases", START, {"Prefer": prefer}).status_code == 202


def test_no_more_wait_than_may(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, waiters=0))
    bench.admin.deploy(ORDERS)
    assert bench.admin.post("/api/v1/cases", START, {"Prefer": "wait=30"}).status_code == 202


def test_who_waits_looks_when_he_is_told_and_not_again_and_again(
    bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = MemoryStore.journal

    def counted(store: MemoryStore, case_id: str, start: int = 0, limit: int = 1_000_000) -> Any:
        looks.append(start)
        return real(store, case_id, start, limit)

    monkeypatch.setattr(MemoryStore, "journal", counted)
    assert admin.post("/api/v1/cases", START, {"Prefer": "wait=2"}).status_code == 202
    assert len(looks) == 1


@pytest.fixture
def served(redis_port: int, tmp_path: Path) -> Iterator[Served]:
    yield from serving(redis_port, tmp_path, waiters=2)


def test_on_a_real_redis_he_is_woken_by_the_process_that_handles_it(served: Served) -> None:
    operator = served.client("oscar", "admin")
    operator.deploy(ORDERS)
    operator.deploy(CALL)
    answers: dict[str, Any] = {}

    def begin(case_id: str) -> None:
        client = served.client("oscar", "admin")
        answers[case_id] = client.start_case("orders", ORDER, case_id=case_id, wait_s=25)
        client.close()

    waiting = [Thread(target=begin, args=(f"c{n}",)) for n in range(3)]
    for each in waiting:
        each.start()
    store = served.parts.store
    served.wait_until(lambda: all(store.case(f"c{n}") for n in range(3)), "three cases")
    # One of them was too many, and has not waited.
    served.wait_until(lambda: len(answers) == 1, "the answer to the one that is too many")
    assert [answer["status"] for answer in answers.values()] == ["submitted"]
    assert operator.live()["status"] == "live"
    served.drain()
    for each in waiting:
        each.join(20)
    assert sorted(answer["status"] for answer in answers.values()) == ["running", "running", "submitted"]


def test_who_waits_is_answered_in_the_end_when_redis_goes_away(served: Served) -> None:
    operator = served.client("oscar", "admin")
    operator.deploy(ORDERS)
    answers: list[Any] = []

    def begin() -> None:
        client = served.client("oscar", "admin")
        answers.append(client.start_case("orders", ORDER, case_id="c1", wait_s=3))

    waiting = Thread(target=begin)
    waiting.start()
    served.wait_until(lambda: served.parts.store.case("c1") is not None, "the case")
    Redis(port=served.redis_port).client_kill_filter(_type="pubsub")
    waiting.join(20)
    assert [answer["status"] for answer in answers] == ["submitted"]
