"""Cases in the archive over HTTP: they are shown as before, and their ids stay taken."""

from typing import Any

import pytest

from engine.archive.moving import remove_written, write_ended
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.memory_vault import MemoryVault
from tests.api.bench import ORDER, Bench, Caller


def archive_everything(bench: Bench) -> int:
    store, registry = bench.parts.store, bench.parts.registry
    assert isinstance(store, MemoryStore) and isinstance(registry, MemoryRegistry)
    vault = MemoryVault(store, registry)
    moved = 0
    for shard in range(store.shards):
        written = write_ended(vault, bench.parts.archive, shard, store.now(), 100, None)
        moved += remove_written(vault, written.trees)
    return moved


@pytest.fixture
def before(bench: Bench, admin: Caller, ann: Caller) -> dict[str, Any]:
    """What was shown of a case that has gone to the archive since."""
    admin.post("/api/v1/cases", {"specification": "orders", "case_id": "c1", "data": ORDER}, {"Idempotency-Key": "k"})
    bench.drain()
    ann.post("/api/v1/work-items/c1:1/start")
    ann.post("/api/v1/work-items/c1:1/complete", {"output": {"approved": True}})
    bench.drain()
    shown = {path: show(admin, path) for path in PATHS}
    assert shown[PATHS[0]]["status"] == "completed"
    assert archive_everything(bench) == 1
    assert bench.parts.store.case("c1") is None
    return shown


def show(caller: Caller, path: str) -> Any:
    return caller.get_with(path, {}).json


PATHS = (
    "/api/v1/cases/c1",
    "/api/v1/cases/c1/journal",
    "/api/v1/cases/c1/children",
    "/api/v1/work-items/c1:1",
    "/api/v1/work-items?case_id=c1&state=completed",
    "/api/v1/work-items?case_id=c1",
)


@pytest.mark.parametrize("path", PATHS)
def test_an_archived_case_is_shown_as_it_was(before: dict[str, Any], admin: Caller, path: str) -> None:
    assert show(admin, path) == before[path]


def test_its_journal_is_read_page_by_page(before: dict[str, Any], admin: Caller) -> None:
    first = admin.get("/api/v1/cases/c1/journal", limit=2).json
    following = admin.get("/api/v1/cases/c1/journal", limit=100, cursor=first["next"]).json
    assert first["items"] + following["items"] == before["/api/v1/cases/c1/journal"]["items"]


def test_the_id_of_an_archived_case_is_taken(before: dict[str, Any], admin: Caller) -> None:
    wanted = {"specification": "orders", "case_id": "c1", "data": {**ORDER, "note": "another"}}
    answered = admin.post("/api/v1/cases", wanted)
    assert (answered.status_code, answered.json["code"]) == (409, "case_id_taken")
    [one, other] = admin.post("/api/v1/cases/bulk", {"items": [wanted, {**wanted, "case_id": "c2"}]}).json["items"]
    assert (one["status"], one["code"]) == (409, "case_id_taken")
    assert other == {"case_id": "c2", "status": "submitted"}


def test_the_repeat_of_its_submission_is_still_known(before: dict[str, Any], admin: Caller) -> None:
    wanted = {"specification": "orders", "case_id": "c1", "data": ORDER}
    answered = admin.post("/api/v1/cases", wanted, {"Idempotency-Key": "k"})
    assert (answered.status_code, answered.json["case_id"]) == (202, "c1")


def test_an_archived_case_cannot_be_moved(before: dict[str, Any], admin: Caller, ann: Caller) -> None:
    assert admin.post("/api/v1/cases/c1/cancel").json["code"] == "case_ended"
    assert ann.post("/api/v1/work-items/c1:1/claim").status_code == 404


def test_what_has_not_ended_is_not_archived(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    assert archive_everything(bench) == 0
