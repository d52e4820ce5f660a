"""Addresses that are written out win over those with names in them."""

import pytest

from tests.api.bench import ORDER, Bench, Caller


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/resources/export", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/resources/import", {"OPTIONS", "POST"}),
        ("GET", "/cases/bulk", {"OPTIONS", "POST"}),
    ],
)
def test_such_an_address_has_the_methods_of_its_own_rule(
    admin: Caller, method: str, path: str, allowed: set[str]
) -> None:
    answered = admin.send(method, f"/api/v1{path}", b"{}", "application/json")
    assert (answered.status_code, answered.json["code"]) == (405, "method_not_allowed")
    assert set(answered.headers["Allow"].split(", ")) == allowed
    asked = admin.send("OPTIONS", f"/api/v1{path}", b"", None)
    assert (asked.status_code, set(asked.headers["Allow"].split(", "))) == (200, allowed)


def test_nothing_is_called_like_a_part_of_an_address(bench: Bench, admin: Caller) -> None:
    begun = admin.post("/api/v1/cases", {"specification": "orders", "data": ORDER, "case_id": "bulk"})
    assert (begun.status_code, begun.json["errors"][0]["path"]) == (422, "$.case_id")
    entered = admin.post("/api/v1/resources/import", {"participants": [{"id": "export"}]})
    assert (entered.status_code, entered.json["errors"][0]["path"]) == (422, "$.participants[0].id")
    assert bench.parts.registry.participant("export") is None


@pytest.mark.parametrize("moment", ["0", "0.5", "1700000000", "2026-01-31"])
def test_a_number_is_no_moment(admin: Caller, moment: str) -> None:
    assert admin.get("/api/v1/cases", created_after=moment).status_code == 422
    assert admin.get("/api/v1/cases", created_after="2026-01-31T08:15:00Z").status_code == 200
