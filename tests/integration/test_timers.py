"""Timers on real workers and beat: fired once, in time, also what became due while nobody was there."""

import time

import pytest

from engine.case import CaseStatus
from engine.events import TimerFired
from tests.installation import Installation

pytestmark = pytest.mark.servers

WAITING = """
specification: waiting
version: "1"
nets:
  main:
    start: wait
    tasks:
      wait: {kind: routing, delay: PT1S, next: ask}
      ask: {kind: human, offer: {roles: [clerk]}, timer: {after: PT1S, then: skip}, next: end}
"""

LATEST_MS = 1_000
"""A timer fires within a second while the system is up."""


def lateness_of(installation: Installation, case_ids: list[str]) -> list[int]:
    """How late each timer was handled, in milliseconds."""
    return [
        entry.at - entry.event.due
        for case_id in case_ids
        for entry in installation.parts.store.journal(case_id)
        if isinstance(entry.event, TimerFired)
    ]


def test_two_hundred_cases_go_on_when_their_timers_are_due(installation: Installation) -> None:
    specification = installation.deploy(WAITING)
    # Until a first one has come through, beat may still be starting.
    installation.wait_for_end(installation.submit(specification, [("first", {})]))
    case_ids = installation.submit(specification, [(f"t{n}", {}) for n in range(200)])
    assert {case.status for case in installation.wait_for_end(case_ids)} == {CaseStatus.COMPLETED}
    lateness = lateness_of(installation, case_ids)
    assert len(lateness) == 400 and min(lateness) >= 0
    assert sorted(lateness)[-8] <= LATEST_MS, sorted(lateness)[-20:]
    installation.check_replay(case_ids)


def test_what_became_due_while_nobody_was_there_fires_late_and_once(installation: Installation) -> None:
    specification = installation.deploy(WAITING)
    case_ids = installation.submit(specification, [(f"t{n}", {}) for n in range(50)])
    installation.wait_until(
        lambda: any(case.timers for case in installation.parts.store.load(case_ids, []).cases.values()), "a timer"
    )
    for name in ("beat", "worker-1", "worker-2"):
        installation.kill(name)
    time.sleep(1.2)
    assert sum(work.due_timers + work.undrained for work in installation.parts.store.work()) > 0
    installation.start_worker(1)
    installation.start_beat()
    assert {case.status for case in installation.wait_for_end(case_ids)} == {CaseStatus.COMPLETED}
    assert len(lateness_of(installation, case_ids)) == 100
    installation.check_replay(case_ids)
