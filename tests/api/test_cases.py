"""Cases over HTTP: begun after their input was checked, shown, listed, cancelled."""

import pytest

from tests.api.bench import ORDER, Bench, Caller


def test_a_submitted_case_is_accepted_with_its_location_and_its_shard_is_rung(bench: Bench, admin: Caller) -> None:
    answered = admin.post("/api/v1/cases", {"specification": "orders", "data": ORDER})
    case_id = answered.json["case_id"]
    assert answered.status_code == 202
    assert answered.json == {"case_id": case_id, "status": "submitted"}
    assert answered.headers["Location"] == f"/api/v1/cases/{case_id}"
    assert len(bench.doorbell.rung) == 1
    assert admin.get(f"/api/v1/cases/{case_id}").json["status"] == "submitted"


def test_a_running_case_shows_its_data_its_marking_and_who_it_waits_for(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    case = admin.get("/api/v1/cases/c1").json
    assert (case["specification"], case["version"], case["status"]) == ("orders", "1", "running")
    assert case["data"] == {"order": {"id": "o-1"}, "note": "none"}
    assert case["marking"] == {"start": 1}
    assert case["tasks"] == [{"task": "approve", "state": "enabled", "item_id": "c1:1", "instances": None}]
    assert (case["parent_case_id"], case["root_case_id"], case["children"]) == (None, "c1", [])
    assert case["created_at"].startswith("2023-11-14T22:13:20.") and case["created_at"].endswith("Z")
    assert case["ended_at"] is None and case["result"] is None and case["failure"] is None


def test_a_completed_case_shows_its_output_variables_as_its_result(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    ann.post("/api/v1/work-items/c1:1/start")
    ann.post("/api/v1/work-items/c1:1/complete", {"output": {"approved": True}})
    bench.drain()
    case = admin.get("/api/v1/cases/c1").json
    assert (case["status"], case["result"]) == ("completed", {"approved": True})
    assert case["ended_at"] is not None


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({}, "$.data.order"),
        ({**ORDER, "colour": "red"}, "$.data.colour"),
        ({**ORDER, "approved": True}, "$.data.approved"),
        ({"order": {"id": 7}}, "$.data.order.id"),
        ({"order": "o-1"}, "$.data.order"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_place(admin: Caller, data: object, path: str) -> None:
    answered = admin.post("/api/v1/cases", {"specification": "orders", "data": data})
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_case_data")
    assert [error["path"] for error in answered.json["errors"]] == [path]


def test_all_that_is_wrong_with_an_input_is_said_at_once(admin: Caller) -> None:
    answered = admin.post("/api/v1/cases", {"specification": "orders", "data": {"note": 1, "colour": "red"}})
    assert {error["path"] for error in answered.json["errors"]} == {"$.data.order", "$.data.note", "$.data.colour"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": {}}, "$.specification"),
        ({"specification": 5}, "$.specification"),
        ({"specification": "orders", "data": []}, "$.data"),
        ({"specification": "orders", "colour": 1}, "$.colour"),
        ({"specification": "orders", "case_id": "a b"}, "$.case_id"),
        ({"specification": "orders", "case_id": "a.1"}, "$.case_id"),
        ({"specification": "orders", "case_id": "x" * 65}, "$.case_id"),
        ({"specification": "orders", "case_id": ""}, "$.case_id"),
        ({"specification": "orders", "version": 1}, "$.version"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_place(admin: Caller, body: object, path: str) -> None:
    answered = admin.post("/api/v1/cases", body)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == [path]


def test_a_taken_case_id_is_refused(admin: Caller) -> None:
    admin.start(case_id="c1")
    answered = admin.post("/api/v1/cases", {"specification": "orders", "data": ORDER, "case_id": "c1"})
    assert (answered.status_code, answered.json["code"]) == (409, "case_id_taken")


@pytest.mark.parametrize(("specification", "version"), [("nothing", None), ("orders", "9"), ("a:b", None)])
def test_a_case_of_an_unknown_specification_is_refused(admin: Caller, specification: str, version: str | None) -> None:
    answered = admin.post("/api/v1/cases", {"specification": specification, "version": version, "data": {}})
    assert (answered.status_code, answered.json["code"]) == (404, "specification_not_found")


def test_many_cases_are_begun_each_for_itself_and_answered_in_order(bench: Bench, admin: Caller) -> None:
    items = [
        {"specification": "orders", "data": ORDER, "case_id": "b1"},
        {"specification": "orders", "data": {}},
        "no case",
        {"specification": "nothing"},
        {"specification": "orders", "data": ORDER, "case_id": "b1"},
        {"specification": "orders", "data": ORDER},
    ]
    answered = admin.post("/api/v1/cases/bulk", {"items": items})
    first, missing, shapeless, unknown, taken, last = answered.json["items"]
    assert answered.status_code == 202
    assert first == {"case_id": "b1", "status": "submitted"}
    assert (missing["status"], missing["errors"][0]["path"]) == (422, "$.data.order")
    assert [each["code"] for each in (shapeless, unknown, taken)] == [
        "invalid_request",
        "specification_not_found",
        "case_id_taken",
    ]
    assert last["status"] == "submitted"
    bench.drain()
    assert admin.get("/api/v1/cases").json["items"][0]["status"] == "running"


def test_each_shard_is_rung_once_for_many_cases(bench: Bench, admin: Caller) -> None:
    admin.post("/api/v1/cases/bulk", {"items": [{"specification": "orders", "data": ORDER}] * 50})
    assert sorted(bench.doorbell.rung) == [0, 1, 2, 3]


def test_more_than_a_thousand_cases_at_once_are_refused(admin: Caller) -> None:
    answered = admin.post("/api/v1/cases/bulk", {"items": [{}] * 1001})
    assert (answered.status_code, answered.json["errors"][0]["path"]) == (422, "$.items")


def test_cases_are_listed_newest_first_page_by_page(admin: Caller) -> None:
    for number in range(5):
        admin.start(case_id=f"c{number}")
    first = admin.get("/api/v1/cases", limit=3).json
    second = admin.get("/api/v1/cases", limit=3, cursor=first["next"]).json
    assert [case["case_id"] for case in first["items"] + second["items"]] == ["c4", "c3", "c2", "c1", "c0"]
    assert second["next"] is None
    assert "data" not in first["items"][0]


def test_cases_are_listed_by_status_specification_and_age(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="old")
    bench.drain()
    admin.start("choice", case_id="new")
    moment = admin.get("/api/v1/cases/old").json["created_at"]

    def listed(**query: str) -> list[str]:
        return [case["case_id"] for case in admin.get("/api/v1/cases", **query).json["items"]]

    assert listed(status="running") == ["old"]
    assert listed(specification="choice") == ["new"]
    assert listed(created_after=moment) == ["new"]
    assert listed(parent="old") == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "many"},
        {"cursor": "?"},
        {"cursor": "é"},
        {"status": "asleep"},
        {"created_after": "yesterday"},
        {"created_after": "2026-01-01T00:00:00"},
        {"specification": "a:b"},
        {"colour": "red"},
    ],
)
def test_a_query_that_is_not_valid_is_refused_with_the_name_of_its_parameter(
    admin: Caller, query: dict[str, object]
) -> None:
    answered = admin.get("/api/v1/cases", **query)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == list(query)


def test_a_cancelled_case_ends_when_its_event_is_handled(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    bench.doorbell.rung.clear()
    answered = admin.post("/api/v1/cases/c1/cancel", {"reason": "ordered twice"})
    assert (answered.status_code, answered.json) == (202, {"case_id": "c1", "status": "running"})
    assert len(bench.doorbell.rung) == 1
    bench.drain()
    assert admin.get("/api/v1/cases/c1").json["status"] == "cancelled"
    again = admin.post("/api/v1/cases/c1/cancel")
    assert (again.status_code, again.json["code"], again.json["case_id"]) == (409, "case_ended", "c1")


@pytest.mark.parametrize("case_id", ["nobody", "a b", "c1:journal", "..", "%00", "é", "x" * 300])
@pytest.mark.parametrize("of", ["", "/journal"])
def test_there_is_no_such_case(admin: Caller, case_id: str, of: str) -> None:
    answered = admin.get(f"/api/v1/cases/{case_id}{of}")
    assert answered.status_code == 404


def test_a_failed_case_shows_why(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    ann.post("/api/v1/work-items/c1:1/start")
    ann.post("/api/v1/work-items/c1:1/fail", {"reason": "no such customer"})
    failure = admin.get("/api/v1/cases/c1").json["failure"]
    assert failure == {"kind": "item_failed", "message": "no such customer", "task": "approve", "item_id": "c1:1"}


def test_a_journal_is_read_page_by_page_with_what_each_event_did(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.post(
        "/api/v1/cases",
        {"specification": "orders", "data": ORDER, "case_id": "c1"},
        headers={"X-Correlation-Id": "request-1"},
    )
    bench.drain()
    ann.post("/api/v1/work-items/c1:1/claim", headers={"X-Correlation-Id": "request-2"})
    page = admin.get("/api/v1/cases/c1/journal", limit=2).json
    rest = admin.get("/api/v1/cases/c1/journal", limit=2, cursor=page["next"]).json
    submitted, distributed, claimed = page["items"] + rest["items"]
    assert [each["seq"] for each in (submitted, distributed, claimed)] == [1, 2, 3]
    runs = {"specification": "orders", "version": "1", "net": "main"}
    created_at = submitted["event"].pop("created_at")
    assert created_at >= 1_700_000_000_000
    assert submitted["event"] == {"type": "case.submitted", "data": ORDER, "by": "admin", "not_before": 0, **runs}
    assert (submitted["correlation_id"], claimed["correlation_id"]) == ("request-1", "request-2")
    assert {"what": "offered", "task": "approve", "item_id": "c1:1", "detail": ["ann"]} in distributed["effects"]
    assert claimed["event"] == {
        "type": "item.moved",
        "item": "c1:1",
        "move": "claim",
        "by": "ann",
        "to": None,
        "data": None,
    }
    assert (submitted["semantics"], len(submitted["digest"])) == (1, 16)
    assert rest["next"] is None


def test_without_a_body_a_case_is_cancelled_without_a_reason(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    assert admin.send("POST", "/api/v1/cases/c1/cancel", b"", None).status_code == 202


def test_a_case_is_shown_as_it_was_after_each_entry_of_its_journal(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.start(case_id="c1", data={"order": {"id": "o-1"}})
    bench.drain()
    item = bench.item_of("c1")
    for name, body in (("claim", None), ("start", None), ("complete", {"output": {"approved": True}})):
        ann.post(f"/api/v1/work-items/{item}/{name}", body)
    bench.drain()
    entries = admin.get("/api/v1/cases/c1/journal").json["items"]
    states = []
    for entry in entries:
        then = admin.get("/api/v1/cases/c1/journal", seq=entry["seq"]).json
        assert (then["case_id"], then["seq"], then["as_of"]) == ("c1", entry["seq"], entry["at"])
        states.append((then["status"], [each["state"] for each in then["items"]]))
    assert states[0][0] == "running" and states[-1] == ("completed", ["completed"])
    assert ("running", ["allocated"]) in states and ("running", ["started"]) in states
    assert admin.get("/api/v1/cases/c1/journal", seq=1).json["data"]["order"] == {"id": "o-1"}
    now = admin.get("/api/v1/cases/c1").json
    then = admin.get("/api/v1/cases/c1/journal", at=entries[-1]["at"]).json
    assert {name: then[name] for name in now} == now


def test_before_it_began_a_case_is_not_found(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1", data={"order": {"id": "o-1"}})
    bench.drain()
    answered = admin.get("/api/v1/cases/c1/journal", at="2001-01-01T00:00:00Z")
    assert (answered.status_code, answered.json["code"]) == (404, "case_not_found")
    for wrong in ({"at": "yesterday"}, {"seq": "0"}, {"at": "2001-01-01T00:00:00"}):
        assert admin.get("/api/v1/cases/c1/journal", **wrong).status_code == 422
