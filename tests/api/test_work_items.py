"""Work items over HTTP: whose they are, who may know of them, and how they are moved."""

from typing import Any

import pytest

from engine.resources.organisation import Participant
from tests.api.bench import ORDERS, Bench, Caller


@pytest.fixture
def offered(bench: Bench, admin: Caller, ann: Caller, bob: Caller) -> str:
    """An item that is offered to Ann and Bob."""
    admin.start(case_id="c1")
    bench.drain()
    return "c1:1"


def move(caller: Caller, item_id: str, name: str, body: Any = None) -> Any:
    return caller.post(f"/api/v1/work-items/{item_id}/{name}", body)


def listed(caller: Caller, **query: Any) -> list[str]:
    answered = caller.get("/api/v1/work-items", **query)
    assert answered.status_code == 200, answered.text
    return [item["item_id"] for item in answered.json["items"]]


def test_an_item_is_shown_with_its_form_and_the_schemas_it_refers_to(offered: str, ann: Caller) -> None:
    item = ann.get(f"/api/v1/work-items/{offered}").json
    assert (item["item_id"], item["case_id"], item["task"], item["kind"]) == ("c1:1", "c1", "approve", "human")
    assert (item["specification"], item["specification_version"]) == ("orders", "1")
    assert (item["state"], item["offered_to"], item["owner"]) == ("offered", ["ann", "bob"], None)
    assert (item["output"], item["applied"], item["version"]) == (None, None, 1)
    assert item["form"]["$ref"] == "#/schemas/Approval"
    assert item["form"]["schemas"]["Approval"]["required"] == ["approved"]
    assert item["created_at"] is not None and item["offered_at"] is not None
    assert item["allocated_at"] is item["started_at"] is item["ended_at"] is item["due_at"] is None


def test_an_item_goes_from_offer_to_completion(bench: Bench, offered: str, ann: Caller) -> None:
    assert move(ann, offered, "claim").json["state"] == "allocated"
    started = move(ann, offered, "start").json
    assert (started["state"], started["owner"], started["input"]) == ("started", "ann", {"id": "o-1"})
    bench.doorbell.rung.clear()
    completed = move(ann, offered, "complete", {"output": {"approved": True}})
    assert (completed.status_code, completed.json["state"], completed.json["applied"]) == (200, "completed", None)
    assert len(bench.doorbell.rung) == 1
    bench.drain()
    settled = ann.get(f"/api/v1/work-items/{offered}").json
    assert (settled["output"], settled["applied"]) == ({"approved": True}, True)


def test_of_two_who_claim_one_wins_and_the_other_is_told_of_a_conflict(offered: str, ann: Caller, bob: Caller) -> None:
    assert move(ann, offered, "accept-offer").status_code == 200
    lost = move(bob, offered, "claim")
    assert (lost.status_code, lost.json["code"], lost.json["task"]) == (409, "item_state_conflict", "approve")
    assert listed(bob) == []


def test_what_is_offered_to_others_does_not_exist_for_a_participant(bench: Bench, offered: str) -> None:
    eve = bench.user("eve", "participant")
    for answered in (
        eve.get(f"/api/v1/work-items/{offered}"),
        move(eve, offered, "claim"),
        move(eve, offered, "start"),
        move(eve, offered, "complete", {"output": {}}),
        eve.get("/api/v1/work-items/c1:99"),
    ):
        assert (answered.status_code, answered.json["code"]) == (404, "item_not_found")
        assert "task" not in answered.json


def test_an_auditor_sees_every_item_and_moves_none(bench: Bench, offered: str) -> None:
    auditor = bench.user("kim", "auditor")
    assert auditor.get(f"/api/v1/work-items/{offered}").status_code == 200
    assert move(auditor, offered, "claim").status_code == 403


def test_an_administrator_claims_only_what_is_offered_to_his_participant(offered: str, admin: Caller) -> None:
    answered = move(admin, offered, "claim")
    assert (answered.status_code, answered.json["code"]) == (403, "not_your_item")


def test_a_rejected_offer_is_left_to_the_others_and_then_to_the_administrators(
    offered: str, admin: Caller, ann: Caller, bob: Caller
) -> None:
    assert move(ann, offered, "reject-offer").json["offered_to"] == ["bob"]
    assert (listed(ann), listed(bob)) == ([], [offered])
    assert move(bob, offered, "reject-offer").json["state"] == "created"
    assert listed(admin, state="created") == [offered]


