"""A secret is planted in an installation of real processes, used in calls that fail, and looked for everywhere.

The service outside answers with errors that repeat all it was sent, as such services do. While each call is under way,
and when all is over, the secret is looked for in every key of Redis (of the state and of the broker), in what every
address of the API tells an administrator, in the journals, in the logs and in all files; as it is, percent-encoded, as
JSON writes it, and in base64 at each of its three alignments.
"""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit

import pytest
import requests
from redis import Redis

from tests.chaos.ports import free_port
from tests.connectors.local_server import LocalServer
from tests.installation import Installation

pytestmark = pytest.mark.servers

TOKEN = 'pl4nted/Zebra+"Quagga"&Okapi%tapir='
LOGIN = "Märmot-Ibex+Chamois&Wolverine%"
SECRETS = {"TOKEN": TOKEN, "LOGIN": LOGIN}
USED = {
    "bearer": "auth: {bearer: {secret: TOKEN}}",
    "basic": "auth: {basic: {username: anna, password: {secret: LOGIN}}}",
    "header": "headers: {X-Api-Key: {secret: TOKEN}}",
    "query": "query: {key: {secret: LOGIN}, other: {secret: TOKEN}}",
    "body": "method: POST, body: {login: {key: {secret: LOGIN}, other: {secret: TOKEN}}}",
}

SPECIFICATION = """
specification: SPEC
version: "1"
nets:
  main:
    variables: {n: {schema: {type: integer}, default: 7}}
    start: call
    tasks:
      call:
        kind: automated
        connector: http
        config: {url: "SERVER/SPEC", USE}
        input: {n: "$.n"}
        retry: {attempts: 2, backoff_s: 0.05, on: [any]}
        next: end
"""

SHORTEST_TRACE = 8
"""So many characters in a row of a secret, or of one of its forms, are a trace of it."""


def test_a_secret_that_is_used_is_found_nowhere(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(f"CASEWRIGHT_SECRET_{name}", secret)
    watched = Watched(Redis.from_url(redis_url))
    server = watched.server
    stop = server.start()
    log = tmp_path / "processes.log"
    try:
        levels = {"CASEWRIGHT_LOG_LEVEL": "DEBUG"}
        with Installation(redis_url, tmp_path, workers=1, log=log, variables=levels) as installation:
            cases = []
            for name, use in USED.items():
                text = SPECIFICATION.replace("SERVER", server.url).replace("SPEC", name).replace("USE", use)
                cases += installation.submit(installation.deploy(text), [(f"case-{name}", {})])
            ended = installation.wait_for_end(cases)
            assert {case.status for case in ended} == {"failed"}
            assert {case.failure.kind for case in ended if case.failure} == {"connector_failed"}
            told = list(told_by_the_api(installation, cases))
        left = [*kept_in(Redis.from_url(redis_url)), *(path.read_bytes() for path in files_below(tmp_path))]
    finally:
        stop()
    # The secret was really used: in each case twice, and each answer repeated it.
    assert len(server.received) == 2 * len(USED) and watched.repeated == len(server.received)
    assert len(told) > 20 and len(watched.seen) > 100 and log in list(files_below(tmp_path))
    for found in (*watched.seen, *told, *left):
        assert not traces(found), found[:2_000]


@pytest.mark.parametrize("secret", SECRETS.values())
def test_what_is_looked_for_would_be_found(secret: str) -> None:
    """The look itself sees a secret in each of its forms, also of a part, and behind other text."""
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"anna:{secret}".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{secret}".encode()).decode(),
        f"error: {secret[5:15]} was refused",
    ):
        assert traces(form.encode()), form
    assert not traces(b"http_503 at attempt 2 of 2: *** was refused")


