"""Connectors over HTTP: configured, shown with how they fare, tried out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.gates import Asked, BreakerRule, Counted, Gate
from tests.api.bench import Bench, Caller, bench_of, settings_for
from tests.connectors.local_server import LocalServer, reply, reply_json

STOCK = {"connector": "http", "timeout_s": 5, "limits": {"concurrency": 2, "rate": "100/s"}}
USES_STOCK = """
specification: uses-stock
version: "1"
nets:
  main:
    start: ask
    tasks:
      ask: {kind: automated, connector: stock, config: {url: "https://stock.example/items"}, next: end}
"""


@pytest.fixture
def server() -> Iterator[LocalServer]:
    server = LocalServer()
    stop = server.start()
    yield server
    stop()


def test_a_connector_is_configured_shown_and_removed(admin: Caller) -> None:
    made = admin.put("/api/v1/connectors/stock", STOCK)
    assert (made.status_code, made.json) == (
        201,
        {
            "name": "stock",
            "kind": "http",
            "source": "api",
            "settings": {"timeout_s": 5, "limits": {"concurrency": 2, "rate": "100/s"}},
            "under_way": 0,
            "waiting": 0,
            "breakers": [],
        },
    )
    changed = admin.put("/api/v1/connectors/stock", {"connector": "http"})
    assert (changed.status_code, changed.json["settings"], changed.json["waiting"]) == (200, {}, None)
    assert admin.get("/api/v1/connectors/stock").json == changed.json
    listed = admin.get("/api/v1/connectors").json["items"]
    assert [(each["name"], each["source"]) for each in listed] == [
        ("echo", "built_in"),
        ("function", "built_in"),
        ("http", "built_in"),
        ("shared", "built_in"),
        ("steering", "built_in"),
        ("stock", "api"),
        ("webhook", "built_in"),
    ]
    assert admin.delete("/api/v1/connectors/stock").status_code == 204
    assert admin.get("/api/v1/connectors/stock").json["code"] == "connector_not_found"
    assert admin.delete("/api/v1/connectors/stock").status_code == 404


def test_a_task_can_use_a_connector_as_soon_as_it_is_configured(admin: Caller) -> None:
    refused = admin.deploy(USES_STOCK)
    assert 'there is no connector "stock"' in refused.json["errors"][0]["message"]
    admin.put("/api/v1/connectors/stock", STOCK)
    assert admin.deploy(USES_STOCK).status_code == 201


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ({"connector": "htpp"}, "$.connector", 'there is no kind "htpp" (did you mean "http"?)'),
        ({}, "$.connector", 'there is no kind "stock"'),
        ({"connector": "http", "timeout": 5}, "$.timeout", 'unknown key (did you mean "timeout_s"?)'),
        ({"connector": "http", "limits": {"rate": "often"}}, "$.limits.rate", "must be a rate such as 100/s"),
        ({"connector": "http", "limits": {"concurrency": 0}}, "$.limits.concurrency", "must be a whole number from 1"),
        ({"connector": "http", "limits": {"burst": 5}}, "$.limits.burst", "belongs to a rate"),
        ({"connector": "http", "limits": 5}, "$.limits", "must be a mapping"),
        ({"connector": "http", "breaker": "on"}, "$.breaker", "must be a mapping, or off"),
        ({"connector": "http", "breaker": {"failures": 2}}, "$.breaker.failures", "must be a number from"),
        ({"connector": "mail", "host": "m", "username": "a", "password": "b"}, "$.password", "must be {secret: NAME}"),
        ({"connector": "function", "allowed": ["os:system"]}, "$.connector", "connectors of the kind function"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_nothing_changes(
    admin: Caller, written: object, path: str, message: str
) -> None:
    answered = admin.put("/api/v1/connectors/stock", written)
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_connector")
    [error] = answered.json["errors"]
    assert error["path"] == path
    assert error["message"].startswith(message)
    assert admin.get("/api/v1/connectors/stock").status_code == 404


def test_a_body_or_name_that_is_none_is_refused(admin: Caller) -> None:
    assert admin.put("/api/v1/connectors/stock", [1]).status_code == 422
    assert admin.put("/api/v1/connectors/Stock", STOCK).json["code"] == "invalid_connector"


def test_what_a_file_configures_is_changed_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "connectors.yaml"
    file.write_text("stock: {connector: http, timeout_s: 3}\n")
    admin = bench_of(settings_for(tmp_path, connectors=file)).admin
    refused = admin.put("/api/v1/connectors/stock", STOCK)
    assert (refused.status_code, refused.json["code"]) == (409, "connector_not_changeable")
    assert "is configured in a file: change it there" in refused.json["detail"]
    assert admin.delete("/api/v1/connectors/stock").status_code == 409
    assert admin.get("/api/v1/connectors/stock").json["source"] == "file"


def test_a_built_in_one_can_get_settings_and_lose_them_but_not_go(admin: Caller) -> None:
    assert admin.delete("/api/v1/connectors/http").json["code"] == "connector_not_changeable"
    assert admin.put("/api/v1/connectors/shared", {}).json["code"] == "connector_not_changeable"
    assert admin.put("/api/v1/connectors/http", {"timeout_s": 1}).status_code == 201
    assert admin.delete("/api/v1/connectors/http").status_code == 204
    assert admin.get("/api/v1/connectors/http").json["source"] == "built_in"


def test_how_a_connector_fares_is_shown(bench: Bench, admin: Caller) -> None:
    admin.put("/api/v1/connectors/stock", {**STOCK, "base_url": "https://stock.example"})
    gates = bench.parts.gates
    gates.ask(Gate("stock", 2), Asked(fresh=["a:1", "a:2"]), "w")
    gates.ask(Gate("stock", 2), Asked(queued=["a:3"]), "w")
    gates.record("stock.example:443", BreakerRule(calls=1), Counted({0: (0, 1)}, cause="timeout: no answer"), 1.0)
    shown = admin.get("/api/v1/connectors/stock").json
    assert (shown["under_way"], shown["waiting"]) == (2, 1)
    [breaker] = shown["breakers"]
    assert (breaker["host"], breaker["state"], breaker["cause"]) == ("stock.example:443", "open", "timeout: no answer")
    assert breaker["since"] < breaker["until"]


def test_a_connector_is_tried_out(admin: Caller, server: LocalServer) -> None:
    written = {"connector": "http", "base_url": server.url, "auth": {"bearer": {"secret": "STOCK_TOKEN"}}}
    admin.put("/api/v1/connectors/stock", written)
    missing = admin.post("/api/v1/connectors/stock/test", {"config": {"url": "items"}}).json
    assert (missing["outcome"], missing["kind"], missing["retryable"]) == ("failed", "secret_missing", False)
    admin.put("/api/v1/connectors/stock", {"connector": "http", "base_url": server.url})
    server.answer = reply_json({"available": 3})
    tried = admin.post("/api/v1/connectors/stock/test", {"config": {"url": "items"}, "input": {"sku": "chair"}})
    assert (tried.status_code, tried.json["outcome"], tried.json["kind"]) == (200, "done", None)
    assert tried.json["output"]["body"] == {"available": 3}
    assert (server.last.path, server.last.query) == ("/items", [("sku", "chair")])
    server.answer = reply(503)
    busy = admin.post("/api/v1/connectors/stock/test", {"config": {"url": "items"}}).json
    assert (busy["outcome"], busy["kind"], busy["retryable"]) == ("failed", "http_503", True)


def test_a_config_that_no_task_could_have_is_refused_with_its_place(admin: Caller) -> None:
    refused = admin.post("/api/v1/connectors/http/test", {"config": {"url": "ftp://x", "metod": "GET"}})
    assert refused.status_code == 422
    assert [error["path"] for error in refused.json["errors"]] == ["$.config.metod", "$.config.url"]
    assert admin.post("/api/v1/connectors/none/test").json["code"] == "connector_not_found"
    assert admin.post("/api/v1/connectors/http/test", {"timeout_s": 26}).status_code == 422


def test_trying_out_leads_to_no_private_address(admin: Caller, server: LocalServer) -> None:
    tried = admin.post("/api/v1/connectors/http/test", {"config": {"url": server.url}}).json
    assert (tried["outcome"], tried["kind"]) == ("failed", "refused")
    assert server.received == []


def test_who_sees_connectors_may_not_configure_or_try_them(bench: Bench, admin: Caller) -> None:
    operator = bench.user("olga", "operator")
    assert operator.get("/api/v1/connectors/http").status_code == 200
    assert operator.put("/api/v1/connectors/stock", STOCK).json["code"] == "permission_missing"
    assert operator.post("/api/v1/connectors/http/test", {}).json["code"] == "permission_missing"
