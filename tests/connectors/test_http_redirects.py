"""Redirects: how many are followed, with what method, and what does not go along."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from connectors.http import HttpConnector
from connectors.port import Answer
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import Answer as Reply
from tests.connectors.local_server import LocalServer, reply, reply_json


@pytest.fixture
def elsewhere() -> Iterator[LocalServer]:
    local = LocalServer()
    stop = local.start()
    yield local
    stop()


def leading(paths: dict[str, tuple[int, str]]) -> Reply:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, location = paths.get(handler.path, (200, ""))
        (reply(status, headers={"Location": location}) if location else reply_json({"at": handler.path}))(handler)

    return answer


def called(http: HttpConnector, url: str, redirects: int = 3, **config: Any) -> Answer:
    return http.call(call_request("http", {"url": url, "redirects": redirects, **config}))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_where_the_config_says_so(http: HttpConnector, server: LocalServer, status: int) -> None:
    server.answer = leading({"/a": (status, "/b?c=d"), "/b?c=d": (status, f"{server.url}/e")})
    assert output_of(called(http, f"{server.url}/a"))["body"] == {"at": "/e"}
    assert server.last.headers["idempotency-key"] == "order-1:7"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "method", "followed_by"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
        (303, "HEAD", "HEAD"),
    ],
)
def test_the_method_changes_as_the_rules_of_http_say(
    http: HttpConnector, server: LocalServer, status: int, method: str, followed_by: str
) -> None:
    server.answer = leading({"/a": (status, "/b")})
    output_of(called(http, f"{server.url}/a", method=method, body=None if method == "HEAD" else {"n": 1}))
    assert server.last.method == followed_by
    has_body = followed_by in ("PUT", "POST", "PATCH")
    assert (server.last.body, server.last.headers.get("content-type")) == (
        (b'{"n":1}', "application/json") if has_body else (b"", None)
    )


def test_too_many_redirects_end_with_the_last_status(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(302, headers={"Location": "/again"})
    assert failure_of(called(http, server.url, redirects=2)).kind == "http_302"
    assert len(server.received) == 3


def test_no_credentials_go_to_another_origin(http: HttpConnector, server: LocalServer, elsewhere: LocalServer) -> None:
    server.answer = leading({"/a": (307, f"{elsewhere.url}/b")})
    output_of(
        called(
            http,
            f"{server.url}/a",
            method="POST",
            body="x",
            auth={"bearer": "t"},
            headers={"X-Key": "k", "Cookie": "c=d", "Accept": "text/csv"},
        )
    )
    assert server.last.headers["x-key"] == "k"
    sent = elsewhere.last.headers
    assert not {"authorization", "x-key", "cookie"} & set(sent)
    assert (sent["accept"], sent["idempotency-key"], elsewhere.last.body) == ("text/csv", "order-1:7", b"x")


def test_credentials_stay_with_their_origin(http: HttpConnector, server: LocalServer) -> None:
    server.answer = leading({"/a": (302, "/b")})
    output_of(called(http, f"{server.url}/a", auth={"bearer": "t"}))
    assert server.last.headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("location", ["ftp://a.example/", "file:///etc/passwd", "http://a b/", "gopher:x"])
def test_a_redirect_to_no_url_is_not_followed(http: HttpConnector, server: LocalServer, location: str) -> None:
    server.answer = reply(302, headers={"Location": location})
    assert failure_of(called(http, server.url)).kind == "http_302"
    assert len(server.received) == 1


def test_a_redirect_without_a_place_is_a_status(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(302)
    assert failure_of(called(http, server.url)).kind == "http_302"


def test_an_expected_redirect_that_may_be_followed_is_followed(http: HttpConnector, server: LocalServer) -> None:
    server.answer = leading({"/a": (302, "/b")})
    assert output_of(called(http, f"{server.url}/a", expect=["3xx", "2xx"]))["status"] == 200
    assert output_of(called(http, f"{server.url}/a", expect=["3xx"], redirects=0))["status"] == 302