class Watched:
    """A service that answers every call with an error that repeats it, and looks into Redis meanwhile."""

    def __init__(self, redis: "Redis") -> None:
        self.server = LocalServer(answer=self.answer)
        self._redis = redis
        self._lock = Lock()
        self.seen: list[bytes] = []
        self.repeated = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path).path
        body = next(each.body for each in reversed(self.server.received) if each.path == address)
        # The library takes the bytes of a header for Latin-1; they are sent back as they came.
        headers = [f"{name}: {value}".encode("latin-1") for name, value in handler.headers.items()]
        echoed = b"\n".join([b"refused:", handler.path.encode(), unquote_plus(handler.path).encode(), *headers, body])
        with self._lock:
            self.seen += kept_in(self._redis)
            self.repeated += bool(traces(echoed))
        handler.send_response(503, "refused")
        handler.send_header("Content-Type", "text/plain; charset=utf-8")
        handler.send_header("Content-Length", str(len(echoed)))
        handler.end_headers()
        handler.wfile.write(echoed)


def traces(found: bytes) -> list[str]:
    """The parts of a secret, in whatever form, that stand in bytes."""
    text = found.decode(errors="replace")
    return [part for part in PARTS if part in text]


def _parts() -> frozenset[str]:
    forms = set()
    for secret in SECRETS.values():
        forms |= {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
        forms.add(json.dumps(secret, ensure_ascii=False)[1:-1])
        for before in range(3):
            # What stands before a secret shifts its letters in base64; its ends mix with what stands beside it.
            encoded = base64.b64encode(b"\0" * before + secret.encode())
            forms |= {each.decode()[4:-4] for each in (encoded, encoded.translate(bytes.maketrans(b"+/", b"-_")))}
    return frozenset(
        form[start : start + SHORTEST_TRACE] for form in forms for start in range(len(form) - SHORTEST_TRACE + 1)
    )


PARTS = _parts()


def kept_in(redis: Any) -> Iterator[bytes]:
    """All that stands in Redis (its client decodes nothing): names, values, members, fields."""
    for key in redis.scan_iter(count=1_000):
        yield key
        match redis.type(key):
            case b"string":
                yield redis.get(key) or b""
            case b"hash":
                for field, value in redis.hgetall(key).items():
                    yield from (field, value)
            case b"list":
                yield from redis.lrange(key, 0, -1)
            case b"set":
                yield from redis.smembers(key)
            case b"zset":
                yield from redis.zrange(key, 0, -1)
            case b"stream":
                for _, fields in redis.xrange(key):
                    yield from fields.values()
            case b"none":
                continue
            case other:
                raise AssertionError(f"{key!r} is a {other!r}, into which nobody has looked")


def told_by_the_api(installation: Installation, cases: list[str]) -> Iterator[bytes]:
    """What an administrator is told: bodies and headers of answers."""
    address = installation.start_api(free_port())
    session = requests.Session()
    installation.wait_until(lambda: _is_live(address), "the API to answer")
    session.headers["Authorization"] = f"Bearer {installation.token('admin')}"
    paths = ["/metrics", "/health/ready", "/api/v1/cases", "/api/v1/dead-letters", "/api/v1/specifications"]
    paths += [f"/api/v1/specifications/{name}/1" for name in USED]
    for case in cases:
        paths += [f"/api/v1/cases/{case}", f"/api/v1/cases/{case}/journal", f"/api/v1/cases/{case}/journal?seq=2"]
        paths += [f"/api/v1/work-items?case_id={case}&kind=automated", f"/api/v1/cases/{case}/picture.svg"]
    for path in paths:
        answered = session.get(f"{address}{path}", timeout=10)
        if path != "/metrics":
            assert answered.status_code == 200, (path, answered.text)
        yield answered.content
        yield str(answered.headers).encode()


def _is_live(address: str) -> bool:
    try:
        return requests.get(f"{address}/health/live", timeout=1).status_code == 200
    except requests.RequestException:
        return False


def files_below(directory: Path) -> Iterator[Path]:
    """All files of an installation, its logs among them."""
    return (path for path in directory.rglob("*") if path.is_file())
