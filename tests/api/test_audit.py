"""The audit log: every refusal for want of a right is in it, and an auditor can read it."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import Unavailable
from engine.store.memory_audit import MemoryAudit
from tests.api.bench import Bench, Caller, bench_of, settings_for
from tests.api.tokens import not_good


@pytest.fixture
def auditor(bench: Bench) -> Caller:
    return bench.user("audrey", "auditor")


def entries(auditor: Caller, **query: Any) -> list[dict[str, Any]]:
    answered = auditor.get("/api/v1/audit", **query)
    assert answered.status_code == 200, answered.text
    return list(answered.json["items"])


def test_a_missing_permission_is_noted_with_who_asked_for_what(bench: Bench, ann: Caller, auditor: Caller) -> None:
    refused = ann.get("/api/v1/users")
    [noted] = entries(auditor)
    assert (noted["user"], noted["method"], noted["path"], noted["status"]) == ("ann", "GET", "/api/v1/users", 403)
    assert (noted["what"], noted["code"]) == ("refused", "permission_missing")
    assert noted["correlation_id"] == refused.headers["X-Correlation-Id"]


def test_every_token_that_is_not_good_is_noted_and_none_of_them_is_kept(bench: Bench, auditor: Caller) -> None:
    shown = not_good(bench)
    for token, _ in shown.values():
        bench.anybody(token or None).get("/api/v1/cases")
    noted = entries(auditor, strangers="true")
    assert len(noted) == len(shown)
    assert {each["code"] for each in noted} == {code for _, code in shown.values()}
    assert not any(token and token in str(noted) for token, _ in shown.values())
    assert entries(auditor) == []


def test_an_item_that_one_may_not_know_of_is_noted_and_one_that_is_not_there_is_not(
    bench: Bench, admin: Caller, auditor: Caller
) -> None:
    case_id = admin.start(case_id="c1")
    bench.drain()
    stranger = bench.user("dora", "participant")
    assert stranger.get(f"/api/v1/work-items/{bench.item_of(case_id)}").status_code == 404
    assert stranger.get("/api/v1/work-items/c1:99").status_code == 404
    assert [each["path"] for each in entries(auditor)] == ["/api/v1/work-items/c1:1"]


def test_changes_of_rights_are_noted(admin: Caller, auditor: Caller) -> None:
    admin.put("/api/v1/users/eve", {"access": ["auditor"], "password": "a secret of hers"})
    admin.put("/api/v1/access-roles/watcher", {"permissions": []})
    admin.post("/api/v1/users/eve/api-keys")
    noted = entries(auditor, what="changed")
    assert [each["route"].rpartition("/api/v1")[2] for each in noted] == [
        "/users/<username>/api-keys", "/access-roles/<role>", "/users/<username>",
    ]  # fmt: skip
    assert "a secret of hers" not in str(noted)


def test_the_log_is_searched_and_read_page_by_page(bench: Bench, ann: Caller, auditor: Caller) -> None:
    for _ in range(3):
        ann.get("/api/v1/users")
    bench.user("bob", "participant").get("/api/v1/audit")
    assert len(entries(auditor, user="ann")) == 3 and len(entries(auditor, code="none_such")) == 0
    first = auditor.get("/api/v1/audit", limit=2).json
    second = auditor.get("/api/v1/audit", limit=2, cursor=first["next"]).json
    assert [each["user"] for each in first["items"] + second["items"]] == ["bob", "ann", "ann", "ann"]
    assert second["next"] is None
    assert entries(auditor, since="2100-01-01T00:00:00Z") == []
    assert auditor.get("/api/v1/audit", since="0001-01-01T00:00:00Z").status_code == 200


def test_a_token_in_an_address_is_not_noted(bench: Bench, auditor: Caller) -> None:
    bench.anybody().post("/api/v1/callbacks/secret-token")
    bench.user("eve").delete("/api/v1/callbacks/secret-token")
    assert "secret-token" not in str(entries(auditor) + entries(auditor, strangers="true"))


def test_who_guesses_a_password_is_slowed_and_noted(bench: Bench, auditor: Caller) -> None:
    def guess(name: str = "admin") -> Any:
        return bench.anybody().post("/api/v1/auth/token", {"username": name, "password": "guess"})

    answers = [guess() for _ in range(8)]
    assert [each.status_code for each in answers] == [401] * 6 + [429] * 2
    assert answers[7].json["code"] == "too_many_attempts" and int(answers[7].headers["Retry-After"]) >= 1
    assert guess("eve").status_code == 401
    assert [each["status"] for each in entries(auditor, strangers="true")][:3] == [401, 429, 429]


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, requests_per_s=1))
    assert bench.admin.get("/api/v1/cases").status_code == 200
    answers = [bench.admin.get("/api/v1/cases") for _ in range(3)]
    assert answers[-1].status_code == 429 and answers[-1].json["code"] == "too_many_requests"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert bench.user("ann", "participant").get("/api/v1/work-items").status_code == 200
    assert bench.anybody().get("/health/live").status_code == 200


def test_what_cannot_be_noted_is_refused_all_the_same(
    ann: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("Redis is full")

    monkeypatch.setattr(MemoryAudit, "note", away)
    assert ann.get("/api/v1/users").status_code == 403
    assert "is not in the audit log" in caplog.text
