"""What the http connector sends, and what it makes of an answer."""

import gzip
import json
import threading
from typing import Any

import pytest

from connectors.http import HttpConnector
from connectors.port import Answer
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer, reply, reply_json

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def called(http: HttpConnector, url: str, input: dict[str, Any] | None = None, **config: Any) -> Answer:
    return http.call(call_request("http", {"url": url, **config}, input))


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_sent_and_its_answer_read(http: HttpConnector, server: LocalServer, method: str) -> None:
    server.answer = reply_json({"available": 3}, status=201)
    output = output_of(called(http, f"{server.url}/items/7", method=method))
    assert (server.last.method, server.last.path) == (method, "/items/7")
    assert (output["status"], output["body"]) == (201, {"available": 3})
    assert output["headers"]["content-type"] == "application/json"
    assert 0 <= output["elapsed_ms"] < 5000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_input_is_the_body_where_none_is_given(http: HttpConnector, server: LocalServer, method: str) -> None:
    output_of(called(http, server.url, {"name": "Zoë", "n": 1}, method=method))
    assert server.last.body == '{"name":"Zoë","n":1}'.encode()
    assert server.last.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_input_is_the_query_where_nothing_is_given(http: HttpConnector, server: LocalServer, method: str) -> None:
    input = {"q": "a b&c", "n": 1.5, "ok": True, "none": None, "list": ["x", 2], "map": {"k": [1]}}
    output_of(called(http, f"{server.url}/?first=1", input, method=method))
    expected = {"first": "1", "q": "a b&c", "n": "1.5", "ok": "true", "map": '{"k":[1]}'}
    assert server.last.query == [*list(expected.items())[:4], ("list", "x"), ("list", "2"), ("map", '{"k":[1]}')]
    assert (server.last.body, "content-type" in server.last.headers) == (b"", False)


def test_a_query_that_is_given_takes_the_place_of_the_input(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, {"a": 1}, query={"b": [1, 2]}))
    assert server.last.query == [("b", "1"), ("b", "2")]
    output_of(called(http, server.url, {"a": 1}, query={}))
    assert server.last.query == []


def test_a_body_that_is_given_takes_the_place_of_the_input(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, {"a": 1}, method="DELETE", body=[1]))
    assert (server.last.body, server.last.query) == (b"[1]", [])


def test_a_body_of_null_is_no_body(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, {"a": 1}, method="POST", body=None))
    assert (server.last.body, server.last.headers["content-length"]) == (b"", "0")


def test_a_body_follows_its_content_type(http: HttpConnector, server: LocalServer) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    output_of(called(http, server.url, method="POST", body={"a": "b c", "d": 1}, headers=form))
    assert (server.last.body, server.last.headers["content-type"]) == (b"a=b+c&d=1", form["content-type"])


def test_a_string_is_sent_as_it_is(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, method="POST", body="<é/>", headers={"Content-Type": "application/xml"}))
    assert (server.last.body, server.last.headers["content-type"]) == ("<é/>".encode(), "application/xml")
    output_of(called(http, server.url, method="POST", body="plain"))
    assert server.last.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_idempotency_key_is_the_item_for_every_attempt(http: HttpConnector, server: LocalServer) -> None:
    for attempt in (1, 2):
        http.call(call_request("http", {"url": server.url}, attempt=attempt))
        assert server.last.headers["idempotency-key"] == "order-1:7"
        assert server.last.headers["x-correlation-id"] == "trace-1"


def test_headers_are_sent(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, headers={"X-Word": "grün", "X-Number": 5, "X-Flag": True, "accept": "text/csv"}))
    sent = server.last.headers
    assert (sent["x-word"], sent["x-number"], sent["x-flag"], sent["accept"]) == ("grün", "5", "true", "text/csv")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"basic": {"username": "mé", "password": "p:w"}}, "authorization", "Basic bcOpOnA6dw=="),
        ({"api_key": {"header": "X-Key", "value": "k"}}, "x-key", "k"),
    ],
)
def test_credentials_go_into_a_header(
    http: HttpConnector, server: LocalServer, auth: dict[str, Any], header: str, value: str
) -> None:
    output_of(called(http, server.url, auth=auth, headers={header: "overruled"}))
    assert server.last.headers[header] == value


