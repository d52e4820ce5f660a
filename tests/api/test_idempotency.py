"""Idempotency keys: the same request sent twice has one effect and one answer."""

from typing import Any

import pytest

from engine.events import CaseSubmitted
from engine.step import STEPS
from engine.store.memory import MemoryStore
from tests.api.bench import ORDER, Bench, Caller

KEY = {"Idempotency-Key": "order o-1"}
BODY = {"specification": "orders", "data": {**ORDER, "note": "x"}}


def start(caller: Caller, body: Any = None, key: dict[str, str] | None = None) -> Any:
    return caller.post("/api/v1/cases", body or BODY, headers=key or KEY)


@pytest.mark.parametrize("handled", [False, True], ids=["while it waits", "after it was handled"])
def test_the_same_body_again_is_answered_the_same_and_begins_no_second_case(
    bench: Bench, admin: Caller, handled: bool
) -> None:
    first = start(admin)
    if handled:
        bench.drain()
    again = start(admin, {"data": {"note": "x", **ORDER}, "specification": "orders"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.json, first.headers["Location"]) == (again.json, again.headers["Location"])
    assert len(admin.get("/api/v1/cases").json["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"specification": "orders", "data": ORDER},
        {"specification": "orders", "data": {**ORDER, "note": "y"}},
        {"specification": "orders", "version": "2", "data": BODY["data"]},
        {"specification": "choice", "data": BODY["data"]},
    ],
)
@pytest.mark.parametrize("handled", [False, True], ids=["while it waits", "after it was handled"])
def test_another_body_under_the_same_key_is_refused(bench: Bench, admin: Caller, handled: bool, body: Any) -> None:
    start(admin)
    if handled:
        bench.drain()
    answered = start(admin, body)
    assert (answered.status_code, answered.json["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("values", [(1, 1.0), (1, True), (0, False), (None, "")])
def test_values_that_only_look_alike_are_another_body(bench: Bench, admin: Caller, values: tuple[Any, Any]) -> None:
    first, second = ({"specification": "orders", "data": {"order": {"id": "o", "n": value}}} for value in values)
    assert start(admin, first).status_code == 202
    assert start(admin, second).json["code"] == "idempotency_key_reused"


def test_a_repeat_is_known_after_its_specification_was_retired(bench: Bench, admin: Caller) -> None:
    first = start(admin)
    admin.delete("/api/v1/specifications/orders/1")
    assert start(admin).json == first.json


def test_a_repeat_is_known_when_the_first_attempt_was_set_aside(
    bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    first = start(admin)
    with monkeypatch.context() as patch:
        patch.setitem(STEPS, CaseSubmitted, broken)
        bench.drain()
    assert admin.get(f"/api/v1/cases/{first.json['case_id']}").json["status"] == "faulted"
    assert start(admin).json == first.json


def test_two_people_with_the_same_key_begin_two_cases(bench: Bench, admin: Caller) -> None:
    other = bench.user("eve", "operator")
    assert start(admin).json["case_id"] != start(other).json["case_id"]


def test_two_keys_begin_two_cases(admin: Caller) -> None:
    assert start(admin).json["case_id"] != start(admin, key={"Idempotency-Key": "another"}).json["case_id"]


def test_of_the_same_request_twice_at_once_both_are_answered_with_the_same_case(
    bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(admin)
    real, looks = MemoryStore.case, []

    def too_early(store: MemoryStore, case_id: str) -> Any:
        looks.append(case_id)
        return None if len(looks) == 1 else real(store, case_id)

    monkeypatch.setattr(MemoryStore, "case", too_early)
    again = start(admin)
    assert (again.status_code, again.json) == (202, first.json)


def test_with_an_id_of_ones_own_the_same_again_is_answered_the_same(admin: Caller) -> None:
    body = {**BODY, "case_id": "mine"}
    assert start(admin, body).json == start(admin, body).json == {"case_id": "mine", "status": "submitted"}
    other = start(admin, {**body, "data": ORDER})
    assert (other.status_code, other.json["code"]) == (409, "case_id_taken")


def test_a_refused_body_takes_no_key(admin: Caller) -> None:
    assert start(admin, {"specification": "orders", "data": {}}).json["code"] == "invalid_case_data"
    assert start(admin).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb"])
def test_a_key_of_another_shape_is_refused(admin: Caller, key: str) -> None:
    answered = start(admin, key={"Idempotency-Key": key})
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_idempotency_key")
    assert answered.json["errors"][0]["path"] == "Idempotency-Key"


@pytest.fixture
def completed(bench: Bench, admin: Caller, ann: Caller, bob: Caller) -> str:
    """An item that Ann has completed."""
    admin.start(case_id="c1")
    bench.drain()
    ann.post("/api/v1/work-items/c1:1/start")
    complete(ann, {"approved": True})
    return "c1:1"


def complete(caller: Caller, output: Any, key: dict[str, str] | None = None) -> Any:
    return caller.post("/api/v1/work-items/c1:1/complete", {"output": output}, headers=key)


def test_a_completion_sent_again_with_a_key_is_answered_the_same(bench: Bench, completed: str, ann: Caller) -> None:
    again = complete(ann, {"approved": True}, KEY)
    assert (again.status_code, again.json["state"]) == (200, "completed")
    bench.drain()
    assert complete(ann, {"approved": True}, KEY).json["applied"] is True


@pytest.mark.parametrize(
    ("output", "key"), [({"approved": True}, None), ({"approved": False}, KEY), ({"approved": 1}, KEY)]
)
def test_a_completion_without_a_key_or_with_another_output_is_a_conflict(
    completed: str, ann: Caller, output: Any, key: dict[str, str] | None
) -> None:
    answered = complete(ann, output, key)
    assert (answered.status_code, answered.json["code"]) == (409, "item_state_conflict")


def test_somebody_elses_completion_is_a_conflict(completed: str, bob: Caller) -> None:
    assert complete(bob, {"approved": True}, KEY).status_code == 409
