"""Permissions: every route is guarded or public on purpose, and each role grants what its table says."""

import re

import pytest

from api.app import NOUNS
from api.permissions import GRANTED_TO, Access, Door, Guard, Permission
from tests.api.bench import Bench, Caller

PUBLIC = {
    "GET /api/v1/openapi.json",
    "GET /api/v1/schemas/specification",
    "GET /api/docs",
    "GET /api/docs/<path:name>",
    "GET /health/live",
    "GET /health/ready",
    "POST /api/v1/auth/token",
    "POST /api/v1/callbacks/<token>",
}

Route = tuple[str, str, str]


def routes(bench: Bench) -> list[Route]:
    """Every route as method, rule and endpoint."""
    return [
        (method, rule.rule, rule.endpoint)
        for rule in bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def guards() -> dict[str, Guard]:
    return {endpoint: guard for noun in NOUNS for endpoint, guard in noun.guards.items()}


def path_of(rule: str) -> str:
    return re.sub(r"<[^>]+>", "x", rule)


def test_every_route_has_a_guard_and_the_public_ones_are_known(bench: Bench) -> None:
    found = {f"{method} {rule}": guards()[endpoint] for method, rule, endpoint in routes(bench)}
    assert {route for route, guard in found.items() if guard is Door.PUBLIC} == PUBLIC
    assert len(found) > 35


def test_every_route_that_is_not_public_refuses_who_shows_no_token(bench: Bench) -> None:
    for method, rule, _ in routes(bench):
        if f"{method} {rule}" not in PUBLIC:
            answered = bench.anybody().send(method, path_of(rule), b"{}", "application/json")
            assert (answered.status_code, answered.json["code"]) == (401, "token_missing"), (method, rule)


def test_every_route_that_needs_a_permission_refuses_who_has_none(bench: Bench) -> None:
    nobody = bench.user("nobody")
    guarded = [route for route in routes(bench) if isinstance(guards()[route[2]], Permission)]
    for method, rule, _ in guarded:
        answered = nobody.send(method, path_of(rule), b"not even JSON", "text/plain")
        assert (answered.status_code, answered.json["code"]) == (403, "permission_missing"), (method, rule)


def test_a_route_without_a_guard_is_not_served(bench: Bench) -> None:
    bench.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answered = bench.admin.get("/forgotten")
    assert (answered.status_code, answered.json["code"]) == (403, "route_not_guarded")


def test_every_permission_is_granted_to_the_administrator() -> None:
    assert set(GRANTED_TO) == set(Permission)
    assert all(Access.ADMIN in roles for roles in GRANTED_TO.values())


def test_an_auditor_changes_nothing() -> None:
    granted = {permission for permission, roles in GRANTED_TO.items() if Access.AUDITOR in roles}
    assert granted == {p for p in Permission if p.value.endswith((":read", ":see-all"))}


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        ("admin", {"cases", "specifications", "users", "resources", "work-items"}),
        ("operator", {"cases", "specifications", "resources", "work-items"}),
        ("designer", {"specifications", "resources"}),
        ("participant", {"work-items"}),
        ("service", {"cases"}),
        ("auditor", {"cases", "specifications", "users", "resources", "work-items"}),
    ],
)
def test_each_role_lists_what_it_may_see(bench: Bench, access: str, allowed: set[str]) -> None:
    caller = bench.user("eve", access)
    nouns = ("cases", "specifications", "users", "resources", "work-items")
    assert {noun for noun in nouns if caller.get(f"/api/v1/{noun}").status_code == 200} == allowed


def test_a_service_starts_a_case_and_reads_it_and_may_not_cancel_it(bench: Bench, admin: Caller) -> None:
    service = bench.user("shop", "service")
    case_id = service.start()
    assert service.get(f"/api/v1/cases/{case_id}").json["submitted_by"] == "shop"
    assert service.post(f"/api/v1/cases/{case_id}/cancel").status_code == 403


def test_the_methods_of_a_route_are_told_to_anybody(bench: Bench) -> None:
    answered = bench.anybody().send("OPTIONS", "/api/v1/cases", b"", None)
    assert answered.status_code == 200
    assert set(answered.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