def test_an_api_key_may_go_into_the_query(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url, {"a": 1}, auth={"api_key": {"query": "key", "value": "k&1"}}))
    assert server.last.query == [("a", "1"), ("key", "k&1")]


def test_a_user_in_the_url_is_authenticated(http: HttpConnector, server: LocalServer) -> None:
    output_of(called(http, server.url.replace("//", "//me:pw@")))
    assert server.last.headers["authorization"] == "Basic bWU6cHc="


def test_no_cookie_is_carried_to_another_call(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(headers={"Set-Cookie": "session=1"})
    assert output_of(called(http, server.url))["headers"]["set-cookie"] == "session=1"
    output_of(called(http, server.url))
    assert "cookie" not in server.last.headers


def test_nothing_is_taken_from_the_environment(
    http: HttpConnector, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert output_of(called(http, server.url))["status"] == 200


@pytest.mark.parametrize("answer", [reply_json({"a": 1}), reply(204), reply(500, b"busy")])
def test_a_connection_is_used_again(http: HttpConnector, server: LocalServer, answer: Any) -> None:
    server.answer = answer
    for _ in range(3):
        called(http, server.url)
    assert (len(server.received), server.connections) == (3, 1)


def test_threads_do_not_share_a_connection(http: HttpConnector, server: LocalServer) -> None:
    threads = [threading.Thread(target=called, args=(http, server.url)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.received), server.connections) == (4, 4)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/problem+json", "APPLICATION/JSON"]
)
def test_json_is_decoded_by_its_content_type(http: HttpConnector, server: LocalServer, content_type: str) -> None:
    server.answer = reply_json({"a": ["é", 1.5, None]}, content_type=content_type)
    assert output_of(called(http, server.url))["body"] == {"a": ["é", 1.5, None]}


def test_what_is_not_json_is_text(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(body="é".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})
    assert output_of(called(http, server.url))["body"] == "é"
    server.answer = reply(body=b'{"a": 1}\xff')
    assert output_of(called(http, server.url))["body"] == '{"a": 1}\ufffd'


def test_no_content_is_null_where_json_was_announced(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(204, headers={"Content-Type": "application/json"})
    assert output_of(called(http, server.url))["body"] is None


@pytest.mark.parametrize(
    "content",
    [b"{", b"nope", b"NaN", b"[1e999]", b'"\\ud800"', b"\xff", b"[" * 100_000, b"9" * 10_000, b"{} {}"],
)
def test_what_only_claims_to_be_json_is_a_bad_response(
    http: HttpConnector, server: LocalServer, content: bytes
) -> None:
    server.answer = reply(body=content, headers={"Content-Type": "application/json"})
    failure = failure_of(called(http, server.url))
    assert (failure.kind, failure.retryable) == ("bad_response", True)
    assert "GET http://127.0.0.1" in failure.message


def test_a_packed_body_is_unpacked(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})
    assert output_of(called(http, server.url))["body"] == "text"
    server.answer = reply(body=b"not packed", headers={"Content-Encoding": "gzip"})
    assert failure_of(called(http, server.url)).kind == "bad_response"


@pytest.mark.parametrize(
    ("expect", "status", "succeeds"),
    [
        (["2xx"], 204, True),
        ([404, "2xx"], 404, True),
        (["404"], 404, True),
        (["404"], 200, False),
        (["201"], 200, False),
        (["3xx"], 302, True),
        (["5xx"], 503, True),
    ],
)
def test_the_expected_statuses_succeed(
    http: HttpConnector, server: LocalServer, expect: list[Any], status: int, succeeds: bool
) -> None:
    server.answer = reply(status)
    outcome = called(http, server.url, expect=expect)
    assert (output_of(outcome)["status"] == status) if succeeds else failure_of(outcome).kind == f"http_{status}"


def test_a_redirect_is_not_followed(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(302, headers={"Location": "/elsewhere"})
    assert failure_of(called(http, server.url)).kind == "http_302"
    assert len(server.received) == 1


def test_the_output_is_json(http: HttpConnector, server: LocalServer) -> None:
    output = output_of(called(http, server.url))
    assert json.loads(json.dumps(output)) == output
    assert list(output) == ["status", "headers", "body", "elapsed_ms"]
