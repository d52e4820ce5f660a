"""What the installation says of an http connector: where it goes, as whom, how long, and how much."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.guard import Guard
from connectors.http import HttpConnector
from connectors.http_config import joined
from connectors.port import Answer
from connectors.registry import Registry
from connectors.secrets import Secrets
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_proxy import LocalProxy
from tests.connectors.local_server import LocalServer, drip, reply
from tests.connectors.test_http_failures import full_queue

BASE = "https://stock.example/api/v1"


def called(settings: dict[str, Any], guard: Guard | None = None, **config: Any) -> Answer:
    secrets = Secrets({"CASEWRIGHT_SECRET_TOKEN": "open-sesame"})
    connector = HttpConnector("stock", settings, secrets.resolve, guard)
    try:
        return Registry([connector], secrets).call(call_request("stock", config))
    finally:
        connector.close()


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("", BASE),
        ("items/7", f"{BASE}/items/7"),
        ("/items/7?a=b", f"{BASE}/items/7?a=b"),
        ("?a=b", f"{BASE}?a=b"),
        (f"{BASE}/items", f"{BASE}/items"),
        ("https://stock.example:443/api/v1/a", "https://stock.example:443/api/v1/a"),
        ("//evil.example/a", f"{BASE}/evil.example/a"),
        ("items/a%2Fb", f"{BASE}/items/a%2Fb"),
        ("https://stock.example/api/v10", None),
        ("https://stock.example/other", None),
        ("https://stock.example/api/v1/../v2", None),
        ("http://stock.example/api/v1/a", None),
        ("https://stock.example:8443/api/v1/a", None),
        ("https://evil.example/api/v1/a", None),
        ("https://me@stock.example/api/v1/a", None),
        ("items/../../admin", None),
        ("items/%2e%2e/admin", None),
        ("items/%252e%252e/admin", None),
        ("items/..%2fadmin", None),
        ("items/./a", None),
    ],
)
def test_a_url_stays_under_the_base(url: str, whole: str | None) -> None:
    assert joined(BASE, url) == whole


def test_a_url_that_leads_away_is_a_problem_when_deployed_and_when_called() -> None:
    connector = HttpConnector("stock", {"base_url": BASE})
    [problem] = connector.check_config({"url": "https://evil.example/"})
    assert (problem.path, problem.message) == (("url",), f"leads away from {BASE}")
    assert connector.check_config({"url": "items/{{ id }}"}) == []
    assert failure_of(connector.call(call_request("stock", {"url": "items/../.."}))).kind == "bad_config"


def test_every_call_is_sent_with_what_the_settings_say(server: LocalServer) -> None:
    settings = {
        "base_url": f"{server.url}/api/",
        "auth": {"bearer": {"secret": "TOKEN"}},
        "headers": {"X-Shop": "north", "X-Other": "a"},
    }
    assert output_of(called(settings, url="/items", headers={"x-other": "b"}))["status"] == 200
    sent = server.last
    assert (sent.path, sent.headers["authorization"]) == ("/api/items", "Bearer open-sesame")
    assert (sent.headers["x-shop"], sent.headers["x-other"]) == ("north", "b")


def test_a_task_may_bring_its_own_credentials(server: LocalServer) -> None:
    settings = {"base_url": server.url, "auth": {"bearer": {"secret": "TOKEN"}}}
    output_of(called(settings, auth={"bearer": "mine"}))
    assert server.last.headers["authorization"] == "Bearer mine"


def test_a_secret_of_the_settings_that_is_missing_is_said(server: LocalServer) -> None:
    failure = failure_of(called({"base_url": server.url, "auth": {"bearer": {"secret": "ABSENT"}}}))
    assert (failure.kind, failure.retryable) == ("secret_missing", False)
    assert "ABSENT" in failure.message


def test_a_secret_of_the_settings_is_in_no_message(server: LocalServer) -> None:
    server.answer = reply(500, b"not open-sesame")
    failure = failure_of(called({"base_url": server.url, "auth": {"bearer": {"secret": "TOKEN"}}}))
    assert failure.message.endswith("not ***")


@pytest.mark.parametrize("key", ["auth", "headers"])
def test_credentials_need_a_place_they_are_for(key: str) -> None:
    value = {"auth": {"bearer": "t"}, "headers": {"X-Key": "k"}}[key]
    with pytest.raises(ValueError, match=f"{key}: needs a base_url"):
        HttpConnector("stock", {key: value})


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "ftp://a"},
        {"base_url": "http://a/?b=c"},
        {"base_url": "http://me:pw@a/"},
        {"allow": ["nonsense/8"]},
        {"allow": []},
        {"timeout_s": 0},
        {"proxy": "http://a"},
        {"tls": {"colour": "red"}},
        {"colour": "red"},
    ],
)
def test_settings_that_are_wrong_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        HttpConnector("stock", settings)


def test_the_smaller_limit_counts(server: LocalServer) -> None:
    server.answer = reply(body=b"x" * 100)
    limited: dict[str, Any] = {"max_response_bytes": 50}
    assert failure_of(called(limited, url=server.url, max_response_bytes=200)).kind == "too_large"
    assert failure_of(called({"max_response_bytes": 200}, url=server.url, **limited)).kind == "too_large"
    assert output_of(called({"max_response_bytes": 200}, url=server.url))["status"] == 200


def test_the_installation_may_bound_the_time(server: LocalServer) -> None:
    server.answer = drip([b""], pause_s=0.5)
    assert failure_of(called({"timeout_s": 0.1}, url=server.url, timeout_s=60)).kind == "timeout"


@pytest.mark.parametrize("place", ["settings", "config"])
def test_a_single_wait_may_be_bounded(server: LocalServer, place: str) -> None:
    server.answer = drip([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 1\r\n\r\n", b"x"], pause_s=0.06)
    patient: dict[str, Any] = {"read_timeout_s": 0.3}
    hasty: dict[str, Any] = {"read_timeout_s": 0.02}
    assert output_of(called(patient, url=server.url))["body"] == "x"
    settings, config = (hasty, patient) if place == "settings" else (patient, hasty)
    assert failure_of(called(settings, url=server.url, **config)).kind == "timeout"


@pytest.mark.alone
def test_connecting_may_be_bounded_by_itself() -> None:
    with full_queue("127.0.0.1") as port:
        started = time.monotonic()
        failure = failure_of(called({"connect_timeout_s": 0.05}, url=f"http://127.0.0.1:{port}/"))
    assert failure.kind == "timeout"
    assert time.monotonic() - started < 0.5


def test_a_bound_for_connecting_leaves_the_rest_of_the_time(server: LocalServer) -> None:
    server.answer = drip([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 1\r\n\r\n", b"x"], pause_s=0.08)
    assert output_of(called({"connect_timeout_s": 0.15}, url=server.url))["status"] == 200


@pytest.fixture
def proxy() -> Iterator[LocalProxy]:
    local = LocalProxy()
    stop = local.start()
    yield local
    stop()


def test_a_call_goes_through_the_proxy(server: LocalServer, proxy: LocalProxy) -> None:
    settings = {"proxy": {"url": proxy.url, "username": "me", "password": {"secret": "TOKEN"}}}
    assert output_of(called(settings, url=f"{server.url}/a"))["status"] == 200
    assert proxy.asked == [f"GET {server.url}/a HTTP/1.1"]
    assert proxy.authorizations == ["Basic bWU6b3Blbi1zZXNhbWU="]


def test_what_goes_through_the_proxy_is_looked_at_before(server: LocalServer, proxy: LocalProxy) -> None:
    settings = {"proxy": {"url": proxy.url}}
    assert failure_of(called(settings, Guard(), url=server.url)).kind == "refused"
    assert output_of(called(settings, Guard([f"127.0.0.1:{server.port}"]), url=server.url))["status"] == 200
    assert len(proxy.asked) == 1


def test_a_proxy_that_is_not_there_is_a_broken_connection(server: LocalServer) -> None:
    failure = failure_of(called({"proxy": {"url": "http://127.0.0.1:1"}}, url=server.url))
    assert (failure.kind, failure.retryable) == ("connection", True)
