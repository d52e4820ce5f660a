"""What is asked of a running case over HTTP: suspension, events from outside, instances, and the cases below it."""

import pytest

from tests.api.bench import Bench, Caller

SHIPMENT = """
specification: shipment
version: "1"
nets:
  main:
    variables:
      parcels: {schema: {type: array}, input: true, default: [{id: a}, {id: b}]}
      weights: {schema: {type: array}, output: true}
      paid: {schema: {type: integer}, output: true}
    start: wait
    tasks:
      wait:
        kind: routing
        trigger: {name: paid, kind: persistent}
        output: {paid: "$.trigger.amount"}
        next: weigh
      weigh:
        kind: human
        offer: {roles: [clerk]}
        input: {id: "$.parcel.id"}
        instances:
          {each: "$.parcels", as: parcel, max: 3, creation: dynamic, gather: {variable: weights, from: "$.weight"}}
        next: send
      send: {kind: composite, net: sending, input: {weights: "$.weights"}, next: end}
  sending:
    variables: {weights: {schema: {type: array}, input: true}}
    start: load
    tasks:
      load: {kind: human, offer: {roles: [clerk]}, next: end}
"""


@pytest.fixture
def shipment(bench: Bench, admin: Caller, ann: Caller) -> Caller:
    """Ann, when a case `s` of the specification waits for its payment."""
    assert admin.deploy(SHIPMENT).status_code == 201
    admin.start("shipment", case_id="s")
    bench.drain()
    return ann


def pay(bench: Bench, admin: Caller) -> None:
    answered = admin.post("/api/v1/cases/s/events", {"name": "paid", "data": {"amount": 12}})
    assert answered.status_code == 202, answered.text
    bench.drain()


def done(bench: Bench, caller: Caller, item_id: str, output: object) -> None:
    assert caller.post(f"/api/v1/work-items/{item_id}/start").status_code == 200
    assert caller.post(f"/api/v1/work-items/{item_id}/complete", {"output": output}).status_code == 200
    bench.drain()


def test_an_event_from_outside_starts_the_task_that_waits_for_it(bench: Bench, admin: Caller, shipment: Caller) -> None:
    pay(bench, admin)
    case = admin.get("/api/v1/cases/s").json
    assert case["data"]["paid"] == 12
    assert [(task["task"], task["instances"]["total"]) for task in case["tasks"]] == [("weigh", 2)]


def test_an_event_that_no_task_waits_for_is_refused_with_what_there_is(admin: Caller, shipment: Caller) -> None:
    answered = admin.post("/api/v1/cases/s/events", {"name": "payed"})
    assert (answered.status_code, answered.json["code"]) == (422, "unknown_trigger")
    assert 'did you mean "paid"?' in answered.json["errors"][0]["message"]


