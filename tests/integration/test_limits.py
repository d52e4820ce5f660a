"""Limits and breakers hold for all worker processes together, also when one of them dies."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.case import CaseStatus
from engine.store.gates import PLACE_MS
from tests.chaos.service import Service, response
from tests.installation import Installation

COUNT = 2_000
AT_ONCE = 20
A_SECOND = 50
BURST = 5

EACH = """
specification: each
version: "1"
nets:
  main:
    variables:
      count: {{schema: {{type: integer}}, input: true}}
      done: {{schema: {{type: integer}}, output: true}}
    start: each
    tasks:
      each:
        kind: automated
        connector: stock
        config: {{method: GET, url: "{path}/{{{{ number }}}}", timeout_s: 5}}
        retry: {{attempts: 8, backoff_s: 0.05, on: [any]}}
        instances: {{count: count, as: number, gather: {{variable: done, from: $.status, with: count}}}}
        next: end
"""


class Watched(Service):
    """A service that takes its time, or fails, and sees how many requests are under way and when each began."""

    def __init__(self) -> None:
        super().__init__()
        self.takes_s = 0.01
        self.well = True
        self.under_way = self.most_under_way = 0
        self.began: list[float] = []

    async def answer(self, writer: asyncio.StreamWriter, path: str, key: str, body: bytes) -> None:
        self.began.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.under_way -= 1
        writer.write(response(200 if self.well else 503, b"{}"))


@pytest.fixture
def service() -> Iterator[Watched]:
    with Watched() as service:
        yield service


def running(redis_url: str, place: Path, service: Service, terms: str) -> Installation:
    """An installation whose connector `stock` has these terms."""
    file = place / "stock.yaml"
    file.write_text(f"stock: {{connector: http, base_url: '{service.url}', {terms}}}\n")
    return Installation(redis_url, place, variables={"CASEWRIGHT_CONNECTORS": str(file)})


def test_two_workers_together_never_make_more_calls_than_allowed(
    redis_url: str, tmp_path: Path, service: Watched
) -> None:
    with running(redis_url, tmp_path, service, f"limits: {{concurrency: {AT_ONCE}}}") as installation:
        specification = installation.deploy(EACH.format(path=""))
        case_ids = installation.submit(specification, [("many", {"count": COUNT})])
        [case] = installation.wait_for_end(case_ids)
        assert case.data["done"] == COUNT
        assert len(service.began) == COUNT
        assert AT_ONCE // 2 < service.most_under_way <= AT_ONCE
        installation.wait_until(lambda: installation.redis().keys("*{gates}*") == [], "the end of all places")
        installation.check_replay(case_ids)


def test_the_places_of_a_worker_that_was_killed_are_free_again(
    redis_url: str, tmp_path: Path, service: Watched
) -> None:
    service.takes_s = 1.0
    with running(redis_url, tmp_path, service, "limits: {concurrency: 4}") as installation:
        specification = installation.deploy(EACH.format(path=""))
        case_ids = installation.submit(specification, [("killed", {"count": 8})])
        installation.wait_until(lambda: service.under_way == 4, "four calls")
        for number in (1, 2):
            installation.kill(f"worker-{number}")
        service.takes_s = 0.01
        installation.start_worker(1)
        [case] = installation.wait_for_end(case_ids, PLACE_MS / 1000 + 45)
        assert case.data["done"] == 8
        installation.check_replay(case_ids)


def test_a_rate_is_kept_by_all_workers_together(redis_url: str, tmp_path: Path, service: Watched) -> None:
    terms = f"limits: {{rate: {A_SECOND}/s, burst: {BURST}}}"
    with running(redis_url, tmp_path, service, terms) as installation:
        specification = installation.deploy(EACH.format(path=""))
        case_ids = installation.submit(specification, [(f"r{n}", {"count": 10}) for n in range(15)])
        installation.wait_for_end(case_ids)
    began = sorted(service.began)
    assert len(began) == 150
    # A call that was let in early may begin late, so a window can see some more than the rate and a burst; but all
    # together cannot be faster than the rate.
    assert began[-1] - began[0] >= (150 - BURST) / A_SECOND - 0.5


def test_a_host_in_trouble_is_spared_and_no_case_is_lost(redis_url: str, tmp_path: Path, service: Watched) -> None:
    service.well = False
    terms = "breaker: {calls: 10, open_s: 0.5, most_open_s: 1, probes: 2}"
    with running(redis_url, tmp_path, service, terms) as installation:
        specification = installation.deploy(EACH.format(path=""))
        case_ids = installation.submit(specification, [(f"b{n}", {"count": 5}) for n in range(40)])
        gates = installation.parts.gates
        host = service.url.removeprefix("http://")
        installation.wait_until(lambda: gates.troubled() == [host], "the breaker open")
        installation.wait_until(lambda: gates.load([host])[0].waiting > 100, "calls that wait")
        spared = len(service.began)
        assert spared < 150
        [breaker] = gates.breakers()
        assert (breaker.connector, breaker.cause[:8]) == ("stock", "http_503")
        service.well = True
        cases = installation.wait_for_end(case_ids)
        assert {case.status for case in cases} == {CaseStatus.COMPLETED}
        assert gates.troubled() == []
        installation.check_replay(case_ids)


def test_workers_take_over_what_is_configured_over_the_api_without_a_restart(
    installation: Installation, service: Watched
) -> None:
    stock = {"connector": "http", "base_url": service.url}

    def put(written: dict[str, object]) -> None:
        installation.parts.installed.put("stock", written, "admin", 1)

    put({**stock, "limits": {"concurrency": 1}})
    specification = installation.deploy(EACH.format(path=""))
    case_ids = installation.submit(specification, [("first", {"count": 20})])
    installation.wait_for_end(case_ids)
    assert service.most_under_way == 1
    service.takes_s = 0.2
    case_ids += installation.submit(specification, [("second", {"count": 100})])
    installation.wait_until(lambda: len(service.began) > 21, "some calls of the second case")
    put({**stock, "limits": {"concurrency": 10}})
    installation.wait_until(lambda: service.most_under_way == 10, "more calls at once")
    installation.wait_for_end(case_ids)
    assert service.most_under_way <= 10
