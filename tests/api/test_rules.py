"""Rules and worklets over HTTP: taught with the case at hand, explained, carried from one installation to another."""

from typing import Any

from tests.api.bench import Bench, Caller

RULES = "/api/v1/rules/delivery"
DELIVERY = """
specification: delivery
version: "1"
nets:
  main:
    variables:
      amount: {input: true, schema: {type: integer}}
      answer: {output: true}
    start: pack
    tasks:
      pack: {kind: human, offer: {participants: [ann]}, next: treat}
      treat: {kind: composite, worklet: true, next: end}
"""
CALL = """
specification: call-customer
version: "1"
nets:
  main:
    variables: {amount: {input: true}, answer: {output: true}}
    start: call
    tasks: {call: {kind: human, offer: {participants: [ann]}, output: {answer: "$.answer"}, next: end}}
"""


def started(bench: Bench, admin: Caller, amount: int = 5) -> str:
    bench.user("ann", "participant")
    for text in (DELIVERY, CALL, CALL.replace("call-customer", "call-boss")):
        admin.deploy(text)
    case = admin.post("/api/v1/cases", {"specification": "delivery", "data": {"amount": amount}}).json["case_id"]
    bench.drain()
    return str(case)


def do(bench: Bench, case: str, **output: Any) -> None:
    """Ann does what waits for her in a case."""
    item = bench.item_of(case)
    bench.parts.worklist.start(item, "ann")
    bench.parts.worklist.complete(item, output, "ann")
    bench.drain()


def lesson(case: str, condition: str, conclusion: Any, **more: Any) -> dict[str, Any]:
    asked = {"kind": "external_trigger", "case_id": case, "condition": condition, "conclusion": conclusion}
    return {**asked, **more}


def test_a_rule_that_was_taught_decides_the_next_time(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin)
    taught = admin.post(RULES, lesson(case, "amount > 3", [{"compensate": "call-customer"}]))
    assert (taught.status_code, taught.json["rule"]) == (201, "1")
    assert taught.json["path"] == ["1: amount > 3 held"]
    assert admin.post(f"/api/v1/cases/{case}/exceptions", {"name": "late"}).status_code == 202
    bench.drain()
    shown = admin.get(f"/api/v1/cases/{case}").json
    [handled] = shown["handling"]
    [worklet] = shown["children"]
    assert (handled["kind"], handled["message"]) == ("external_trigger", "admin says: late")
    assert handled["waits_for"] == [worklet]
    do(bench, worklet, answer="tomorrow")
    shown = admin.get(f"/api/v1/cases/{case}").json
    assert (shown["handling"], shown["data"]["answer"]) == ([], "tomorrow")


def test_a_rule_that_would_change_an_earlier_answer_is_refused(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin, amount=5)
    admin.post(RULES, lesson(case, "amount > 3", [{"fail": "case"}]))
    other = lesson(case, "amount > 7", None, data={"amount": 9})
    assert admin.post(RULES, {**other, "condition": "amount > 4"}).json["code"] == "rule_conflict"
    checked = admin.post(f"{RULES}/check", other)
    assert (checked.status_code, checked.json["path"]) == (200, ["1: amount > 3 held", "2: amount > 7 held"])
    assert admin.get(RULES).json["version"] == 1
    assert admin.post(RULES, other).status_code == 201
    assert admin.get(RULES).json["version"] == 2


def test_the_rules_are_explained(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin)
    admin.post(RULES, lesson(case, "amount > 3", [{"fail": "case"}]))
    asked = {"kind": "external_trigger", "data": {"amount": 2}}
    assert admin.post(f"{RULES}/explain", asked).json == {
        "rule": "0",
        "conclusion": None,
        "path": ["1: amount > 3 did not hold"],
    }
    given = admin.post(f"{RULES}/explain", {"kind": "external_trigger", "case_id": case}).json
    assert (given["rule"], given["conclusion"]) == ("1", [{"fail": "case"}])
    assert admin.post(f"{RULES}/explain", {"kind": "timeout"}).json["code"] == "no_rules"


def test_what_is_no_rule_is_refused_with_the_place(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin)
    for wrong, path in (
        (lesson(case, "amount >", [{"fail": "case"}]), "condition"),
        (lesson(case, "amount > 100", [{"fail": "case"}]), "condition"),
        (lesson(case, "amount > 3", [{"fail": "everything"}]), "conclusion.0.fail"),
        (lesson(case, "amount > 3", "call", kind="selection") | {"conclusion": 3}, "conclusion"),
        (lesson(case, "amount > 3", ["restart"], kind="wrong"), "kind"),
    ):
        refused = admin.post(RULES, wrong)
        assert refused.json["code"] == "rule_invalid", refused.json
        assert refused.json["errors"][0]["path"] == path


def test_rules_are_taken_out_and_put_back_in_the_version_they_had(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin)
    admin.post(RULES, lesson(case, "amount > 3", [{"fail": "case"}]))
    taken = admin.get(RULES, form="export").json
    assert admin.put(RULES, taken).json["version"] == 2
    assert admin.put(RULES, taken).json["code"] == "rules_changed"
    broken = {**taken, "version": 2, "trees": [{**taken["trees"][0], "rules": {}}]}
    assert admin.put(RULES, broken).json["code"] == "rule_invalid"


def test_a_worklet_is_picked_replaced_and_listed(bench: Bench, admin: Caller) -> None:
    case = started(bench, admin)
    choose = {"kind": "selection", "task": "treat", "case_id": case, "condition": "amount > 3"}
    admin.post(RULES, {**choose, "conclusion": "call-customer"})
    do(bench, case)
    [worklet] = admin.get(f"/api/v1/cases/{case}").json["children"]
    assert admin.get(f"/api/v1/cases/{worklet}").json["specification"] == "call-customer"
    admin.post(f"/api/v1/cases/{case}/data", {"data": {"amount": 9}})
    bench.drain()
    assert admin.post(RULES, {**choose, "condition": "amount > 7", "conclusion": "call-boss"}).status_code == 201
    assert admin.post(f"/api/v1/cases/{worklet}/replace").status_code == 202
    bench.drain()
    statuses = [
        (each["specification"], each["status"]) for each in admin.get(f"/api/v1/cases/{case}/children").json["items"]
    ]
    assert sorted(statuses) == [("call-boss", "running"), ("call-customer", "cancelled")]
    listed = admin.get("/api/v1/worklets").json["items"]
    assert [(each["worklet"], each["deployed"]) for each in listed] == [("call-boss", "1"), ("call-customer", "1")]
    assert listed[0]["used_by"] == [{"specification": "delivery", "kind": "selection", "task": "treat"}]
    assert admin.post(f"/api/v1/cases/{case}/replace").json["code"] == "no_worklet"
