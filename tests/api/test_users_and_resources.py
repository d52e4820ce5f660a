"""Users and participants over HTTP."""

import pytest

from api.passwords import matches
from engine.resources.organisation import Participant
from tests.api.bench import Bench, Caller


def test_a_user_is_entered_changed_and_removed(bench: Bench, admin: Caller) -> None:
    made = admin.put("/api/v1/users/eve", {"access": ["operator", "auditor"], "password": "correct horse"})
    assert (made.status_code, made.json) == (
        201,
        {
            "username": "eve",
            "access": ["auditor", "operator"],
            "resource_id": "eve",
            "disabled": False,
            "has_password": True,
            "specifications": None,
        },
    )
    changed = admin.put("/api/v1/users/eve", {"access": [], "resource_id": "clerk-7", "disabled": True})
    assert (changed.status_code, changed.json["resource_id"], changed.json["disabled"]) == (200, "clerk-7", True)
    assert admin.delete("/api/v1/users/eve").status_code == 204
    assert admin.get("/api/v1/users/eve").json["code"] == "user_not_found"
    assert admin.delete("/api/v1/users/eve").status_code == 404


def test_a_password_that_is_not_sent_stays_and_is_never_shown(bench: Bench, admin: Caller) -> None:
    admin.put("/api/v1/users/eve", {"access": [], "password": "correct horse"})
    shown = admin.put("/api/v1/users/eve", {"access": ["auditor"]})
    user = bench.parts.registry.user("eve")
    assert user is not None and matches("correct horse", user.password_hash)
    assert "scrypt" not in shown.text + admin.get("/api/v1/users").text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.access"),
        ({"access": ["king"]}, "$.access[0]"),
        ({"access": "admin"}, "$.access"),
        ({"access": [], "password": "short"}, "$.password"),
        ({"access": [], "resource_id": "a,b"}, "$.resource_id"),
        ({"access": [], "disabled": "no"}, "$.disabled"),
        ({"access": [], "name": "Eve"}, "$.name"),
    ],
)
def test_a_user_of_another_shape_is_refused(admin: Caller, body: object, path: str) -> None:
    answered = admin.put("/api/v1/users/eve", body)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == [path]


@pytest.mark.parametrize("name", ["a b", "a,b", "é", "x" * 129, ".", "*", "a:b"])
@pytest.mark.parametrize("noun", ["users", "resources"])
def test_a_name_that_could_be_mistaken_is_refused(admin: Caller, noun: str, name: str) -> None:
    answered = admin.put(f"/api/v1/{noun}/{name}", {"access": []} if noun == "users" else {})
    assert answered.status_code in (404, 422)
    assert answered.json["code"] in ("invalid_name", "route_not_found")


def test_a_user_sees_himself_and_nobody_else(bench: Bench, ann: Caller, bob: Caller) -> None:
    assert ann.get("/api/v1/users/ann").json["access"] == ["participant"]
    assert ann.get("/api/v1/users/bob").status_code == 403
    assert ann.get("/api/v1/users/nobody").status_code == 403
    assert ann.get("/api/v1/resources/ann").json["roles"] == ["clerk"]
    assert ann.get("/api/v1/resources/bob").status_code == 403


def test_an_administrator_cannot_lock_himself_out(admin: Caller) -> None:
    for body in ({"access": ["operator"]}, {"access": ["admin"], "disabled": True}):
        assert admin.put("/api/v1/users/admin", body).json["code"] == "own_user"
    assert admin.delete("/api/v1/users/admin").status_code == 409
    assert admin.put("/api/v1/users/admin", {"access": ["admin"], "resource_id": "boss"}).status_code == 200


def test_a_participant_is_entered_changed_and_removed(admin: Caller) -> None:
    person = {"id": "eve", "name": "Eve", "roles": ["clerk", "clerk", "picker"], "capabilities": ["forklift"]}
    made = admin.put("/api/v1/resources/eve", person)
    assert (made.status_code, made.json["roles"], made.json["available"]) == (201, ["clerk", "picker"], True)
    changed = admin.put("/api/v1/resources/eve", {"available": False})
    assert (changed.status_code, changed.json["roles"], changed.json["available"]) == (200, [], False)
    assert admin.get("/api/v1/resources/eve").json == changed.json
    assert admin.delete("/api/v1/resources/eve").status_code == 204
    assert admin.get("/api/v1/resources/eve").json["code"] == "resource_not_found"


@pytest.mark.parametrize(
    ("body", "path"),
    [({"id": "bob"}, "$.id"), ({"roles": "clerk"}, "$.roles"), ({"roles": [""]}, "$.roles[0]"), ({"x": 1}, "$.x")],
)
def test_a_participant_of_another_shape_is_refused(admin: Caller, body: object, path: str) -> None:
    answered = admin.put("/api/v1/resources/eve", body)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == [path]


@pytest.mark.parametrize("noun", ["users", "resources"])
def test_users_and_participants_are_listed_page_by_page(bench: Bench, admin: Caller, noun: str) -> None:
    for number in range(4):
        bench.user(f"u{number}")
    first = admin.get(f"/api/v1/{noun}", limit=3).json
    second = admin.get(f"/api/v1/{noun}", limit=3, cursor=first["next"]).json
    shown = [each.get("username", each.get("id")) for each in first["items"] + second["items"]]
    assert shown == ["admin", "u0", "u1", "u2", "u3"]
    assert second["next"] is None
    assert admin.get(f"/api/v1/{noun}", cursor="!").json["code"] == "invalid_cursor"


def test_a_participant_who_is_entered_gets_the_next_offer(bench: Bench, admin: Caller) -> None:
    admin.put("/api/v1/resources/eve", {"roles": ["clerk"]})
    admin.start(case_id="c1")
    bench.drain()
    assert admin.get("/api/v1/work-items/c1:1").json["offered_to"] == ["eve"]
    assert Participant("eve", roles=("clerk",)) in bench.parts.registry.participants()
