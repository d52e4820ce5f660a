"""Permissions by specification and by case: what somebody is entered for, and what a case says."""

import pytest

from engine.store.registry import User
from tests.api.bench import ORDER, ORDERS, Bench, Caller

CLAIMS = """
specification: claims
version: "1"
access:
  start: '"claims" in asker.groups || amount < 100'
  see: 'asker.user in readers || "adjuster" in asker.roles'
  steer: '"adjuster" in asker.roles'
nets:
  main:
    variables:
      amount: {schema: {type: integer}, input: true}
      readers: {schema: {type: array}, input: true, default: []}
    start: assess
    tasks:
      assess: {kind: human, offer: {participants: [ann]}, next: end}
"""


@pytest.fixture
def claims(admin: Caller, ann: Caller) -> Caller:
    assert admin.deploy(CLAIMS).status_code == 201
    return admin


def started(caller: Caller, **data: object) -> int:
    return caller.post("/api/v1/cases", {"specification": "claims", "data": data}).status_code


def test_who_is_entered_for_some_specifications_knows_of_no_others(bench: Bench, claims: Caller) -> None:
    bench.user("eve", "operator")
    bench.parts.registry.put_user(User("eve", access=("operator",), specifications=("orders",)))
    eve = bench.anybody(bench.token("eve", "operator"))
    theirs = claims.start("claims", {"amount": 1}, case_id="other")
    mine = eve.start("orders", ORDER)
    bench.drain()
    assert started(eve, amount=1) == 404
    assert eve.get(f"/api/v1/cases/{theirs}").status_code == 404
    assert eve.get(f"/api/v1/cases/{theirs}/journal").status_code == 404
    assert eve.post(f"/api/v1/cases/{theirs}/cancel").status_code == 404
    assert eve.get("/api/v1/work-items/other:1").status_code == 404
    assert eve.get("/api/v1/specifications/claims/1").status_code == 404
    assert eve.get("/api/v1/shared/folders/x").status_code == 403
    assert [case["case_id"] for case in eve.get("/api/v1/cases").json["items"]] == [mine]
    assert {each["id"] for each in eve.get("/api/v1/specifications").json["items"]} == {"orders"}
    found = eve.get("/api/v1/work-items", resource_id="*").json["items"]
    assert {item["specification"] for item in found} == {"orders"}


def test_a_designer_of_one_specification_deploys_no_other(bench: Bench, admin: Caller) -> None:
    bench.parts.registry.put_user(User("dora", access=("designer",), specifications=("orders",)))
    dora = bench.anybody(bench.token("dora", "designer"))
    assert dora.deploy(ORDERS.replace('version: "1"', 'version: "2"')).status_code == 201
    assert dora.deploy(CLAIMS).status_code == 404


def test_an_api_key_is_good_for_less_than_its_user(bench: Bench, claims: Caller) -> None:
    key = claims.post("/api/v1/users/admin/api-keys", {"specifications": ["orders"]}).json["key"]
    program = bench.anybody(key)
    assert started(program, amount=1) == 404
    assert program.post("/api/v1/cases", {"specification": "orders", "data": ORDER}).status_code == 202


def test_a_specification_says_who_starts_which_of_its_cases(bench: Bench, claims: Caller) -> None:
    service = bench.user("shop", "service")
    assert started(service, amount=50) == 202
    answered = service.post("/api/v1/cases", {"specification": "claims", "data": {"amount": 500}})
    assert (answered.status_code, answered.json["code"]) == (403, "start_not_allowed")
    assert started(claims, amount=500) == 202


def test_a_case_says_who_sees_it(bench: Bench, claims: Caller) -> None:
    operator, auditor = bench.user("oscar", "operator"), bench.user("audrey", "auditor")
    hidden = claims.start("claims", {"amount": 1}, case_id="hidden")
    shown = claims.start("claims", {"amount": 1, "readers": ["audrey"]}, case_id="shown")
    bench.drain()
    assert auditor.get(f"/api/v1/cases/{shown}").status_code == 200
    assert auditor.get(f"/api/v1/cases/{hidden}").status_code == 404
    assert operator.get(f"/api/v1/cases/{shown}").status_code == 404
    assert [case["case_id"] for case in auditor.get("/api/v1/cases").json["items"]] == [shown]
    listed = auditor.get("/api/v1/work-items", resource_id="*").json["items"]
    assert [item["case_id"] for item in listed] == [shown]
    assert auditor.get("/api/v1/work-items/hidden:1").status_code == 404
    noted = auditor.get("/api/v1/audit", user="audrey").json["items"]
    assert [each["path"] for each in noted] == ["/api/v1/work-items/hidden:1", "/api/v1/cases/hidden"]


def test_whoever_has_work_in_a_case_sees_his_item_all_the_same(bench: Bench, claims: Caller, ann: Caller) -> None:
    claims.start("claims", {"amount": 1}, case_id="c1")
    bench.drain()
    assert ann.get("/api/v1/work-items/c1:1").status_code == 200
    assert ann.post("/api/v1/work-items/c1:1/start").status_code == 200


def test_who_may_see_a_case_may_not_steer_it_for_that(bench: Bench, claims: Caller) -> None:
    claims.start("claims", {"amount": 1, "readers": ["oscar"]}, case_id="c1")
    bench.drain()
    oscar = bench.user("oscar", "operator")
    answered = oscar.post("/api/v1/cases/c1/cancel")
    assert (answered.status_code, answered.json["code"]) == (403, "steering_not_allowed")
    adjuster = bench.user("adam", "operator", roles=("adjuster",))
    assert adjuster.post("/api/v1/cases/c1/cancel").status_code == 202


def test_a_condition_over_what_is_not_there_does_not_hold(bench: Bench, admin: Caller) -> None:
    odd = CLAIMS.replace("'asker.user in readers || \"adjuster\" in asker.roles'", "'readers[0].name == asker.user'")
    assert admin.deploy(odd).status_code == 201
    admin.start("claims", {"amount": 1}, case_id="c1")
    bench.drain()
    assert bench.user("oscar", "operator").get("/api/v1/cases/c1").status_code == 404


@pytest.mark.parametrize("condition", ["nobody == 1", "asker.user ==", "fly(amount)"])
def test_a_condition_that_is_none_is_not_deployed(admin: Caller, condition: str) -> None:
    written = CLAIMS.replace("'\"adjuster\" in asker.roles'", f"'{condition}'")
    answered = admin.deploy(written)
    assert answered.status_code == 422
    assert "access.steer" in answered.text
