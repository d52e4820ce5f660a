"""Outcomes that come later: one POST with a token, signed where the task wants it, good for one use."""

import hmac
import logging
from pathlib import Path
from typing import Any

import pytest

from api import callbacks
from connectors.port import Later
from deploy.calling import awaited_of, event_of, request_of
from engine.case import CaseStatus
from engine.names import shard_of
from engine.store.port import Reported
from tests.api.bench import Answer, Bench, Caller, bench_of, settings_for

KEY = "what the bank signs with"
PAYMENT = """
specification: payment
version: "1"
nets:
  main:
    variables: {paid: {output: true}}
    start: wait
    tasks:
      wait:
        kind: automated
        connector: webhook
        config: {wait_s: 600}
        retry: {attempts: 2, backoff_s: 0.001}
        output: {paid: "$.body.amount"}
        next: end
"""
SIGNED = PAYMENT.replace("payment", "signed").replace("600}", "600, signature: {key: {secret: BANK}}}")
TOLD = """
specification: told
version: "1"
nets:
  main:
    start: fork
    tasks:
      fork: {kind: routing, split: and, next: [wait, tell]}
      wait: {kind: automated, connector: webhook, config: {}, next: both}
      tell:
        kind: automated
        connector: http
        config: {method: POST, url: "https://bank.example/1", body: {reply_to: [{callback: {task: wait}}]}}
        next: both
      both: {kind: routing, join: and, next: end}
"""
GONE = PAYMENT.replace("payment", "gone").replace("600}", "600, signature: {key: {secret: NOWHERE}}}")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = bench_of(settings_for(tmp_path), secrets={"CASEWRIGHT_SECRET_BANK": KEY})
    for text in (PAYMENT, SIGNED, GONE):
        deployed = made.admin.deploy(text)
        assert deployed.status_code == 201, deployed.text
    return made


def make_calls(bench: Bench) -> None:
    """What a worker does with the calls that wait."""
    store = bench.parts.store
    for shard in range(store.shards):
        for call, attempt in store.take_calls(shard, "worker", 10):
            said = bench.parts.connectors.begin(request_of(call, attempt))
            if isinstance(said, Later):
                store.await_callbacks(shard, "worker", [awaited_of(call, attempt, said)])
            else:
                store.report(shard, "worker", [Reported(event_of(call, attempt, said), call.correlation_id)])


def awaited(bench: Bench, specification: str = "payment") -> tuple[str, str]:
    """A case that waits for a callback, and the address at which."""
    case_id = bench.admin.start(specification)
    bench.drain()
    make_calls(bench)
    return case_id, address_of(bench, item_of(bench, case_id))


def item_of(bench: Bench, case_id: str) -> str:
    [call] = bench.parts.store.calls_of(case_id)
    return call.item


def address_of(bench: Bench, item_id: str) -> str:
    assert bench.parts.callbacks is not None
    return f"/api/v1/callbacks/{bench.parts.callbacks.token(item_id)}"