def test_an_administrator_offers_and_allocates(offered: str, admin: Caller, ann: Caller, bob: Caller) -> None:
    assert move(admin, offered, "offer", {"resource_id": ["bob", "admin"]}).json["offered_to"] == ["admin", "bob"]
    assert move(admin, offered, "offer", {"resource_id": "bob"}).json["offered_to"] == ["bob"]
    allocated = move(admin, offered, "allocate", {"resource_id": "ann"}).json
    assert (allocated["state"], allocated["owner"]) == ("allocated", "ann")
    assert listed(ann) == [offered]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("offer", {"resource_id": "nobody"}),
        ("offer", {"resource_id": ["ann", "nobody"]}),
        ("offer", {"resource_id": []}),
        ("offer", {}),
        ("allocate", {"resource_id": "nobody"}),
        ("allocate", {"resource_id": ["ann"]}),
    ],
)
def test_work_is_given_to_nobody_who_does_not_exist(offered: str, admin: Caller, name: str, body: Any) -> None:
    answered = move(admin, offered, name, body)
    assert answered.status_code == 422
    assert answered.json["errors"][0]["path"].startswith("$.resource_id")


@pytest.mark.parametrize("name", ["offer", "allocate", "cancel", "escalate"])
def test_a_participant_administers_no_items(offered: str, ann: Caller, name: str) -> None:
    answered = move(ann, offered, name, {"resource_id": "ann"})
    assert (answered.status_code, answered.json["code"]) == (403, "permission_missing")


def test_a_suspended_item_is_put_aside_and_taken_up_again_as_it_was(offered: str, ann: Caller, bob: Caller) -> None:
    move(ann, offered, "claim")
    move(ann, offered, "start")
    assert move(ann, offered, "suspend").json["state"] == "suspended"
    assert listed(ann) == [offered] and listed(ann, state="suspended") == [offered]
    refused = move(ann, offered, "complete", {"output": {"approved": True}})
    assert (refused.status_code, refused.json["code"]) == (409, "item_state_conflict")
    assert move(ann, offered, "resume").json["state"] == "started"
    assert move(ann, offered, "resume").status_code == 409
    assert move(ann, offered, "complete", {"output": {"approved": True}}).status_code == 200


def test_an_offer_is_suspended_only_by_who_administers_items(offered: str, admin: Caller, ann: Caller) -> None:
    assert (move(ann, offered, "suspend").status_code, listed(ann)) == (403, [offered])
    assert move(admin, offered, "suspend").json["state"] == "suspended"
    assert (move(ann, offered, "claim").status_code, listed(ann)) == (409, [])
    assert move(admin, offered, "resume").json["offered_to"] == ["ann", "bob"]
    assert move(ann, offered, "claim").status_code == 200


def test_a_skipped_item_lets_the_case_go_on(bench: Bench, offered: str, admin: Caller) -> None:
    assert move(admin, offered, "skip").json["state"] == "skipped"
    bench.drain()
    assert admin.get("/api/v1/cases/c1").json["status"] == "completed"


def test_a_cancelled_item_ends_its_path(bench: Bench, offered: str, admin: Caller) -> None:
    assert move(admin, offered, "cancel").json["state"] == "cancelled"
    again = move(admin, offered, "cancel")
    assert (again.status_code, again.json["code"]) == (409, "item_state_conflict")


def test_an_item_that_is_given_up_fails(offered: str, ann: Caller) -> None:
    move(ann, offered, "start")
    assert move(ann, offered, "fail", {}).json["errors"][0]["path"] == "$.reason"
    assert move(ann, offered, "fail", {"reason": "no stock"}).json["state"] == "failed"


def test_output_that_does_not_fit_is_refused_and_the_item_stays_started(offered: str, ann: Caller) -> None:
    move(ann, offered, "start")
    for output, path in (({}, "$.output"), ({"approved": "yes"}, "$.output.approved"), (None, "$.output")):
        answered = move(ann, offered, "complete", {"output": output})
        assert (answered.status_code, answered.json["code"]) == (422, "invalid_output")
        assert [error["path"] for error in answered.json["errors"]] == [path]
    assert ann.get(f"/api/v1/work-items/{offered}").json["state"] == "started"


def test_output_that_does_not_fit_its_variable_is_refused(bench: Bench, admin: Caller, ann: Caller) -> None:
    loose = ORDERS.replace('version: "1"', 'version: "2"').replace('form: {$ref: "#/schemas/Approval"}', "form: {}")
    admin.deploy(loose)
    admin.start(case_id="c2")
    bench.drain()
    move(ann, "c2:1", "start")
    answered = move(ann, "c2:1", "complete", {"output": {"approved": "yes"}})
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_output")
    assert "approved" in answered.json["errors"][0]["path"]


def test_of_two_branches_of_a_deferred_choice_the_first_that_starts_wins(
    bench: Bench, admin: Caller, ann: Caller, bob: Caller
) -> None:
    admin.start("choice", case_id="c1")
    bench.drain()
    left, right = listed(ann)[0], listed(bob)[0]
    assert move(ann, left, "start").status_code == 200
    lost = move(bob, right, "start")
    assert (lost.status_code, lost.json["code"]) == (409, "item_state_conflict")
    assert admin.get(f"/api/v1/work-items/{right}").json["state"] == "withdrawn"


