"""An Idempotency-Key makes every POST one that can be sent again."""

from threading import Event, Thread
from typing import Any

import pytest

from api.app import NOUNS
from api.routes import Repeats
from tests.api.bench import ORDER, Bench, Caller
from tests.api.route_table import routes

KEY = {"Idempotency-Key": "k-1"}

NOT_NEEDED = {
    "/api/v1/auth/token",
    "/api/v1/auth/refresh",
    "/api/v1/auth/revoke",
    "/api/v1/callbacks/<token>",
}
BY_ITSELF = {
    "/api/v1/cases",
    "/api/v1/cases/<case_id>/cancel",
    "/api/v1/cases/<case_id>/suspend",
    "/api/v1/cases/<case_id>/resume",
    "/api/v1/cases/<case_id>/retry",
    "/api/v1/cases/<case_id>/events",
    "/api/v1/cases/<case_id>/data",
    "/api/v1/cases/<case_id>/exceptions",
    "/api/v1/shared/specifications/<identifier>",
    "/api/v1/shared/folders/<folder>",
    "/api/v1/shared/cases/<case_id>",
    "/api/v1/work-items/<item_id>/complete",
}


def test_every_post_honours_its_key_in_one_of_the_ways(bench: Bench) -> None:
    repeats = {endpoint: each for noun in NOUNS for endpoint, each in noun.repeats.items()}
    posts = [route for route in routes(bench.app) if route.method == "POST"]
    assert {route.rule for route in posts if repeats[route.endpoint] is Repeats.NOT_NEEDED} == NOT_NEEDED
    assert {route.rule for route in posts if repeats[route.endpoint] is Repeats.BY_ITSELF} == BY_ITSELF
    assert all(route.endpoint in repeats for route in posts)


@pytest.fixture
def offered(bench: Bench, admin: Caller, ann: Caller, bob: Caller) -> str:
    """An item that is offered to Ann and Bob."""
    admin.start(case_id="c1")
    bench.drain()
    return "/api/v1/work-items/c1:1"


def test_a_claim_sent_again_is_answered_as_it_was(offered: str, ann: Caller) -> None:
    first = ann.post(f"{offered}/claim", headers=KEY)
    ann.post(f"{offered}/start")
    again = ann.post(f"{offered}/claim", headers=KEY)
    assert (again.status_code, again.json) == (200, first.json)
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert ann.post(f"{offered}/claim").status_code == 409


def test_another_body_under_the_same_key_is_refused(offered: str, admin: Caller) -> None:
    assert admin.post(f"{offered}/allocate", {"resource_id": "ann"}, KEY).status_code == 200
    answered = admin.post(f"{offered}/allocate", {"resource_id": "bob"}, KEY)
    assert (answered.status_code, answered.json["code"]) == (422, "idempotency_key_reused")


def test_a_key_is_that_of_one_user_and_of_one_route(offered: str, ann: Caller, bob: Caller) -> None:
    assert ann.post(f"{offered}/claim", headers=KEY).status_code == 200
    assert bob.post(f"{offered}/claim", headers=KEY).status_code == 409
    assert ann.post(f"{offered}/start", headers=KEY).json["state"] == "started"


def test_what_was_refused_can_be_tried_again_with_its_key(offered: str, admin: Caller, ann: Caller) -> None:
    assert ann.post(f"{offered}/pile", headers=KEY).status_code == 403
    assert admin.post(f"{offered}/allocate", {"resource_id": "nobody"}, KEY).status_code == 422
    assert admin.post(f"{offered}/allocate", {"resource_id": "ann"}, KEY).status_code == 200


def test_many_cases_are_begun_once(bench: Bench, admin: Caller) -> None:
    body = {"items": [{"specification": "orders", "data": ORDER}] * 3}
    first = admin.post("/api/v1/cases/bulk", body, KEY)
    again = admin.post("/api/v1/cases/bulk", body, KEY)
    assert (again.status_code, again.json) == (202, first.json)
    assert len(admin.get("/api/v1/cases").json["items"]) == 3


def test_a_secret_that_is_shown_once_is_not_shown_again(bench: Bench, admin: Caller) -> None:
    made = admin.post("/api/v1/users/admin/api-keys", {"name": "x"}, KEY)
    again = admin.post("/api/v1/users/admin/api-keys", {"name": "x"}, KEY)
    assert made.status_code == 201
    assert (again.status_code, again.json["code"]) == (409, "answer_not_kept")
    assert len(bench.parts.access.rights.api_keys("admin")) == 1


def test_while_the_first_is_under_way_the_second_is_told_so(
    bench: Bench, admin: Caller, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, go_on = Event(), Event()
    real = bench.parts.worklist.allocate

    def slow(*args: Any) -> Any:
        under_way.set()
        assert go_on.wait(10)
        return real(*args)

    monkeypatch.setattr(type(bench.parts.worklist), "allocate", lambda _, *args: slow(*args))
    answers: list[int] = []

    def allocate() -> None:
        answers.append(bench.admin.post(f"{offered}/allocate", {"resource_id": "ann"}, KEY).status_code)

    first = Thread(target=allocate)
    first.start()
    assert under_way.wait(10)
    second = admin.post(f"{offered}/allocate", {"resource_id": "ann"}, KEY)
    go_on.set()
    first.join(10)
    assert (second.status_code, second.json["code"], answers) == (409, "request_in_progress", [200])


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
def test_a_key_of_another_shape_is_refused(offered: str, ann: Caller, key: str) -> None:
    answered = ann.post(f"{offered}/claim", headers={"Idempotency-Key": key})
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_idempotency_key")