def call_back(bench: Bench, address: str, body: str = '{"amount": 12}', **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return bench.anybody()._call("POST", address, {"Content-Type": "application/json", **named}, data=body)


def case_of(bench: Bench, case_id: str) -> Any:
    bench.drain()
    case = bench.parts.store.case(case_id)
    assert case is not None
    return case


def test_a_callback_completes_its_call_and_the_second_is_refused(bench: Bench) -> None:
    case_id, address = awaited(bench)
    item_id = item_of(bench, case_id)
    first = call_back(bench, address)
    assert (first.status_code, first.json) == (202, {"item_id": item_id, "case_id": case_id})
    second = call_back(bench, address, '{"amount": 99}')
    assert (second.status_code, second.json["code"]) == (409, "callback_spent")
    case = case_of(bench, case_id)
    assert case.status is CaseStatus.COMPLETED and case.data["paid"] == 12
    assert call_back(bench, address).json["code"] == "callback_spent", "also when the case has ended"


def test_a_callback_rings_for_its_shard(bench: Bench) -> None:
    case_id, address = awaited(bench)
    bench.doorbell.rung.clear()
    call_back(bench, address)
    # Others may have rung for the same shard a moment ago; then the bell still stands.
    waiting = bench.parts.store.work()[shard_of(case_id, bench.parts.store.shards)]
    assert waiting.events == 1


def test_a_token_that_was_not_signed_here_is_not_found(bench: Bench) -> None:
    _, address = awaited(bench)
    for wrong in (address[:-1] + ("A" if address[-1] != "A" else "B"), "/api/v1/callbacks/c1.x.y"):
        answered = call_back(bench, wrong)
        assert (answered.status_code, answered.json["code"]) == (404, "callback_not_found")


def test_a_callback_of_a_cancelled_case_is_spent(bench: Bench) -> None:
    case_id, address = awaited(bench)
    assert bench.admin.post(f"/api/v1/cases/{case_id}/cancel", {"reason": "no more"}).status_code == 202
    bench.drain()
    assert call_back(bench, address).json["code"] == "callback_spent"


def test_a_callback_of_a_suspended_case_is_kept_until_it_goes_on(bench: Bench) -> None:
    case_id, address = awaited(bench)
    assert bench.admin.post(f"/api/v1/cases/{case_id}/suspend").status_code == 202
    bench.drain()
    assert call_back(bench, address).status_code == 202
    assert case_of(bench, case_id).status is CaseStatus.SUSPENDED
    assert bench.admin.post(f"/api/v1/cases/{case_id}/resume").status_code == 202
    assert case_of(bench, case_id).status is CaseStatus.COMPLETED


def test_a_callback_that_says_that_it_failed_goes_through_the_retry_of_its_task(bench: Bench) -> None:
    case_id, address = awaited(bench)
    item_id = item_of(bench, case_id)
    failed = call_back(bench, address, '{"status": 503}', Content_Type="application/problem+json")
    assert failed.status_code == 202
    bench.drain()
    found = bench.parts.store.call_of(item_id)
    assert found is not None and not found.awaited, "it is to be made again, under the same address"
    assert call_back(bench, address).status_code == 202
    assert case_of(bench, case_id).status is CaseStatus.COMPLETED


def test_a_callback_that_is_not_signed_changes_nothing_and_may_be_sent_again(bench: Bench) -> None:
    case_id, address = awaited(bench, "signed")
    body = '{"amount": 3}'
    refused = call_back(bench, address, body)
    assert (refused.status_code, refused.json["code"]) == (401, "callback_unsigned")
    signature = "sha256=" + hmac.digest(KEY.encode(), body.encode(), "sha256").hex()
    assert call_back(bench, address, '{"amount": 4}', X_Hub_Signature_256=signature).status_code == 401
    assert call_back(bench, address, body, X_Hub_Signature_256=signature).status_code == 202
    assert case_of(bench, case_id).data["paid"] == 3


def test_a_secret_that_is_missing_here_is_not_the_failure_of_the_other_side(bench: Bench) -> None:
    case_id = bench.admin.start("gone")
    bench.drain()
    [call] = bench.parts.store.calls_of(case_id)
    answered = call_back(bench, address_of(bench, call.item))
    assert (answered.status_code, answered.json["code"]) == (503, "callback_unreadable")
    assert bench.parts.store.call_of(call.item) is not None, "it still waits"


def test_a_call_that_waits_for_no_callback_is_not_ended_by_one(bench: Bench, admin: Caller) -> None:
    case_id = admin.start("call")
    bench.drain()
    item_id = item_of(bench, case_id)
    answered = call_back(bench, address_of(bench, item_id))
    assert (answered.status_code, answered.json["code"]) == (409, "callback_not_awaited")


def test_a_task_tells_the_address_of_another_and_the_journal_holds_only_its_item(bench: Bench) -> None:
    deployed = bench.admin.deploy(TOLD)
    assert deployed.status_code == 201, deployed.text
    case_id = bench.admin.start("told")
    bench.drain()
    calls = {call.task: call for call in bench.parts.store.calls_of(case_id)}
    assert calls["tell"].config["body"] == {"reply_to": [{"callback": {"item": calls["wait"].item}}]}


def test_a_task_cannot_tell_the_address_of_one_that_has_not_begun(bench: Bench) -> None:
    alone = TOLD.replace("[wait, tell]", "[{to: wait, when: 'false'}, tell]")
    alone = alone.replace("split: and", "split: xor").replace("join: and", "join: xor")
    deployed = bench.admin.deploy(alone)
    assert deployed.status_code == 201, deployed.text
    case_id = bench.admin.start("told")
    assert case_of(bench, case_id).status is not CaseStatus.COMPLETED
    assert bench.parts.store.calls_of(case_id) == []
    assert "task wait has no item out in this case" in str(bench.parts.store.journal(case_id))


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("wiat", 'no task named \\"wiat\\" in this net (did you mean \\"wait\\"?)'),
        ("both", '\\"both\\" must be an automated task without instances to be called back'),
    ],
)
def test_whose_address_is_told_is_checked_when_it_is_deployed(bench: Bench, named: str, why: str) -> None:
    refused = bench.admin.deploy(TOLD.replace("{task: wait}", f"{{task: {named}}}"))
    assert refused.status_code == 422 and why in refused.text, refused.text


