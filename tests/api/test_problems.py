"""Problems: everything that is refused is answered as RFC 9457 has it, and bugs give nothing away."""

import json
import logging
from typing import Any

import pytest

from engine.errors import Unavailable
from tests.api.bench import Bench, Caller, bench_of, settings_for


def test_a_problem_has_a_stable_code_and_names_what_it_is_about(bench: Bench, admin: Caller, ann: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    answered = ann.post("/api/v1/work-items/c1:1/complete", {"output": {}}, headers={"X-Correlation-Id": "r-1"})
    assert answered.content_type == "application/problem+json"
    assert answered.status_code == 409
    assert answered.json == {
        "type": "urn:casewright:problem:item_state_conflict",
        "title": "Item state conflict",
        "status": 409,
        "detail": "item c1:1 is offered; complete is possible only while it is started",
        "code": "item_state_conflict",
        "correlation_id": "r-1",
        "case_id": "c1",
        "item_id": "c1:1",
        "task": "approve",
    }


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1/nothing", "/api/v1/cases/", "/api/v1", "/static/x", "//"])
def test_an_unknown_route_is_a_problem(bench: Bench, path: str) -> None:
    answered = bench.anybody().get(path)
    assert (answered.status_code, answered.json["code"]) == (404, "route_not_found")
    assert answered.content_type == "application/problem+json"


def test_a_wrong_method_is_a_problem_that_says_which_are_right(admin: Caller) -> None:
    answered = admin.delete("/api/v1/cases")
    assert (answered.status_code, answered.json["code"]) == (405, "method_not_allowed")
    assert set(answered.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_body_that_is_too_long_is_refused(tmp_path: Any) -> None:
    bench = bench_of(settings_for(tmp_path, max_body_bytes=1024))
    answered = bench.admin.post("/api/v1/cases", {"specification": "x" * 2000})
    assert (answered.status_code, answered.json["code"]) == (413, "body_too_large")
    answered = bench.admin.deploy("#" * 2000)
    assert (answered.status_code, answered.json["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/x-www-form-urlencoded", "é"])
def test_a_body_of_another_media_type_is_refused(admin: Caller, media_type: str) -> None:
    for path in ("/api/v1/cases", "/api/v1/specifications"):
        answered = admin.send("POST", path, b"{}", media_type)
        assert (answered.status_code, answered.json["code"]) == (415, "unsupported_media_type")


MALFORMED = {
    "not JSON": b"{",
    "nothing but a blank": b" ",
    "a list": b"[]",
    "a string": b'"{}"',
    "a string with JSON in it": json.dumps('{"specification": "orders", "data": {}}').encode(),
    "a number": b"1",
    "null": b"null",
    "not UTF-8": b'{"specification": "\xff"}',
    "UTF-16": '{"specification": "orders"}'.encode("utf-16"),
    "NaN": b'{"data": {"a": NaN}}',
    "infinity": b'{"data": {"a": -Infinity}}',
    "a name twice": b'{"data": {"a": 1, "a": 2}}',
    "a bomb of brackets": b'{"data": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "an integer of 5,000 digits": b'{"data": {"a": ' + b"9" * 5000 + b"}}",
    "something behind it": b"{} {}",
}
UNKEPT = {
    "an integer beyond 64 bits": (b'{"data": {"a": 9223372036854775808}}', "$.data.a"),
    "a float that is infinite": (b'{"data": {"a": 1e999}}', "$.data.a"),
    "half a surrogate pair": (b'{"data": {"a": ["\\ud800"]}}', "$.data.a[0]"),
    "half a surrogate pair as a name": (b'{"data": {"\\ud800": 1e999}}', "$.data"),
    "65 levels": (b'{"data": ' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}", "$.data" + ".a" * 63),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_refused(admin: Caller, body: bytes) -> None:
    for path in ("/api/v1/cases", "/api/v1/cases/bulk", "/api/v1/cases/c1/cancel", "/api/v1/auth/token"):
        answered = admin.send("POST", path, body, "application/json")
        assert (answered.status_code, answered.json["code"]) == (422, "malformed_body")


@pytest.mark.parametrize(("body", "path"), UNKEPT.values(), ids=UNKEPT.keys())
def test_a_value_that_cannot_be_kept_is_refused_with_its_place(admin: Caller, body: bytes, path: str) -> None:
    answered = admin.send("POST", "/api/v1/cases", body, "application/json")
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_value")
    assert answered.json["errors"][0]["path"] == path


def test_a_million_mistakes_are_not_all_sent_back(admin: Caller) -> None:
    body = json.dumps({"specification": "orders", "data": {f"{n}" * 300: 1 for n in range(1000)}})
    answered = admin.send("POST", "/api/v1/cases", body, "application/json")
    assert answered.status_code == 422
    assert len(answered.json["errors"]) == 100
    assert max(len(error["path"]) for error in answered.json["errors"]) == 501


def test_without_redis_the_answer_is_to_try_again(bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("Redis is away", code="store_unavailable")

    monkeypatch.setattr(bench.parts.store, "case", away)
    answered = admin.get("/api/v1/cases/c1")
    assert (answered.status_code, answered.json["code"]) == (503, "store_unavailable")
    assert answered.headers["Retry-After"] == "1"


def test_a_bug_is_logged_with_its_traceback_and_gives_nothing_away(
    bench: Bench, admin: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(bench.parts.store, "case", broken)
    with caplog.at_level(logging.ERROR, "api.problems"):
        answered = admin.get_with("/api/v1/cases/c1", {"X-Correlation-Id": "r-1"})
    assert (answered.status_code, answered.json["code"], answered.json["correlation_id"]) == (
        500,
        "internal_error",
        "r-1",
    )
    assert "secret" not in answered.text
    assert "ZeroDivisionError: the secret inside" in caplog.text


@pytest.mark.parametrize("given", ["r-1", "a.B:c_9-", "x" * 128])
def test_a_correlation_id_that_is_sent_is_used(bench: Bench, given: str) -> None:
    answered = bench.anybody().get_with("/health/live", {"X-Correlation-Id": given})
    assert answered.headers["X-Correlation-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ü", "a\tb", "{}", "'"])
def test_a_correlation_id_that_could_do_harm_is_replaced(bench: Bench, given: str) -> None:
    answered = bench.anybody().get_with("/nothing", {"X-Correlation-Id": given})
    made = answered.headers["X-Correlation-Id"]
    assert made != given
    assert made == answered.json["correlation_id"]
    assert len(made) == 32


def test_every_answer_has_a_correlation_id_of_its_own(bench: Bench) -> None:
    answers = [bench.anybody().get(path) for path in ("/health/live", "/health/live", "/nothing", "/api/v1/cases")]
    assert len({answered.headers["X-Correlation-Id"] for answered in answers}) == 4
