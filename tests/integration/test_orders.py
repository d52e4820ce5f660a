"""Orders of automated and human work on real workers: all end, none twice, and the journal tells the same."""

import pytest

from engine.case import CaseStatus
from engine.store.port import ItemQuery
from tests.installation import Installation

pytestmark = pytest.mark.servers

FIVE_ECHOES = """
specification: five-echoes
version: "1"
nets:
  main:
    variables:
      n: {schema: {type: integer}, input: true, output: true}
    start: a
    tasks:
      a: {kind: automated, connector: echo, input: {n: $.n}, output: {n: $.n}, next: b}
      b: {kind: automated, connector: echo, input: {n: $.n}, output: {n: $.n}, next: c}
      c: {kind: automated, connector: echo, input: {n: $.n}, output: {n: $.n}, next: d}
      d: {kind: automated, connector: echo, input: {n: $.n}, output: {n: $.n}, next: e}
      e: {kind: automated, connector: echo, input: {n: $.n}, output: {n: $.n}, next: end}
"""

WITH_A_PERSON = """
specification: order
version: "1"
nets:
  main:
    variables:
      n: {schema: {type: integer}, input: true}
      weight: {schema: {type: number}, output: true}
    start: check
    tasks:
      check: {kind: automated, connector: echo, input: {n: $.n}, next: pick}
      pick:
        kind: human
        offer: {roles: [clerk]}
        form: {type: object, required: [weight], properties: {weight: {type: number}}}
        output: {weight: $.weight}
        next: ship
      ship: {kind: automated, connector: echo, next: end}
"""

FLAKY = """
specification: flaky
version: "1"
nets:
  main:
    variables: {n: {schema: {type: integer}, output: true}}
    start: a
    tasks:
      a:
        kind: automated
        connector: echo
        config: {fail: {kind: timeout, message: too slow, retryable: true, times: 2}}
        retry: {attempts: 3, backoff_s: 0.05}
        input: {n: 7}
        output: {n: $.n}
        next: end
"""


def test_two_hundred_automated_cases_all_complete_and_none_twice(installation: Installation) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    case_ids = installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(200)])
    cases = installation.wait_for_end(case_ids)
    assert {case.status for case in cases} == {CaseStatus.COMPLETED}
    assert {case.id: case.data["n"] for case in cases} == {f"c{n}": n for n in range(200)}
    assert installation.completed_twice(case_ids) == []
    installation.check_replay(case_ids)


def test_cases_complete_although_a_worker_is_killed_in_the_middle(installation: Installation) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    case_ids = installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(600)])
    installation.wait_until(lambda: any(installation.parts.store.journal(c) for c in case_ids[:50]), "a first step")
    installation.kill("worker-1")
    cases = installation.wait_for_end(case_ids)
    assert {case.status for case in cases} == {CaseStatus.COMPLETED}
    assert installation.completed_twice(case_ids) == []
    installation.check_replay(case_ids)


def test_cases_go_on_when_all_workers_are_stopped_and_started_again(installation: Installation) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    case_ids = installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(600)])
    for number in (1, 2):
        installation.stop(f"worker-{number}")
    for number in (1, 2):
        installation.start_worker(number)
    cases = installation.wait_for_end(case_ids)
    assert {case.status for case in cases} == {CaseStatus.COMPLETED}
    assert installation.completed_twice(case_ids) == []
    installation.check_replay(case_ids)


def test_work_is_found_although_every_message_is_lost(installation: Installation) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    for stage in ("worker-1", "worker-2"):
        installation.stop(stage)
    case_ids = installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(50)])
    redis = installation.redis()
    redis.delete("dispatch", "connect", "upkeep")
    installation.start_worker(1)
    installation.wait_for_end(case_ids)


def test_a_persons_item_is_offered_claimed_started_and_completed(installation: Installation) -> None:
    specification = installation.deploy(WITH_A_PERSON)
    [case_id] = installation.submit(specification, [("order-1", {"n": 3})])
    store, worklist = installation.parts.store, installation.parts.worklist
    installation.wait_until(lambda: bool(store.items(ItemQuery(person="ann")).items), "an item for ann")
    item = installation.item_of(case_id, "pick")
    worklist.claim(item, "ann")
    assert store.items(ItemQuery(person="bob")).items == []
    worklist.start(item, "ann")
    done = worklist.complete(item, {"weight": 2.5}, "ann")
    if done.ring:
        installation.ring_for(case_id)
    [case] = installation.wait_for_end([case_id])
    assert case.data["weight"] == 2.5
    installation.check_replay([case_id])
    applied = store.item(item)
    assert applied is not None
    assert applied.applied is True


def test_a_call_that_fails_twice_is_repeated_within_its_budget(installation: Installation) -> None:
    specification = installation.deploy(FLAKY)
    case_ids = installation.submit(specification, [("c1", {}), ("c2", {})])
    cases = installation.wait_for_end(case_ids)
    assert [case.data["n"] for case in cases] == [7, 7]
    assert [type(entry.event).__name__ for entry in installation.parts.store.journal("c1")] == [
        "CaseSubmitted",
        "CallFailed",
        "CallFailed",
        "CallAnswered",
    ]
    installation.check_replay(case_ids)


def test_nothing_of_the_broker_is_left_behind(installation: Installation) -> None:
    specification = installation.deploy(FIVE_ECHOES)
    case_ids = installation.submit(specification, [(f"c{n}", {"n": n}) for n in range(100)])
    installation.wait_for_end(case_ids)
    redis = installation.redis()
    assert redis.keys("celery-task-meta-*") == []
    assert redis.keys("*:item:*") == []
    assert all(redis.zcard(key) == 0 for key in redis.keys("*:calls"))
