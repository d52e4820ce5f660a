"""Many instances and child cases on real workers: each counts once, whoever is killed."""

from collections.abc import Iterable

import pytest

from engine.case import CaseStatus
from engine.events import CaseCancelled, Envelope
from engine.names import shard_of
from engine.store.port import CaseQuery
from tests.installation import Installation

pytestmark = pytest.mark.servers

FAN = """
specification: fan
version: "1"
nets:
  main:
    variables:
      n: {schema: {type: integer}, input: true}
      sum: {schema: {type: integer}, output: true}
      doubled: {schema: {type: array}, output: true}
    start: square
    tasks:
      square:
        kind: automated
        connector: echo
        config: {fail: {kind: timeout, message: too slow, retryable: true, times: 1}}
        retry: {attempts: 3, backoff_s: 0.01}
        input: {value: {expr: "i_index * i_index"}}
        instances: {count: "n", as: i, gather: {variable: sum, from: "$.value", with: sum}}
        next: double
      double:
        kind: composite
        net: leaf
        input: {k: "$.c"}
        instances: {count: 20, as: c, gather: {variable: doubled, from: "$.k"}}
        next: end
  leaf:
    variables:
      k: {schema: {type: integer}, input: true, output: true}
    start: double
    tasks:
      double: {kind: automated, connector: echo, input: {v: {expr: "k * 2"}}, output: {k: "$.v"}, next: end}
"""

SLOW = """
specification: slow
version: "1"
nets:
  main:
    start: split
    tasks:
      split: {kind: routing, next: [many, stop]}
      many:
        kind: composite
        net: waiting
        instances: {count: 250}
        next: end
      stop: {kind: human, offer: {roles: [clerk]}, next: end}
  waiting:
    start: wait
    tasks:
      wait: {kind: human, offer: {roles: [clerk]}, next: end}
"""


def children_of(installation: Installation, case_id: str) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = installation.parts.store.cases(CaseQuery(parent=case_id, limit=500, after=cursor))
        found += [case.id for case in page.cases]
        cursor = page.next
        if cursor is None:
            return found


def expect_counted_once(installation: Installation, case_ids: Iterable[str], n: int) -> None:
    for case in installation.wait_for_end(case_ids):
        assert case.status is CaseStatus.COMPLETED, case.failure
        assert case.data["sum"] == sum(index * index for index in range(n))
        assert case.data["doubled"] == [index * 2 for index in range(20)]
        children = children_of(installation, case.id)
        assert len(children) == 20
        assert installation.completed_twice([case.id, *children]) == []
        installation.check_replay([case.id, *children])


def test_instances_that_fail_at_first_are_repeated_and_each_counts_once(installation: Installation) -> None:
    specification = installation.deploy(FAN)
    expect_counted_once(installation, installation.submit(specification, [("fan", {"n": 300})]), 300)


def test_instances_count_once_although_a_worker_is_killed_in_the_middle(installation: Installation) -> None:
    specification = installation.deploy(FAN)
    case_ids = installation.submit(specification, [(f"fan{k}", {"n": 400}) for k in range(3)])
    installation.wait_until(
        lambda: any(len(installation.parts.store.journal(case_id)) > 50 for case_id in case_ids), "a first outcome"
    )
    installation.kill("worker-1")
    expect_counted_once(installation, case_ids, 400)


def test_cancelling_a_case_ends_two_hundred_and_fifty_children(installation: Installation) -> None:
    specification = installation.deploy(SLOW)
    [case_id] = installation.submit(specification, [("slow", {})])
    installation.wait_until(lambda: len(children_of(installation, case_id)) == 250, "the children")
    shard = shard_of(case_id, installation.parts.store.shards)
    installation.parts.store.append(shard, [Envelope(case_id, CaseCancelled("ann"))])
    installation.ring_for(case_id)
    children = children_of(installation, case_id)
    assert {case.status for case in installation.wait_for_end([case_id, *children])} == {CaseStatus.CANCELLED}
    installation.check_replay([case_id, *children])
