"""Access roles: what they grant can be changed, and counts at once."""

from tests.api.bench import Bench, Caller

ROLES = "/api/v1/access-roles"


def test_the_six_roles_are_there_by_default(admin: Caller) -> None:
    listed = admin.get(ROLES).json["items"]
    assert [role["role"] for role in listed] == ["admin", "auditor", "designer", "operator", "participant", "service"]
    assert all(role["built_in"] and not role["changed"] for role in listed)
    assert listed[5]["permissions"] == ["cases:read", "cases:signal", "cases:start"]


def test_a_role_that_is_changed_grants_something_else_from_the_next_request_on(bench: Bench, admin: Caller) -> None:
    auditor = bench.user("eve", "auditor")
    assert auditor.get("/api/v1/cases").status_code == 200
    changed = admin.put(f"{ROLES}/auditor", {"permissions": ["audit:read", "users:read"]})
    assert (changed.status_code, changed.json["changed"]) == (200, True)
    assert auditor.get("/api/v1/cases").status_code == 403
    assert auditor.get("/api/v1/audit").status_code == 200
    assert admin.delete(f"{ROLES}/auditor").status_code == 204
    assert auditor.get("/api/v1/cases").status_code == 200


def test_a_role_of_ones_own_is_made_given_and_removed(bench: Bench, admin: Caller) -> None:
    assert admin.put(f"{ROLES}/watcher", {"permissions": ["cases:read"]}).status_code == 201
    assert admin.put("/api/v1/users/eve", {"access": ["watcher"]}).status_code == 201
    eve = bench.anybody(bench.token("eve", "watcher"))
    assert (eve.get("/api/v1/cases").status_code, eve.get("/api/v1/users").status_code) == (200, 403)
    assert admin.delete(f"{ROLES}/watcher").status_code == 204
    assert eve.get("/api/v1/cases").status_code == 403
    assert admin.get(f"{ROLES}/watcher").json["code"] == "role_not_found"


def test_nobody_is_given_a_role_that_is_not_there(admin: Caller) -> None:
    answered = admin.put("/api/v1/users/eve", {"access": ["auditor", "wizard"]})
    assert (answered.status_code, answered.json["code"]) == (422, "unknown_role")
    assert answered.json["errors"][0]["path"] == "$.access[1]"


def test_what_the_administrator_may_cannot_be_changed(admin: Caller) -> None:
    answered = admin.put(f"{ROLES}/admin", {"permissions": []})
    assert (answered.status_code, answered.json["code"]) == (409, "role_fixed")


def test_a_permission_that_is_none_is_refused(admin: Caller) -> None:
    assert admin.put(f"{ROLES}/watcher", {"permissions": ["cases:eat"]}).status_code == 422
