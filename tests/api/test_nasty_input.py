"""Never a 500 for anything a client sends: every route is fed what nobody should send."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from tests.api.bench import ORDER, Bench, Caller, bench_of, settings_for

NAMES = [
    "x",
    "c1",
    "c1:1",
    "c1:2",
    "c1:99999999999",
    "c1.1",
    "c1:journal",
    "orders",
    "%00",
    "%ff",
    "..",
    "*",
    "é",
    "{}",
]
BODIES = [
    b"",
    b"\x00",
    b"null",
    b"[[[",
    b'{"a": NaN}',
    b'{"output": {"a": 1e999}}',
    json.dumps({"output": {"deep": [[[[{}]]]]}}).encode(),
    json.dumps({"specification": "orders", "data": {"order": {"id": "\x00"}}, "version": "\x00"}).encode(),
    json.dumps({"specification": "orders:1", "data": {}, "case_id": "c1"}).encode(),
    json.dumps({"resource_id": "\x00"}).encode(),
    json.dumps({"resource_id": ["ann", 1]}).encode(),
    json.dumps({"reason": "\u0000\u2028"}).encode(),
    json.dumps(
        {"items": [None, 1, [], {}, {"specification": {}}, {"specification": "orders", "data": ORDER}]}
    ).encode(),
    json.dumps({"username": "\x00", "password": "\x00"}).encode(),
    json.dumps({"access": ["admin"], "password": "\U0001f600" * 8}).encode(),
]
QUERIES = [
    "cursor=%00&limit=1",
    "cursor=MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCB4",
    "cursor=LTEg",
    "cursor=" + "x" * 513,
    "limit=-1",
    "limit=1e3",
    "limit=" + "9" * 5000,
    "created_after=0001-01-01T00:00:00Z",
    "created_after=99999999999999999999",
    "created_after=nan",
    "case_id=c1%00",
    "case_id=c1&state=completed",
    "case_id=c1&kind=automated&cursor=MSBj",
    "resource_id=%ff",
    "%ff=%ff",
    "task=%00",
    "&&&===",
]
TYPES = ["application/json", "application/yaml", "", "\xff", "application/json; charset=utf-16", "multipart/form-data"]


def requests(bench: Bench) -> Iterator[tuple[str, str, bytes, str]]:
    for rule in bench.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            paths = {re.sub(r"<[^>]+>", name, rule.rule) for name in NAMES}
            for path in sorted(paths):
                if method in ("GET", "HEAD"):
                    yield from ((method, f"{path}?{query}", b"", "application/json") for query in QUERIES)
                else:
                    yield from ((method, path, body, "application/json") for body in BODIES)
            yield from ((method, path, b"{}", media_type) for media_type in TYPES)


@pytest.fixture(params=["memory", "redis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """An application on either store: what one answers with nothing, the other might choke on."""
    settings = settings_for(tmp_path)
    if request.param == "memory":
        return bench_of(settings)
    client = request.getfixturevalue("redis_client")
    return bench_of(settings, RedisStore(client, settings.shards), RedisRegistry(client))


def test_no_request_is_answered_with_a_bug(bench: Bench, admin: Caller, caplog: pytest.LogCaptureFixture) -> None:
    admin.start(case_id="c1")
    bench.drain()
    # Logging in costs its work each time, and a revoked token would keep the rest from being looked at.
    answered = {
        (method, path, body, media_type): admin.send(method, path, body, media_type).status_code
        for method, path, body, media_type in requests(bench)
        if not path.startswith("/api/v1/auth/")
    }
    assert len(answered) > 5_000
    assert not {401, 403}.intersection(answered.values())
    assert [request for request, status in answered.items() if status >= 500] == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("body", BODIES)
def test_no_login_is_answered_with_a_bug(bench: Bench, body: bytes) -> None:
    for route in ("token", "refresh", "revoke"):
        answered = bench.anybody().send("POST", f"/api/v1/auth/{route}", body, "application/json")
        assert answered.status_code in (401, 422)
