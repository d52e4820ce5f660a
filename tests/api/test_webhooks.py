"""Webhooks over the API: entered, listed without secrets, and what could not be sent."""

from engine.store.happenings import Notice, Subject
from engine.store.webhooks import Delivery
from tests.api.bench import Bench, Caller

HOOKS = "/api/v1/webhooks"
SECRET = "a secret of more than 32 characters"
BODY = {"url": "https://billing.example/hook", "secret": SECRET, "events": ["case.*"]}


def test_a_webhook_is_entered_changed_and_removed(admin: Caller) -> None:
    made = admin.put(f"{HOOKS}/billing", BODY)
    assert (made.status_code, made.json["secret"]) == (201, None)
    assert admin.put(f"{HOOKS}/billing", {**BODY, "active": False}).status_code == 200
    [listed] = admin.get(HOOKS).json["items"]
    assert (listed["url"], listed["active"], listed["events"]) == (BODY["url"], False, ["case.*"])
    assert admin.delete(f"{HOOKS}/billing").status_code == 204
    assert admin.get(f"{HOOKS}/billing").json["code"] == "webhook_not_found"


def test_a_secret_is_shown_once_if_it_was_made_here_and_never_again(bench: Bench, admin: Caller) -> None:
    given = admin.put(f"{HOOKS}/billing", BODY)
    made = admin.put(f"{HOOKS}/other", {"url": BODY["url"]})
    assert SECRET not in given.text and len(made.json["secret"]) >= 32
    assert made.headers["Cache-Control"] == "no-store"
    kept = admin.put(f"{HOOKS}/other", {"url": BODY["url"]})
    assert kept.json["secret"] is None
    shown = admin.get(HOOKS).text + admin.get(f"{HOOKS}/other").text + bench.user("aud", "auditor").get(HOOKS).text
    assert made.json["secret"] not in shown and SECRET not in shown


def test_what_can_be_no_webhook_is_refused_with_where_it_is_wrong(admin: Caller) -> None:
    for changes, path in (
        ({"url": "ftp://x"}, "$.url"),
        ({"url": "https://user:password@x"}, "$.url"),
        ({"url": "https://"}, "$.url"),
        ({"secret": "short"}, "$.secret"),
        ({"events": ["case"]}, "$.events[0]"),
        ({"events": []}, "$.events"),
    ):
        answered = admin.put(f"{HOOKS}/billing", {**BODY, **changes})
        assert answered.status_code == 422 and answered.json["errors"][0]["path"] == path, answered.text
    assert admin.put(f"{HOOKS}/a,b", BODY).status_code == 422


def test_dead_deliveries_are_listed_and_sent_again(bench: Bench, admin: Caller) -> None:
    notice = Notice(Subject.ITEM, "c1:2", "c1", "failed", 1000, "orders", "1", "approve", "ann")
    delivery = Delivery("d1", "billing", notice, 12, 5000, "http_500: no")
    bench.parts.access.webhooks.add([delivery])
    bench.parts.access.webhooks.bury(delivery)
    [dead] = admin.get("/api/v1/webhook-deliveries/dead").json["items"]
    assert (dead["id"], dead["event"], dead["item_id"], dead["error"]) == ("d1", "item.failed", "c1:2", "http_500: no")
    assert admin.post("/api/v1/webhook-deliveries/d1/retry").status_code == 204
    assert admin.post("/api/v1/webhook-deliveries/d1/retry").json["code"] == "delivery_not_found"
