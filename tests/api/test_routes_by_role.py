"""Every route, from the application's own map, with each role and with every kind of token that is not good."""

import re

import pytest

from api.permissions import BY_DEFAULT, Access, Door, Permission
from tests.api.bench import Bench
from tests.api.route_table import PAGE, Route, may, routes, written
from tests.api.tokens import not_good


def address(route: Route) -> str:
    return re.sub(r"<[^>]+>", "x", route.rule)


@pytest.mark.parametrize("role", [role.value for role in Access])
def test_each_role_gets_past_the_guards_of_its_routes_and_of_no_others(bench: Bench, role: str) -> None:
    # Somebody else than who may not change himself; what is sent is not even JSON, so nothing is done.
    caller = bench.user("eve", role)
    for route in routes(bench.app):
        if not isinstance(route.guard, Permission):
            continue
        answered = caller.send(route.method, address(route), b"not JSON", "text/plain")
        refused = answered.status_code == 403 and answered.json["code"] == "permission_missing"
        assert refused is not may(role, route.guard), (route, answered.status_code, answered.text)


def test_every_route_that_is_not_public_refuses_every_token_that_is_not_good(bench: Bench) -> None:
    guarded = [route for route in routes(bench.app) if route.guard is not Door.PUBLIC]
    assert len(guarded) > 80
    for kind, (token, code) in not_good(bench).items():
        caller = bench.anybody(token or None)
        for route in guarded:
            answered = caller.send(route.method, address(route), b"{}", "application/json")
            assert answered.status_code == 401, (kind, route, answered.text)
            expected = {code} if route.guard is not Door.REFRESH_TOKEN else {code, "token_invalid"}
            assert answered.json["code"] in expected, (kind, route, answered.text)


def test_a_refresh_token_opens_nothing_but_its_own_doors(bench: Bench) -> None:
    refresher = bench.anybody(bench.token("admin", "admin", refresh=True))
    for route in routes(bench.app):
        if route.guard in (Door.PUBLIC, Door.REFRESH_TOKEN, Door.ANY_TOKEN):
            continue
        answered = refresher.send(route.method, address(route), b"{}", "application/json")
        assert (answered.status_code, answered.json["code"]) == (401, "token_invalid"), route


def test_a_role_that_grants_nothing_gets_past_no_guard(bench: Bench) -> None:
    bench.admin.put("/api/v1/access-roles/nothing", {"permissions": []})
    nobody = bench.user("eve", "nothing")
    for route in routes(bench.app):
        if isinstance(route.guard, Permission):
            answered = nobody.send(route.method, address(route), b"{}", "application/json")
            assert answered.status_code == 403, route


def test_the_administrator_may_everything() -> None:
    assert BY_DEFAULT["admin"] == frozenset(Permission)


def test_the_page_shows_the_table_as_it_is(bench: Bench) -> None:
    page = PAGE.read_text()
    assert written(page, bench.app) == page, "run `make route-table`"
