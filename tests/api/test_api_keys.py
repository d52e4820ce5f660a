"""API keys: made for a user, shown once, good for less than he may and never for more."""

from tests.api.bench import ORDER, Bench, Caller


def made(admin: Caller, user: str, **body: object) -> dict[str, str]:
    answered = admin.post(f"/api/v1/users/{user}/api-keys", body)
    assert answered.status_code == 201, answered.text
    assert answered.headers["Cache-Control"] == "no-store"
    return dict(answered.json)


def test_a_program_asks_in_the_name_of_its_user(bench: Bench, admin: Caller) -> None:
    admin.put("/api/v1/users/shop", {"access": ["service"]})
    shop = bench.anybody(made(admin, "shop", name="till 3")["key"])
    case_id = shop.start(case_id="from-the-shop")
    assert shop.get(f"/api/v1/cases/{case_id}").json["submitted_by"] == "shop"
    assert shop.post(f"/api/v1/cases/{case_id}/cancel").status_code == 403


def test_a_key_is_listed_without_its_secret_and_kept_without_it(bench: Bench, admin: Caller) -> None:
    key = made(admin, "admin", name="mine")
    [listed] = admin.get("/api/v1/users/admin/api-keys").json["items"]
    assert {**key, "key": None} == {**listed, "key": None}
    secret = key["key"].rpartition("_")[2]
    assert secret not in str(bench.parts.access.rights.api_keys("admin"))


def test_a_key_is_good_for_the_roles_it_was_made_for(bench: Bench, admin: Caller) -> None:
    narrow = bench.anybody(made(admin, "admin", access=["auditor"])["key"])
    assert narrow.get("/api/v1/cases").status_code == 200
    assert narrow.post("/api/v1/cases", {"specification": "orders", "data": ORDER}).status_code == 403


def test_a_key_grants_no_more_than_its_user_has(bench: Bench, admin: Caller) -> None:
    bench.user("eve", "participant")
    wide = bench.anybody(made(admin, "eve", access=["admin"])["key"])
    assert wide.get("/api/v1/work-items").status_code == 200
    assert wide.get("/api/v1/users").status_code == 403


def test_a_key_is_refused_once_it_is_removed_expired_or_its_user_gone(bench: Bench, admin: Caller) -> None:
    bench.user("eve", "auditor")
    removed, lasting = made(admin, "eve"), made(admin, "eve")
    assert admin.delete(f"/api/v1/users/eve/api-keys/{removed['id']}").status_code == 204
    assert bench.anybody(removed["key"]).get("/api/v1/cases").json["code"] == "token_invalid"
    assert bench.anybody(lasting["key"]).get("/api/v1/cases").status_code == 200
    admin.put("/api/v1/users/eve", {"access": ["auditor"], "disabled": True})
    assert bench.anybody(lasting["key"]).get("/api/v1/cases").json["code"] == "user_disabled"
    admin.delete("/api/v1/users/eve")
    bench.user("eve", "admin")
    assert bench.anybody(lasting["key"]).get("/api/v1/cases").json["code"] == "token_invalid"


def test_a_key_ends_when_it_is_said_to(bench: Bench, admin: Caller) -> None:
    # The clock of the tests stands in November 2023.
    assert admin.post("/api/v1/users/admin/api-keys", {"expires_at": "2023-01-01T00:00:00Z"}).status_code == 422
    key = made(admin, "admin", expires_at="2023-11-14T22:13:20.500Z")["key"]
    assert bench.anybody(key).get("/api/v1/cases").status_code == 200
    for _ in range(300):
        bench.parts.store.now()
    assert bench.anybody(key).get("/api/v1/cases").json["code"] == "token_expired"


def test_a_key_is_no_token_that_could_be_refreshed_or_revoked(bench: Bench, admin: Caller) -> None:
    key = bench.anybody(made(admin, "admin")["key"])
    assert key.post("/api/v1/auth/refresh").json["code"] == "token_invalid"
    assert key.post("/api/v1/auth/revoke").json["code"] == "api_key"


def test_somebody_elses_key_is_not_there(admin: Caller, bench: Bench) -> None:
    bench.user("eve", "auditor")
    key = made(admin, "admin")
    assert admin.delete(f"/api/v1/users/eve/api-keys/{key['id']}").json["code"] == "api_key_not_found"
    assert admin.get("/api/v1/users/nobody/api-keys").json["code"] == "user_not_found"


def test_half_a_key_or_another_secret_is_refused(bench: Bench, admin: Caller) -> None:
    key = made(admin, "admin")["key"]
    for wrong in (key[:-1], f"{key}x", key.rpartition("_")[0], "cwk_", f"cwk_{'x' * 300}_y", "cwk_é_x"):
        header = {"Authorization": f"Bearer {wrong}".encode().decode("latin-1")}
        assert bench.anybody().get_with("/api/v1/cases", header).status_code == 401, wrong