def test_a_body_that_is_too_long_is_refused(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, max_body_bytes=2_000))
    assert bench.admin.deploy(PAYMENT).status_code == 201
    case_id, address = awaited(bench)
    assert call_back(bench, address, '"' + "x" * 3_000 + '"').status_code == 413
    assert bench.parts.store.call_of(item_of(bench, case_id)) is not None


def test_the_address_is_shown_to_who_administers_the_call_and_nowhere_else(bench: Bench) -> None:
    case_id, address = awaited(bench)
    item_id = item_of(bench, case_id)
    one, many = f"/api/v1/work-items/{item_id}", "/api/v1/work-items"
    shown = bench.user("olga", "operator").get(one)
    assert shown.json["callback_url"].endswith(address) and shown.headers["Cache-Control"] == "no-store"
    assert bench.user("otto", "auditor").get(one).json["callback_url"] is None
    assert bench.user("ann", "participant").get(one).status_code == 404
    listed = bench.admin.get(many, kind="automated", case_id=case_id)
    assert [item["item_id"] for item in listed.json["items"]] == [item_id] and address not in listed.text
    assert address not in bench.admin.get(f"/api/v1/cases/{case_id}").text
    assert address not in bench.admin.get(f"/api/v1/cases/{case_id}/journal").text


def test_a_call_that_is_not_awaited_yet_is_not_shown_as_an_item(bench: Bench) -> None:
    case_id = bench.admin.start("payment")
    bench.drain()
    answered = bench.admin.get(f"/api/v1/work-items/{item_of(bench, case_id)}")
    assert (answered.status_code, answered.json["code"]) == (404, "item_not_found")


def test_a_bug_is_logged_without_the_token(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, address = awaited(bench)
    token = address.rpartition("/")[2]
    monkeypatch.setattr(callbacks, "whole_body", None)
    with caplog.at_level(logging.DEBUG):
        answered = call_back(bench, address)
    assert answered.status_code == 500 and token not in answered.text
    assert "/api/v1/callbacks/*** raised" in caplog.text and token not in caplog.text


def test_the_description_of_the_route_asks_for_no_login(bench: Bench) -> None:
    described = bench.anybody().get("/api/v1/openapi.json").json["paths"]["/api/v1/callbacks/{token}"]["post"]
    assert "security" not in described and {"202", "401", "404", "409", "413", "503"} <= set(described["responses"])
