"""Damaged records, with real workers: a case stands still, its shard goes on, and it is made again from its journal."""

import subprocess
import sys

import pytest
from redis import Redis

from engine.case import CaseStatus
from engine.names import shard_of
from engine.spec.model import Specification
from engine.store import keys
from tests.installation import Installation

REVIEW = """
specification: review
version: "1"
nets:
  main:
    variables: {grade: {schema: {type: integer}, output: true}}
    start: write
    tasks:
      write: {kind: human, offer: {roles: [clerk]}, output: {grade: "$.grade"}, next: file}
      file: {kind: automated, connector: echo, input: {}, next: end}
"""
CASE = "paper-1"
ITEM = f"{CASE}:1"


@pytest.fixture
def review(installation: Installation) -> Specification:
    """A case in which a clerk has started an item."""
    specification = installation.deploy(REVIEW)
    installation.submit(specification, [(CASE, {})])
    store, worklist = installation.parts.store, installation.parts.worklist
    installation.wait_until(lambda: store.item(ITEM) is not None, "the item")
    worklist.claim(ITEM, "ann")
    worklist.start(ITEM, "ann")
    return specification


def fsck(installation: Installation, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli", "fsck", *options]
    return subprocess.run(command, env=installation.environment, capture_output=True, text=True, timeout=60)


def case_key(installation: Installation) -> str:
    return keys.case(shard_of(CASE, installation.parts.store.shards), CASE)


def half_body(redis: "Redis", key: str) -> None:
    body = redis.hget(key, "body")
    assert isinstance(body, bytes)
    redis.hset(key, "body", body[: len(body) // 2])


def test_a_damaged_case_is_made_again_and_goes_on_with_what_came_meanwhile(
    installation: Installation, review: Specification, redis_client: "Redis"
) -> None:
    store, worklist = installation.parts.store, installation.parts.worklist
    assert fsck(installation).stdout == "1 cases are what their journals say\n"
    # What is answered with success stays, also when the case is damaged before anybody has handled it.
    for number in (1, 2):
        installation.kill(f"worker-{number}")
    worklist.complete(ITEM, {"grade": 7}, "ann")
    half_body(redis_client, case_key(installation))
    installation.start_worker(1)
    installation.submit(review, [("paper-2", {})])
    installation.wait_until(lambda: store.item("paper-2:1") is not None, "the case beside it")
    installation.wait_until(lambda: len(store.parked(CASE)) == 1, "what is set aside")
    found = fsck(installation)
    assert found.returncode == 1 and f"case {CASE}: its record cannot be read: " in found.stderr
    assert "1 of 2 cases are not what their journals say" in found.stderr
    repaired = fsck(installation, "--repair")
    assert repaired.returncode == 0 and repaired.stdout.startswith(f"case {CASE}: its record "), repaired.stderr
    [case] = installation.wait_for_end([CASE])
    assert (case.status, case.data["grade"]) == (CaseStatus.COMPLETED, 7)
    assert store.parked(CASE) == []
    installation.check_replay([CASE, "paper-2"])
    assert fsck(installation).stdout == "2 cases are what their journals say\n"
