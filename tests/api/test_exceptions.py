"""Exceptions of all cases over HTTP: what is being done about some, and what became of others."""

from typing import Any

import pytest

from tests.api.bench import Bench, Caller

EXCEPTIONS = "/api/v1/exceptions"
DELIVERY = """
specification: delivery
version: "1"
on: {external_trigger: [{compensate: call-customer}]}
nets:
  main:
    start: pack
    tasks:
      pack: {kind: human, offer: {participants: [ann]}, next: end}
"""
CALL = """
specification: call-customer
version: "1"
nets:
  main:
    start: call
    tasks: {call: {kind: human, offer: {participants: [ann]}, next: end}}
"""


@pytest.fixture
def case(bench: Bench, admin: Caller) -> str:
    """A case in which ann has given up, which nobody handles, after something was done about a call of the customer."""
    bench.user("ann", "participant")
    admin.deploy(DELIVERY)
    admin.deploy(CALL)
    case = str(admin.post("/api/v1/cases", {"specification": "delivery", "data": {}}).json["case_id"])
    bench.drain()
    admin.post(f"/api/v1/cases/{case}/exceptions", {"name": "late"})
    bench.drain()
    return case


def listed(caller: Caller, **asked: Any) -> list[tuple[str, str, str]]:
    answered = caller.get(EXCEPTIONS, **asked)
    assert answered.status_code == 200, answered.json
    return [(each["case_id"], each["kind"], each["state"]) for each in answered.json["items"]]


def give_up(bench: Bench, case: str) -> None:
    [item] = [each for each in bench.parts.store.items_of(case) if each.task == "pack"]
    bench.parts.worklist.start(item.id, "ann")
    bench.drain()
    bench.parts.worklist.fail(item.id, "no box is left", "ann")
    bench.drain()


def test_what_is_being_done_is_listed_with_what_it_waits_for(bench: Bench, admin: Caller, case: str) -> None:
    [shown] = admin.get(EXCEPTIONS, state="open").json["items"]
    [worklet] = admin.get(f"/api/v1/cases/{case}").json["children"]
    assert (shown["case_id"], shown["kind"], shown["waits_for"]) == (case, "external_trigger", [worklet])
    assert shown["raised_at"] is not None and shown["over_at"] is None
    assert listed(admin) == []


def test_what_nobody_handles_and_what_its_case_leaves_behind_are_told_apart(
    bench: Bench, admin: Caller, case: str
) -> None:
    give_up(bench, case)
    assert sorted(listed(admin)) == [(case, "external_trigger", "abandoned"), (case, "item_failed", "unhandled")]
    assert listed(admin, state="open") == []
    [shown] = admin.get(EXCEPTIONS, state="unhandled").json["items"]
    assert (shown["task"], shown["item_id"]) == ("pack", f"{case}:1")
    assert "no box is left" in shown["message"]
    assert listed(admin, kind="timeout") == listed(admin, case_id="other") == listed(admin, specification="other") == []
    assert len(listed(admin, specification="delivery", case_id=case)) == 2


def test_nobody_is_shown_exceptions_of_cases_that_he_may_not_know_of(bench: Bench, admin: Caller) -> None:
    bench.user("ann", "participant")
    admin.deploy(DELIVERY.replace("nets:", "access: {see: \"asker.user == 'boss'\"}\nnets:", 1))
    admin.deploy(CALL)
    hidden = str(admin.post("/api/v1/cases", {"specification": "delivery", "data": {}}).json["case_id"])
    bench.drain()
    admin.post(f"/api/v1/cases/{hidden}/exceptions", {"name": "late"})
    bench.drain()
    eve, boss = bench.user("eve", "operator"), bench.user("boss", "operator")
    assert listed(eve, state="open") == []
    assert listed(boss, state="open") == [(hidden, "external_trigger", "open")]
    give_up(bench, hidden)
    assert listed(eve) == []
    assert len(listed(boss)) == 2


@pytest.mark.parametrize("asked", [{"state": "closed"}, {"kind": "bad luck"}, {"cursor": "x"}, {"case_id": "../x"}])
def test_a_question_that_makes_no_sense_is_refused(admin: Caller, asked: dict[str, str]) -> None:
    assert admin.get(EXCEPTIONS, **asked).status_code == 422
