"""Outcomes that come later: who answers `Later`, who learns the URL, and what a callback says."""

import base64
import hmac
import json
from typing import Any

import pytest

from connectors.callbacks import Callbacks, item_of, key_of, token
from connectors.echo import EchoConnector
from connectors.http import HttpConnector
from connectors.port import Connector, Failed, Inbound, InboundRefused, Later
from connectors.registry import Registry
from connectors.secrets import Secrets
from connectors.webhook import WebhookConnector
from tests.connectors.calls import call_request, failure_of, later_of, output_of
from tests.connectors.local_server import LocalServer, reply, reply_json

KEY = key_of("k" * 32)
TOKEN = token(KEY, "order-1:7")
URL = f"https://cases.example/api/v1/callbacks/{TOKEN}"
SIGNED = {"key": {"secret": "HOOK"}}
ASKING = {"method": "POST", "body": {"id": 5, "reply_to": {"callback": "url"}}, "callback": True}


def registry(public_url: str | None = "https://cases.example", http: HttpConnector | None = None) -> Registry:
    secrets = Secrets({"CASEWRIGHT_SECRET_HOOK": "open-sesame"})
    connectors: list[Connector] = [WebhookConnector(), EchoConnector(), *([http] if http else [])]
    return Registry(connectors, secrets, Callbacks((KEY,), public_url))


def inbound(value: Any, content_type: str = "application/json", **headers: str) -> Inbound:
    return Inbound({"content-type": content_type, **headers}, json.dumps(value).encode())


def signature(body: bytes, algorithm: str = "sha256", key: bytes = b"open-sesame") -> str:
    return f"{algorithm}={hmac.digest(key, body, algorithm).hex()}"


def test_a_webhook_waits_under_the_token_of_its_item() -> None:
    later = later_of(registry().begin(call_request("webhook", {"wait_s": 3600})))
    assert later == Later(TOKEN, 3600)
    assert item_of([KEY], later.token) == "order-1:7"


def test_a_webhook_waits_as_long_as_its_task_unless_it_says_otherwise() -> None:
    assert later_of(registry(None).begin(call_request("webhook", {}))) == Later(TOKEN, None)


def test_every_attempt_has_the_same_token() -> None:
    answers = [registry().begin(call_request("webhook", {}, attempt=attempt)) for attempt in (1, 2)]
    assert answers[0] == answers[1]


def test_who_cannot_wait_is_told_so() -> None:
    for answer in (
        registry().call(call_request("webhook", {})),
        Registry([WebhookConnector()]).begin(call_request("webhook", {})),
    ):
        failure = failure_of(answer)
        assert (failure.kind, failure.retryable) == ("refused", False)


def test_a_request_that_expects_a_callback_tells_where_to(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply_json({"job": 9}, status=202)
    answer = registry(http=http).begin(call_request("http", {"url": server.url, "wait_s": 60, **ASKING}))
    assert answer == Later(TOKEN, 60)
    assert json.loads(server.last.body) == {"id": 5, "reply_to": URL}


def test_a_request_that_fails_waits_for_nothing(http: HttpConnector, server: LocalServer) -> None:
    server.answer = lambda handler: reply(503, server.last.body)(handler)
    failure = failure_of(registry(http=http).begin(call_request("http", {"url": server.url, **ASKING})))
    assert failure.kind == "http_503"
    assert TOKEN not in failure.message
    assert "callbacks/***" in failure.message


@pytest.mark.parametrize("public_url", [None, "https://cases.example"])
def test_nothing_is_sent_where_no_callback_could_arrive(
    http: HttpConnector, server: LocalServer, public_url: str | None
) -> None:
    request = call_request("http", {"url": server.url, **ASKING})
    calls = registry(public_url, http)
    answer = calls.begin(request) if public_url is None else calls.call(request)
    assert (failure_of(answer).kind, failure_of(answer).retryable, server.received) == ("refused", False, [])


def test_another_task_of_the_case_may_send_the_url(http: HttpConnector, server: LocalServer) -> None:
    body = {"method": "POST", "body": {"pay_back": {"callback": {"item": "order-1:9"}}}}
    output_of(registry(http=http).begin(call_request("http", {"url": server.url, **body})))
    assert json.loads(server.last.body)["pay_back"].rpartition("/")[2] == token(KEY, "order-1:9")


def test_a_url_of_another_case_is_given_to_nobody(http: HttpConnector, server: LocalServer) -> None:
    body = {"method": "POST", "body": {"callback": {"item": "order-2:1"}}}
    failure = failure_of(registry(http=http).begin(call_request("http", {"url": server.url, **body})))
    assert (failure.kind, server.received) == ("refused", [])


def test_a_config_that_waits_and_tells_nobody_is_a_problem() -> None:
    [problem] = HttpConnector().check_config({"url": "https://a.example", "callback": True})
    assert problem.path == ("callback",)
    assert HttpConnector().check_config({"url": "https://a.example", **ASKING, "wait_s": 5, "signature": SIGNED}) == []


@pytest.mark.parametrize("key", ["wait_s", "signature"])
def test_what_belongs_to_a_callback_needs_one(key: str) -> None:
    config = {"url": "https://a.example", key: {"wait_s": 5, "signature": SIGNED}[key]}
    [problem] = HttpConnector().check_config(config)
    assert (problem.path, problem.message) == ((key,), "needs callback: true")


@pytest.mark.parametrize("connector", ["webhook", "http"])
def test_the_body_of_a_callback_is_the_output(connector: str, http: HttpConnector) -> None:
    config = {} if connector == "webhook" else {"url": "https://a.example", **ASKING}
    came = inbound({"paid": True}, authorization="Bearer x", cookie="a=b")
    output = output_of(registry(http=http).receive(call_request(connector, config), came))
    assert output == {"headers": {"content-type": "application/json"}, "body": {"paid": True}}


def test_a_callback_may_be_xml_or_nothing() -> None:
    request = call_request("webhook", {})
    came = Inbound({"content-type": "application/xml"}, b"<paid>yes</paid>")
    assert output_of(registry().receive(request, came))["body"] == {"paid": "yes"}
    assert output_of(registry().receive(request, Inbound({}, b"")))["body"] == ""


def test_a_callback_that_is_no_json_is_a_bad_response() -> None:
    came = Inbound({"content-type": "application/json"}, b"{")
    assert failure_of(registry().receive(call_request("webhook", {}), came)).kind == "bad_response"


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ({"status": 503, "title": "Busy", "detail": "later"}, ("http_503", True, "Busy: later")),
        ({"status": 422, "title": "No"}, ("http_422", False, "No")),
        ({"status": 200}, ("http_500", True, "failed")),
        ({"status": "x"}, ("http_500", True, "failed")),
        ([], ("http_500", True, "failed")),
    ],
)
def test_a_problem_says_that_the_call_has_failed(problem: Any, expected: tuple[str, bool, str]) -> None:
    came = inbound(problem, "application/problem+json; charset=utf-8")
    failure = failure_of(registry().receive(call_request("webhook", {}), came))
    assert (failure.kind, failure.retryable) == expected[:2]
    assert failure.message.endswith(expected[2])