def test_an_event_that_is_sent_twice_with_one_key_happens_once(bench: Bench, admin: Caller, shipment: Caller) -> None:
    key = {"Idempotency-Key": "payment-7"}
    for _ in range(2):
        answered = admin.post("/api/v1/cases/s/events", {"name": "paid", "data": {"amount": 12}}, key)
        assert answered.status_code == 202
    other = admin.post("/api/v1/cases/s/events", {"name": "paid", "data": {"amount": 13}}, key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    bench.drain()
    assert admin.get("/api/v1/cases/s").json["triggers"] == []


def test_a_participant_may_not_tell_a_case_what_happened(shipment: Caller) -> None:
    assert shipment.post("/api/v1/cases/s/events", {"name": "paid"}).status_code == 403


def test_a_suspended_case_stands_still_until_it_is_resumed(bench: Bench, admin: Caller, shipment: Caller) -> None:
    pay(bench, admin)
    assert admin.post("/api/v1/cases/s/suspend").status_code == 202
    bench.drain()
    items = [item["item_id"] for item in shipment.get("/api/v1/work-items").json["items"]]
    refused = shipment.post(f"/api/v1/work-items/{items[0]}/start")
    assert (refused.status_code, refused.json["code"]) == (409, "case_suspended")
    again = admin.post("/api/v1/cases/s/suspend")
    assert (again.status_code, again.json["code"]) == (409, "case_not_running")
    assert admin.post("/api/v1/cases/s/resume").status_code == 202
    bench.drain()
    assert shipment.post(f"/api/v1/work-items/{items[0]}/start").status_code == 200
    resumed = admin.post("/api/v1/cases/s/resume")
    assert (resumed.status_code, resumed.json["code"]) == (409, "case_not_suspended")


def test_the_owner_of_an_instance_adds_one_until_there_are_as_many_as_may_be(
    bench: Bench, admin: Caller, shipment: Caller
) -> None:
    pay(bench, admin)
    first = shipment.get("/api/v1/work-items").json["items"][0]["item_id"]
    assert shipment.post(f"/api/v1/work-items/{first}/add-instance", {"data": {"id": "c"}}).status_code == 403
    shipment.post(f"/api/v1/work-items/{first}/start")
    added = shipment.post(f"/api/v1/work-items/{first}/add-instance", {"data": {"id": "c"}})
    assert (added.status_code, added.json["instance"], added.json["input"]) == (200, 2, {"id": "c"})
    full = shipment.post(f"/api/v1/work-items/{first}/add-instance", {"data": {"id": "d"}})
    assert (full.status_code, full.json["code"]) == (409, "instances_full")


def test_what_the_instances_gave_is_gathered_and_a_child_case_is_shown_below(
    bench: Bench, admin: Caller, shipment: Caller
) -> None:
    pay(bench, admin)
    first, second = (item["item_id"] for item in shipment.get("/api/v1/work-items").json["items"])
    done(bench, shipment, second, {"weight": 2})
    done(bench, shipment, first, {"weight": 1})
    case = admin.get("/api/v1/cases/s").json
    assert case["data"]["weights"] == [1, 2]
    [child] = case["children"]
    listed = admin.get("/api/v1/cases/s/children").json["items"]
    assert [(each["case_id"], each["parent_case_id"], each["root_case_id"]) for each in listed] == [(child, "s", "s")]
    [run] = admin.get("/api/v1/work-items", kind="composite", case_id="s").json["items"]
    assert (run["task"], run["child_case_id"]) == ("send", child)
    [item] = shipment.get("/api/v1/work-items").json["items"]
    done(bench, shipment, item["item_id"], {})
    assert admin.get("/api/v1/cases/s").json["result"] == {"weights": [1, 2], "paid": 12}


def test_cancelling_a_case_cancels_the_cases_below_it(bench: Bench, admin: Caller, shipment: Caller) -> None:
    pay(bench, admin)
    for item in shipment.get("/api/v1/work-items").json["items"]:
        done(bench, shipment, item["item_id"], {})
    [child] = admin.get("/api/v1/cases/s").json["children"]
    admin.post("/api/v1/cases/s/cancel")
    bench.drain()
    assert admin.get(f"/api/v1/cases/{child}").json["status"] == "cancelled"
    assert shipment.get("/api/v1/work-items").json["items"] == []


def test_a_case_may_begin_at_a_later_moment(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="later", start_after="P1D")
    bench.drain()
    case = admin.get("/api/v1/cases/later").json
    assert case["status"] == "submitted" and case["tasks"] == []
    assert [(timer["kind"], timer["due_at"][:10]) for timer in case["timers"]] == [("start", "2023-11-15")]


@pytest.mark.parametrize(
    ("when", "path"),
    [
        ({"start_at": "tomorrow"}, "$.start_at"),
        ({"start_at": "2026-01-01T00:00:00"}, "$.start_at"),
        ({"start_after": "4h"}, "$.start_after"),
        ({"start_at": "2026-01-01T00:00:00Z", "start_after": "PT1H"}, "$.start_after"),
    ],
)
def test_a_beginning_that_is_not_clear_is_refused(admin: Caller, when: dict[str, str], path: str) -> None:
    answered = admin.post("/api/v1/cases", {"specification": "orders", "data": {"order": {"id": "o"}}, **when})
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_start")
    assert [error["path"] for error in answered.json["errors"]] == [path]


TIMED = """
specification: timed
version: "1"
nets:
  main:
    start: wait
    tasks:
      wait: {kind: human, offer: {roles: [clerk]}, timer: {after: PT1H, then: skip}, next: end}
"""


def test_a_case_shows_the_timers_that_run(bench: Bench, admin: Caller) -> None:
    admin.deploy(TIMED)
    admin.start("timed", case_id="t")
    bench.drain()
    [timer] = admin.get("/api/v1/cases/t").json["timers"]
    assert (timer["kind"], timer["task"]) == ("task", "wait")


def test_a_case_is_migrated_or_every_reason_is_told(bench: Bench, admin: Caller) -> None:
    admin.deploy(TIMED)
    admin.deploy(TIMED.replace('version: "1"', 'version: "2"'))
    admin.deploy(TIMED.replace('version: "1"', 'version: "3"').replace("wait", "rest"))
    admin.start("timed", version="1", case_id="t")
    bench.drain()
    assert admin.post("/api/v1/cases/t/migrate", {"version": "2"}).status_code == 202
    assert admin.get("/api/v1/cases/t").json["version"] == "2"
    refused = admin.post("/api/v1/cases/t/migrate", {"version": "3"})
    assert (refused.status_code, refused.json["code"]) == (409, "cannot_migrate")
    assert "tasks.wait" in [error["path"] for error in refused.json["errors"]]
    assert admin.post("/api/v1/cases/t/migrate", {"version": "4"}).status_code == 404
