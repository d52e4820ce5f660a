"""Health, and the description of the API."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from engine.errors import Unavailable
from tests.api.bench import Bench, Caller


def test_the_process_says_that_it_lives_without_asking_anybody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.parts.store, "now", lambda: 1 / 0)
    answered = bench.anybody().get("/health/live")
    assert (answered.status_code, answered.json) == (200, {"status": "live"})


def test_it_is_ready_while_redis_answers(bench: Bench) -> None:
    answered = bench.anybody().get("/health/ready")
    assert (answered.status_code, answered.json["status"]) == (200, "ready")
    assert answered.json["parts"]["redis"]["state"] == "ready"
    assert answered.json["parts"]["redis"]["ms"] >= 0 and answered.json["backlog"] == 0


def test_it_says_how_much_waits_for_workers(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    admin.start(case_id="c2")
    assert bench.anybody().get("/health/ready").json["backlog"] == 2
    bench.drain()
    assert bench.anybody().get("/health/ready").json["backlog"] == 0


def test_it_is_not_ready_while_redis_is_away_and_does_not_say_where_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise Unavailable("redis://:password@10.0.0.1 is away")

    monkeypatch.setattr(bench.parts.store, "work", away)
    answered = bench.anybody().get("/health/ready")
    assert (answered.status_code, answered.json["parts"]["redis"]["state"]) == (503, "away")
    assert answered.headers["Retry-After"] == "1"
    assert "10.0.0.1" not in answered.text


@pytest.fixture
def document(bench: Bench) -> Any:
    return bench.anybody().get("/api/v1/openapi.json").json


def test_the_api_is_described_in_openapi_3_1(bench: Bench, document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served


def test_every_reference_in_the_description_leads_somewhere(document: Any) -> None:
    references = set(re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references and references <= set(document["components"]["schemas"])


def test_every_schema_in_the_description_is_a_json_schema(document: Any) -> None:
    for schema in document["components"]["schemas"].values():
        assert jsonschema_rs.meta.is_valid(schema)


def test_operations_have_names_of_their_own_and_say_what_they_need(document: Any) -> None:
    operations = [each for path in document["paths"].values() for each in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["summary"].endswith(".") for operation in operations)
    secured = document["paths"]["/api/v1/cases"]["post"]
    assert secured["security"] == [{"jwt": []}]
    assert "application/problem+json" in secured["responses"]["422"]["content"]
    assert "security" not in document["paths"]["/health/live"]["get"]


def test_the_page_needs_no_other_network(bench: Bench) -> None:
    page = bench.anybody().get("/api/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href|url: )=?"([^"]+)"', page.text)
    assert addresses
    for address in addresses + ["/api/v1/openapi.json"]:
        assert address.startswith("/")
        assert bench.anybody().get(address).status_code == 200, address


@pytest.mark.parametrize("name", ["../plugins.py", "..%2fplugins.py", "nothing.js", "js", "%00"])
def test_nothing_beside_the_page_is_served(bench: Bench, name: str) -> None:
    assert bench.anybody().get(f"/api/docs/{name}").status_code == 404
