"""Exceptions on real workers: timers of beat, worklets, all cases of a specification, and workers that are killed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import ApiUnreachable, Client
from engine.case import CaseStatus
from engine.events import CaseCancelled, Envelope, ExceptionRaised
from engine.names import shard_of
from engine.resources.organisation import Participant
from engine.store.registry import User
from tests.chaos.ports import free_port
from tests.chaos.service import Service
from tests.installation import Installation

pytestmark = pytest.mark.servers

SLOW = """
specification: slow
version: "1"
nets:
  main:
    variables: {amount: {input: true, schema: {type: integer}}, answer: {output: true}}
    start: approve
    tasks:
      approve:
        kind: human
        offer: {roles: [clerk]}
        timer: {after: PT0.2S, then: {exception: timeout}}
        next: end
"""
CALL = """
specification: call-customer
version: "1"
nets:
  main:
    variables: {amount: {input: true}, answer: {output: true}}
    start: call
    tasks: {call: {kind: human, offer: {roles: [clerk]}, output: {answer: "$.answer"}, next: end}}
"""
RECALL = """
specification: recall
version: "1"
on: {external_trigger: [{remove: all}]}
nets:
  main:
    start: work
    tasks: {work: {kind: human, offer: {roles: [clerk]}, next: end}}
"""
TRIP = """
specification: trip
version: "1"
nets:
  main:
    variables: {key: {input: true}}
    start: book
    tasks:
      book: {%(calls)s, compensation: unbook, next: fly}
      fly: {%(calls)s, compensation: unfly, next: wait}
      wait: {kind: human, offer: {roles: [clerk]}, next: end}
      unbook: {%(calls)s}
      unfly: {%(calls)s}
"""
CALLS = 'kind: automated, connector: http, config: {method: POST, url: "%s/add/0"}, input: {n: 1}'
CASES = 60
KILLS = 3


@pytest.fixture
def running(redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with Installation(redis_url, tmp_path) as installation:
        installation.hire(Participant("ann", roles=("clerk",)))
        yield installation


def test_a_timeout_is_handled_by_a_worklet_and_all_of_it_seen_over_http(running: Installation) -> None:
    for text in (SLOW, CALL):
        running.deploy(text)
    address = running.start_api(free_port())
    for name in ("admin", "ann"):
        running.parts.registry.put_user(User(name, access=("admin",)))
    admin, ann = Client(address, running.token("admin")), Client(address, running.token("ann"))
    running.wait_until(lambda: _is_live(admin), "the API to answer")
    conclusion = [{"compensate": "call-customer"}, "complete"]
    taught = admin.add_rule("slow", "timeout", "amount > 10", conclusion, task="approve", data={"amount": 12})
    assert taught["path"] == ["1: amount > 10 held"]
    case_id = admin.start_case("slow", {"amount": 20})["case_id"]
    running.wait_until(lambda: bool(admin.case(case_id)["handling"]), "the timeout to be handled")
    [handled] = admin.case(case_id)["handling"]
    [worklet] = handled["waits_for"]
    assert (handled["kind"], handled["left"]) == ("timeout", ["complete"])
    running.wait_until(lambda: bool(ann.items(case_id=worklet)["items"]), "somebody to be asked to call")
    [item] = ann.items(case_id=worklet)["items"]
    ann.start(item["item_id"])
    ann.complete(item["item_id"], {"answer": "wait"})
    ended = admin.wait_for_case(case_id, 30)
    assert (ended["status"], ended["result"]) == ("completed", {"answer": "wait"})
    [work] = [each for each in running.parts.store.items_of(case_id) if each.task == "approve"]
    assert work.state == "skipped"


def test_one_case_ends_all_of_its_specification(running: Installation) -> None:
    specification = running.deploy(RECALL)
    case_ids = running.submit(specification, [(f"recall-{n}", {}) for n in range(CASES)])
    store = running.parts.store
    running.wait_until(
        lambda: all((case := store.case(each)) is not None and case.runs for each in case_ids), "all to wait"
    )
    shard = shard_of(case_ids[0], store.shards)
    store.append(shard, [Envelope(case_ids[0], ExceptionRaised("recall", "ann"))])
    running.parts.doorbell.ring(shard)
    ended = running.wait_for_end(case_ids)
    assert Counter(case.status for case in ended) == {CaseStatus.CANCELLED: CASES}
    running.check_replay(case_ids)


def test_each_compensation_is_done_once_although_workers_are_killed(running: Installation) -> None:
    with Service() as service:
        specification = running.deploy(TRIP % {"calls": CALLS % service.url})
        case_ids = running.submit(specification, [(f"trip-{n}", {"key": n}) for n in range(CASES)])
        store = running.parts.store
        running.wait_until(lambda: all(store.items_of(each) for each in case_ids), "all to be booked")
        for number, case_id in enumerate(case_ids):
            shard = shard_of(case_id, store.shards)
            store.append(shard, [Envelope(case_id, CaseCancelled("ann"))])
            running.parts.doorbell.ring(shard)
            if number % (CASES // KILLS) == CASES // KILLS - 1:
                running.kill("worker-1")
                running.start_worker(1)
        ended = running.wait_for_end(case_ids)
        assert Counter(case.status for case in ended) == {CaseStatus.CANCELLED: CASES}
        assert service.keys_of_several_requests() == []
        # Each case has four calls with a key each, however often one was made.
        assert Counter(key.partition(":")[0] for key in service.bodies) == dict.fromkeys(case_ids, 4)
        for case_id in case_ids:
            notes = [note for entry in store.journal(case_id) for note in entry.notes]
            assert [note.task for note in notes if note.what == "compensating"] == ["fly", "book"]
    running.check_replay(case_ids)


def _is_live(client: Client) -> bool:
    try:
        return client.cases(limit=1) is not None
    except ApiUnreachable:
        return False
