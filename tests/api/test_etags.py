"""ETags: nothing is sent that is known, and nothing is changed that is not as it was shown."""

import pytest

from tests.api.bench import Bench, Caller

EVE = "/api/v1/users/eve"
BODY = {"access": ["auditor"]}


def test_what_is_known_is_not_sent_again(admin: Caller) -> None:
    admin.put(EVE, BODY)
    shown = admin.get(EVE)
    again = admin.get_with(EVE, {"If-None-Match": shown.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
    assert again.headers["ETag"] == shown.headers["ETag"] and again.headers["X-Correlation-Id"]
    admin.put(EVE, {"access": ["operator"]})
    assert admin.get_with(EVE, {"If-None-Match": shown.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/cases", "/specifications/orders/1", "/specifications/orders/1/picture.svg", "/openapi.json", "/access-roles"],
)
def test_whatever_is_shown_has_a_tag(admin: Caller, path: str) -> None:
    tag = admin.get(f"/api/v1{path}").headers["ETag"]
    assert admin.get_with(f"/api/v1{path}", {"If-None-Match": tag}).status_code == 304


def test_a_change_of_what_was_shown_is_made_and_of_anything_else_refused(admin: Caller) -> None:
    admin.put(EVE, BODY)
    tag = admin.get(EVE).headers["ETag"]
    assert admin.put(EVE, {"access": ["operator"]}, {"If-Match": tag}).status_code == 200
    late = admin.put(EVE, {"access": ["designer"]}, {"If-Match": tag})
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")
    assert admin.get(EVE).json["access"] == ["operator"]
    assert admin.delete(EVE, {"If-Match": tag}).status_code == 412
    assert admin.delete(EVE, {"If-Match": "*"}).status_code == 204


def test_what_is_not_there_is_not_as_it_was_shown(admin: Caller) -> None:
    assert admin.put(EVE, BODY, {"If-Match": '"x"'}).status_code == 412
    assert admin.get(EVE).status_code == 404


def test_an_item_is_edited_as_it_was_shown(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    bench.drain()
    path = "/api/v1/work-items/c1:1"
    tag = admin.get(path).headers["ETag"]
    edited = bench.app.test_client().patch(
        path,
        json={"priority": 3},
        headers={"Authorization": f"Bearer {bench.token('admin', 'admin')}", "If-Match": tag},
    )
    assert edited.status_code == 200
    again = bench.app.test_client().patch(
        path,
        json={"priority": 4},
        headers={"Authorization": f"Bearer {bench.token('admin', 'admin')}", "If-Match": tag},
    )
    assert again.status_code == 412


def test_an_address_is_free_again_after_a_refused_change(admin: Caller) -> None:
    assert admin.put(EVE, {"access": ["wizard"]}).status_code == 422
    assert admin.put(EVE, {"nonsense": 1}).status_code == 422
    assert admin.put(EVE, BODY).status_code == 201


def test_who_may_not_change_it_is_not_told_what_it_is(bench: Bench, ann: Caller) -> None:
    assert ann.put(EVE, BODY, {"If-Match": '"x"'}).status_code == 403
