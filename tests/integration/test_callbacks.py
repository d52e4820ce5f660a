"""Callbacks on real workers and a real API: a service answers 202, and calls back later, signed, twice."""

import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from deploy.calling import request_of
from engine.case import CaseStatus
from engine.events import CallAnswered, CallFailed
from engine.names import shard_of
from tests.chaos.ports import free_port
from tests.installation import PATIENCE_S, Installation

pytestmark = pytest.mark.servers

KEY = "what the scoring service signs with"
ANSWER = json.dumps({"score": 71}).encode()

SCORING = """
specification: scoring
version: "1"
nets:
  main:
    variables: {{score: {{output: true}}}}
    start: ask
    tasks:
      ask:
        kind: automated
        connector: http
        config:
          method: POST
          url: {address}/jobs
          body: {{reply_to: {{callback: url}}}}
          expect: [202]
          callback: true
          wait_s: {wait_s}
          timeout_s: 2
          signature: {{key: {{secret: SCORING}}}}
        retry: {{attempts: {attempts}, backoff_s: 0.01}}
        output: {{score: "$.body.score"}}
        next: end
"""


class Service(ThreadingHTTPServer):
    """Takes jobs with 202 and does nothing until the test has it call back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Job)
        self.asked: list[tuple[str, str]] = []
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def call_back(self, url: str, key: str = KEY) -> requests.Response:
        signature = "sha256=" + hmac.digest(key.encode(), ANSWER, "sha256").hex()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
        return requests.post(url, data=ANSWER, headers=headers, timeout=10)


class _Job(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.headers["Idempotency-Key"], body["reply_to"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said."""


@pytest.fixture
def service() -> Iterator[Service]:
    serving = Service()
    yield serving
    serving.shutdown()
    serving.server_close()


@pytest.fixture
def running(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A worker, beat, and the API where callbacks arrive."""
    monkeypatch.setenv("CASEWRIGHT_SECRET_SCORING", KEY)
    port = free_port()
    variables = {"CASEWRIGHT_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with Installation(redis_url, tmp_path, workers=1, variables=variables) as installation:
        address = installation.start_api(port)
        installation.wait_until(lambda: _is_live(address), "the start of the API")
        yield installation


def _is_live(address: str) -> bool:
    try:
        return requests.get(f"{address}/health/live", timeout=1).ok
    except requests.RequestException:
        return False


def started(running: Installation, service: Service, wait_s: float, attempts: int = 1) -> str:
    text = SCORING.format(address=service.address, wait_s=wait_s, attempts=attempts)
    [case_id] = running.submit(running.deploy(text), [("scored", {})])
    running.wait_until(lambda: bool(service.asked), "the request to the service")
    return case_id


def is_awaited(running: Installation, item_id: str) -> bool:
    found = running.parts.store.call_of(item_id)
    return found is not None and found.awaited


def outcomes(running: Installation, case_id: str) -> list[CallAnswered | CallFailed]:
    events = [entry.event for entry in running.parts.store.journal(case_id)]
    return [event for event in events if isinstance(event, CallAnswered | CallFailed)]


def test_a_service_calls_back_signed_and_the_second_time_in_vain(
    running: Installation, service: Service, tmp_path: Path
) -> None:
    case_id = started(running, service, wait_s=PATIENCE_S * 10)
    [(item_id, url)] = service.asked
    running.wait_until(lambda: is_awaited(running, item_id), "that the call is awaited")
    assert service.call_back(url, key="somebody else's").status_code == 401
    first, second = service.call_back(url), service.call_back(url)
    assert (first.status_code, first.json()) == (202, {"item_id": item_id, "case_id": case_id})
    assert (second.status_code, second.json()["code"]) == (409, "callback_spent")
    [case] = running.wait_for_end([case_id])
    assert case.status is CaseStatus.COMPLETED and case.data["score"] == 71
    assert len(service.asked) == 1
    running.check_replay([case_id])
    token = url.rpartition("/")[2].encode()
    assert token not in (tmp_path / "processes.log").read_bytes()


def test_a_service_that_does_not_call_back_is_asked_again_at_the_same_url_with_the_same_key(
    running: Installation, service: Service
) -> None:
    case_id = started(running, service, wait_s=1, attempts=2)
    [case] = running.wait_for_end([case_id])
    assert case.status is not CaseStatus.COMPLETED
    assert len(service.asked) == 2 and len(set(service.asked)) == 1
    said = [(event.attempt, event.kind) for event in outcomes(running, case_id) if isinstance(event, CallFailed)]
    assert said == [(1, "timeout"), (2, "timeout")]
    assert service.call_back(service.asked[0][1]).json()["code"] == "callback_spent"


def test_a_call_whose_worker_died_before_it_said_that_it_is_awaited_is_asked_again(
    running: Installation, service: Service
) -> None:
    text = SCORING.format(address=service.address, wait_s=PATIENCE_S * 10, attempts=1)
    specification = running.deploy(text)
    running.kill("worker-1")
    [case_id] = running.submit(specification, [("scored", {})])
    # This process does what a worker does, up to the moment in which it dies: the request is out, and nobody knows.
    shard = shard_of(case_id, running.parts.store.shards)
    running.wait_until(lambda: running.parts.runner.drain(shard, "dies") is not None, "the first drain")
    [(call, attempt)] = running.parts.store.take_calls(shard, "dies", 10)
    running.parts.connectors.begin(request_of(call, attempt))
    running.start_worker(1)
    running.wait_until(lambda: len(service.asked) == 2, "the second request")
    assert len(set(service.asked)) == 1, "with the same key, and the same URL to call back at"
    item_id, url = service.asked[0]
    assert service.call_back(url).status_code == 202
    [case] = running.wait_for_end([case_id])
    assert case.status is CaseStatus.COMPLETED
    assert service.call_back(url).status_code == 409