def test_a_signed_body_counts() -> None:
    body = json.dumps({"paid": True}).encode()
    came = Inbound({"X-Hub-Signature-256": signature(body), "Content-Type": "application/json"}, body)
    output = output_of(registry().receive(call_request("webhook", {"signature": SIGNED}), came))
    assert output["body"] == {"paid": True}


def test_a_sender_may_sign_in_its_own_way() -> None:
    body = b"paid"
    digest = base64.b64encode(hmac.digest(b"open-sesame", body, "sha512")).decode()
    own = {**SIGNED, "header": "X-Shop-Hmac", "algorithm": "sha512", "encoding": "base64", "prefix": ""}
    came = Inbound({"x-shop-hmac": digest}, body)
    assert output_of(registry().receive(call_request("webhook", {"signature": own}), came))["body"] == "paid"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": signature(b"other")},
        {"x-hub-signature-256": signature(b"paid", key=b"guess")},
        {"x-hub-signature-256": signature(b"paid").removeprefix("sha256=")},
        {"x-hub-signature-256": "é"},
        {"x-signature": signature(b"paid")},
    ],
)
def test_a_body_that_is_not_signed_does_not_count(headers: dict[str, str]) -> None:
    with pytest.raises(InboundRefused, match="X-Hub-Signature-256"):
        registry().receive(call_request("webhook", {"signature": SIGNED}), Inbound(headers, b"paid"))


def test_a_missing_key_is_a_failure_and_no_open_door() -> None:
    config = {"signature": {"key": {"secret": "ABSENT"}}}
    answer = registry().receive(call_request("webhook", config), Inbound({}, b"paid"))
    assert isinstance(answer, Failed)
    assert answer.kind == "secret_missing"


def test_who_waits_for_nothing_takes_no_callback() -> None:
    failure = failure_of(registry().receive(call_request("echo", {}), inbound({})))
    assert (failure.kind, failure.message) == ("refused", "echo waits for no callback")
    assert failure_of(registry().receive(call_request("fax", {}), inbound({}))).kind == "unknown_connector"


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"wait_s": 0}, ("wait_s",)),
        ({"wait_s": 1e9}, ("wait_s",)),
        ({"signature": {}}, ("signature",)),
        ({"signature": {"key": "s", "algorithm": "md5"}}, ("signature", "algorithm")),
        ({"signature": {"key": "s", "header": "a b"}}, ("signature", "header")),
    ],
)
def test_a_wrong_config_is_a_problem_at_its_place(config: dict[str, Any], path: tuple[str, ...]) -> None:
    assert [problem.path for problem in WebhookConnector().check_config(config)] == [path]
    assert failure_of(registry().begin(call_request("webhook", config))).kind == "bad_config"
