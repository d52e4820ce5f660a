from typing import Any

import pytest

from connectors.http import HttpConnector
from connectors.port import FailureKind
from tests.connectors.calls import call_request, failure_of

WHOLE: dict[str, Any] = {
    "method": "PUT",
    "url": "https://stock.example/items/{{ order.id }}",
    "headers": {"X-Shop": "{{ shop }}", "X-Key": {"secret": "KEY"}},
    "query": {"page": 1, "tags": ["a", "{{ b }}"]},
    "body": {"lines": "{{ order.lines }}"},
    "auth": {"basic": {"username": "shop", "password": {"secret": "PASSWORD"}}},
    "timeout_s": "{{ patience }}",
    "expect": ["2xx", 404],
    "max_response_bytes": 1000,
}


def test_a_whole_config_has_no_problems() -> None:
    assert HttpConnector().check_config(WHOLE) == []


@pytest.mark.parametrize(
    "auth", ["{{ auth }}", {"bearer": {"secret": "T"}}, {"api_key": {"header": "{{ h }}", "value": "v"}}]
)
def test_credentials_may_be_unknown(auth: Any) -> None:
    assert HttpConnector().check_config({**WHOLE, "auth": auth}) == []


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("method", "FETCH", ("method",)),
        ("method", "get", ("method",)),
        ("url", "stock.example", ("url",)),
        ("url", "ftp://stock.example", ("url",)),
        ("url", "http://", ("url",)),
        ("url", "http://a:99999/", ("url",)),
        ("url", "http://[::1/", ("url",)),
        ("url", "http://a..b/", ("url",)),
        ("url", "http://a/b c", ("url",)),
        ("url", "http://a\\@b/", ("url",)),
        ("headers", {"X Y": "a"}, ("headers", "X Y")),
        ("headers", {"X": "a\r\nY: b"}, ("headers", "X")),
        ("headers", {"X": "€"}, ("headers", "X")),
        ("headers", {"X": None}, ("headers", "X")),
        ("headers", {"idempotency-key": "a"}, ("headers", "idempotency-key")),
        ("headers", {"secret": "NAME"}, ("headers",)),
        ("query", ["a"], ("query",)),
        ("auth", {}, ("auth",)),
        ("auth", {"bearer": "a", "basic": {}}, ("auth",)),
        ("auth", {"digest": "a"}, ("auth", "digest")),
        ("auth", {"bearer": "a\nb"}, ("auth", "bearer")),
        ("auth", {"basic": {"username": "a"}}, ("auth", "basic")),
        ("auth", {"api_key": {"value": "a"}}, ("auth", "api_key")),
        ("auth", {"api_key": {"header": "A", "query": "a", "value": "a"}}, ("auth", "api_key")),
        ("timeout_s", 0, ("timeout_s",)),
        ("timeout_s", "5", ("timeout_s",)),
        ("timeout_s", float("nan"), ("timeout_s",)),
        ("expect", [], ("expect",)),
        ("expect", "2xx", ("expect",)),
        ("expect", ["2xx", "ok"], ("expect", 1)),
        ("max_response_bytes", 1.5, ("max_response_bytes",)),
    ],
)
def test_a_wrong_value_is_a_problem_at_its_place(key: str, value: Any, path: tuple[str | int, ...]) -> None:
    http, config = HttpConnector(), {**WHOLE, key: value}
    assert [problem.path for problem in http.check_config(config)] == [path]
    plain = {"url": "http://127.0.0.1:1", key: value}
    if value != {"secret": "NAME"}:
        assert failure_of(http.call(call_request("http", plain))).kind == FailureKind.BAD_CONFIG


def test_a_config_needs_a_url() -> None:
    [problem] = HttpConnector().check_config({})
    assert "url" in problem.message


def test_credentials_stand_in_one_place() -> None:
    [problem] = HttpConnector().check_config({"url": "http://me:pw@a/", "auth": {"bearer": "t"}})
    assert problem.path == ("auth",)


def test_all_problems_are_told_at_once() -> None:
    problems = HttpConnector().check_config({"method": "FETCH", "urll": "http://a/", "expect": ["x", "y"]})
    assert [problem.path for problem in problems] == [(), ("urll",), ("method",), ("expect", 0), ("expect", 1)]
    assert 'did you mean "url"?' in problems[1].message


@pytest.mark.parametrize("body", [float("nan"), "\ud800"])
def test_a_body_that_nothing_can_send_is_a_bad_config(body: Any) -> None:
    config = {"url": "http://127.0.0.1:1", "method": "POST", "body": body}
    failure = failure_of(HttpConnector().call(call_request("http", config)))
    assert (failure.kind, failure.retryable) == ("bad_config", False)
