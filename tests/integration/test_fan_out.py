"""Many instances of one task go to all workers as a chord; the case alone knows when they are enough."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from engine.case import CaseStatus
from tests.connectors.local_server import LocalServer, reply_json
from tests.installation import Installation
from workers.chunks import FEWEST
from workers.fanout import KEPT_S

COUNT = 2 * FEWEST

ECHOES = """
specification: echoes
version: "1"
nets:
  main:
    variables:
      count: {schema: {type: integer}, input: true}
      found: {schema: {type: array}, output: true}
    start: each
    tasks:
      each:
        kind: automated
        connector: echo
        # Not so quick that drains make the calls themselves.
        config: {timeout_s: 2, delay_s: 0.002}
        input: {number: $.number}
        instances:
          count: count
          as: number
          gather: {variable: found, from: $.number}
        next: end
"""

ENOUGH = """
specification: enough
version: "1"
nets:
  main:
    variables:
      count: {{schema: {{type: integer}}, input: true}}
    start: each
    tasks:
      each:
        kind: automated
        connector: http
        config: {{method: GET, url: "{url}/{{{{ number }}}}"}}
        instances: {{count: count, as: number, threshold: 30}}
        next: end
"""


@pytest.fixture
def service() -> Iterator[LocalServer]:
    service = LocalServer()
    stop = service.start()
    yield service
    stop()


def test_a_chord_brings_every_instance_to_its_end_once(installation: Installation) -> None:
    specification = installation.deploy(ECHOES)
    case_ids = installation.submit(specification, [("many", {"count": COUNT})])
    [case] = installation.wait_for_end(case_ids)
    assert case.status is CaseStatus.COMPLETED
    assert case.data["found"] == list(range(COUNT))
    redis = installation.redis()

    def over() -> bool:
        # Celery marks who has sent the body, and then removes what it counted.
        return len(redis.keys("celery-*")) == len(redis.keys("celery-*.c")) > 0

    installation.wait_until(over, "the end of the chord")
    assert all(0 < redis.ttl(key) <= KEPT_S for key in redis.keys("celery-*"))
    installation.check_replay(case_ids)


def test_all_instances_end_although_a_worker_is_killed_with_its_chunks(installation: Installation) -> None:
    specification = installation.deploy(ECHOES.replace("delay_s: 0.002", "delay_s: 0.02"))
    case_ids = installation.submit(specification, [("many", {"count": COUNT})])
    installation.wait_until(lambda: installation.parts.store.journal("many", 20, 1) != [], "outcomes")
    installation.kill("worker-1")
    [case] = installation.wait_for_end(case_ids)
    assert case.status is CaseStatus.COMPLETED
    assert case.data["found"] == list(range(COUNT))
    installation.check_replay(case_ids)


def test_once_the_threshold_is_met_no_chunk_makes_its_further_calls(
    installation: Installation, service: LocalServer
) -> None:
    def slowly(handler: object) -> None:
        time.sleep(0.05)
        reply_json({})(handler)  # type: ignore[arg-type]

    service.answer = slowly
    specification = installation.deploy(ENOUGH.format(url=service.url))
    [case] = installation.wait_for_end(installation.submit(specification, [("some", {"count": COUNT})]))
    assert case.status is CaseStatus.COMPLETED
    installation.wait_until(lambda: not any(shard.due_calls for shard in installation.parts.store.work()), "no calls")
    calls = Counter(received.path for received in service.received)
    assert set(calls.values()) == {1}
    assert 30 <= len(calls) < COUNT // 4