def test_a_person_lists_his_own_queue_and_no_other(offered: str, ann: Caller, bob: Caller) -> None:
    move(bob, offered, "claim")
    assert (listed(ann), listed(bob), listed(bob, resource_id="bob")) == ([], [offered], [offered])
    for other in ("bob", "*"):
        answered = ann.get("/api/v1/work-items", resource_id=other)
        assert (answered.status_code, answered.json["code"]) == (403, "permission_missing")


def test_who_may_see_all_lists_anybodys_queue(offered: str, admin: Caller, ann: Caller) -> None:
    assert listed(admin) == []
    assert listed(admin, resource_id="ann") == listed(admin, resource_id="*") == [offered]
    assert listed(admin, case_id="c1") == [offered]
    assert listed(admin, resource_id="nobody") == []


def test_items_are_listed_by_state_case_and_task(bench: Bench, offered: str, admin: Caller, ann: Caller) -> None:
    admin.start(case_id="c2")
    bench.drain()
    move(ann, offered, "claim")
    assert listed(ann, state="offered") == ["c2:1"]
    assert listed(ann, state="allocated") == ["c1:1"]
    assert listed(ann, case_id="c2") == ["c2:1"]
    assert listed(ann, task="approve") == ["c1:1", "c2:1"]
    assert listed(ann, task="pick") == []


def test_items_are_listed_oldest_first_page_by_page(bench: Bench, admin: Caller, ann: Caller) -> None:
    for number in range(5):
        admin.start(case_id=f"c{number}")
        bench.drain()
    first = ann.get("/api/v1/work-items", limit=3).json
    second = ann.get("/api/v1/work-items", limit=3, cursor=first["next"]).json
    shown = [item["item_id"] for item in first["items"] + second["items"]]
    assert shown == [f"c{number}:1" for number in range(5)]
    assert second["next"] is None


def test_items_that_have_ended_are_listed_for_their_case(
    bench: Bench, offered: str, admin: Caller, ann: Caller, bob: Caller
) -> None:
    move(ann, offered, "start")
    move(ann, offered, "complete", {"output": {"approved": True}})
    assert listed(ann, case_id="c1") == []
    assert listed(ann, case_id="c1", state="completed") == [offered] == listed(admin, case_id="c1", state="completed")
    assert listed(bob, case_id="c1", state="completed") == []
    assert ann.get("/api/v1/work-items", state="completed").json["code"] == "case_id_required"


def test_open_calls_are_listed_for_their_case_and_are_no_items(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.start("call", case_id="c1")
    bench.drain()
    [call] = admin.get("/api/v1/work-items", case_id="c1", kind="automated").json["items"]
    assert (call["item_id"], call["kind"], call["connector"]) == ("c1:1", "automated", "echo")
    assert (call["state"], call["input"]) == ("started", {"text": "hello"})
    assert admin.get("/api/v1/work-items", kind="automated").json["code"] == "case_id_required"
    assert ann.get("/api/v1/work-items", case_id="c1", kind="automated").status_code == 403
    for answered in (admin.get("/api/v1/work-items/c1:1"), move(admin, "c1:1", "cancel")):
        assert answered.json["code"] == "item_not_found"


@pytest.mark.parametrize(
    "query", [{"state": "asleep"}, {"kind": "robot"}, {"case_id": "a:b"}, {"resource_id": "a,b"}, {"limit": 1.5}]
)
def test_a_query_for_items_that_is_not_valid_is_refused(admin: Caller, query: dict[str, Any]) -> None:
    answered = admin.get("/api/v1/work-items", **query)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == list(query)


def test_a_user_works_as_the_participant_that_is_named(bench: Bench, admin: Caller) -> None:
    login = bench.user("login-7", "participant", roles=("clerk",), resource_id="eve")
    admin.start(case_id="c1")
    bench.drain()
    assert move(login, "c1:1", "claim").json["owner"] == "eve"


def test_an_item_of_a_case_that_is_over_is_moved_no_more(
    bench: Bench, offered: str, admin: Caller, ann: Caller
) -> None:
    admin.post("/api/v1/cases/c1/cancel")
    bench.drain()
    for name in ("claim", "start"):
        assert move(ann, offered, name).json["code"] == "item_state_conflict"
    assert ann.get(f"/api/v1/work-items/{offered}").json["state"] == "cancelled"


def test_somebody_who_is_removed_is_offered_nothing_more(bench: Bench, admin: Caller, ann: Caller) -> None:
    bench.parts.registry.put_participant(Participant("ann", roles=("clerk",), available=False))
    admin.start(case_id="c1")
    bench.drain()
    assert listed(admin, state="created") == ["c1:1"]
