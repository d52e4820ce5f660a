"""A service that fails three calls of ten: every outcome is accounted for, no call is beyond its budget.

`CASEWRIGHT_TEST_CALLS=5000` makes as many calls.
"""

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from engine.case import Case, CaseStatus
from engine.events import CallAnswered, CallFailed
from tests.installation import Installation
from tests.unreliable_service import KINDS, UnreliableService
from workers.connect import LOSSES_FORGIVEN

CALLS = int(os.environ.get("CASEWRIGHT_TEST_CALLS", "400"))
ATTEMPTS = 4
PATIENCE_S = 60.0 + CALLS / 20

BOOKING = """
specification: booking
version: "1"
nets:
  main:
    variables:
      n: {{schema: {{type: integer}}, input: true, output: true}}
    start: book
    tasks:
      book:
        kind: automated
        connector: http
        config: {{method: POST, url: "{url}/book", body: {{n: "{{{{ n }}}}"}}, timeout_s: 1}}
        retry: {{attempts: {attempts}, backoff_s: 0.05, on: [any]}}
        output: {{n: $.body.n}}
        next: end
"""


@pytest.fixture
def service() -> Iterator[UnreliableService]:
    with UnreliableService(share=0.3, slow_s=1.5) as service:
        yield service


def booked(installation: Installation, service: UnreliableService) -> list[str]:
    specification = installation.deploy(BOOKING.format(url=service.url, attempts=ATTEMPTS))
    return installation.submit(specification, [(f"b{n}", {"n": n}) for n in range(CALLS)])


def outcomes(installation: Installation, case: Case) -> list[CallAnswered | CallFailed]:
    """What the journal says of every attempt."""
    events = [entry.event for entry in installation.parts.store.journal(case.id)]
    return [event for event in events if isinstance(event, CallAnswered | CallFailed)]


def is_right(case: Case) -> bool:
    """Whether what the service gave is in the case."""
    return case.status is CaseStatus.COMPLETED and case.data["n"] == int(case.id[1:]) + 1


@pytest.mark.timeout(PATIENCE_S + 60)
def test_every_outcome_of_every_call_is_in_the_journal_and_no_call_is_beyond_its_budget(
    installation: Installation, service: UnreliableService
) -> None:
    cases = installation.wait_for_end(booked(installation, service), PATIENCE_S)
    for case in cases:
        told = outcomes(installation, case)
        kinds = [event.kind if isinstance(event, CallFailed) else None for event in told]
        met = [KINDS[fault] if fault else None for fault in service.met[told[0].item]]
        assert kinds == met, case.id
        assert None not in met[:-1], "nothing follows a success"
        if met[-1] is None:
            assert is_right(case)
        else:
            assert (case.status, len(met)) == (CaseStatus.FAILED, ATTEMPTS)
    met_by_any = Counter(fault for met in service.met.values() for fault in met if fault)
    assert set(met_by_any) == set(KINDS), "every fault came"
    assert set(service.effects.values()) == {1}
    assert service.keys_of_several_requests() == []


@pytest.mark.timeout(PATIENCE_S + 60)
def test_each_call_has_one_effect_although_workers_are_killed(
    installation: Installation, service: UnreliableService
) -> None:
    case_ids = booked(installation, service)
    for killed, number in enumerate((1, 2, 1)):
        enough = CALLS * (killed + 1) // 5
        installation.wait_until(partial(lambda enough: len(service.met) > enough, enough), "some calls")
        installation.kill(f"worker-{number}")
        installation.start_worker(number)
    cases = installation.wait_for_end(case_ids, PATIENCE_S)
    assert set(service.effects.values()) == {1}
    assert service.keys_of_several_requests() == []
    for case in cases:
        item = outcomes(installation, case)[-1].item
        assert len(service.met[item]) <= ATTEMPTS + LOSSES_FORGIVEN
        assert case.status is CaseStatus.FAILED or (is_right(case) and service.effects[item] == 1)
    installation.check_replay(case_ids)
