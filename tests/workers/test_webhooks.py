"""The courier: what it sends, how often it tries, and when it gives up."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.wiring import Parts, assemble
from engine.store.access import in_memory
from engine.store.happenings import Notice, Subject
from engine.store.memory import MemoryStore
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.webhooks import Delivery, Webhook, delivery_of
from tests.api.bench import RecordingDoorbell, settings_for
from tests.local_connectors import allowing_this_machine
from tests.webhook_receiver import Receiver
from workers.webhooks import LONGEST_PAUSE_S, MOST_ATTEMPTS, SENDERS, Courier, pause_s

SECRET = "what both sides know, of 32 characters or more"
END = Notice(Subject.CASE, "c1", "c1", "completed", 1_000, "orders", "1")


class Office:
    """A courier on a store in memory, whose clock stands still until it is moved."""

    def __init__(self, directory: Path, url: str, *, allow: bool = True) -> None:
        self.now = 1_000_000
        registry = MemoryRegistry(self.clock)
        access = in_memory(registry, self.clock)
        self.happenings = MemoryHappenings(access.webhooks.wanted)
        connectors = allowing_this_machine(directory) if allow else None
        self.parts: Parts = assemble(
            settings_for(directory, connectors=connectors),
            MemoryStore(2, self.clock, self.happenings),
            registry,
            RecordingDoorbell(),
            {},
            access=access,
            happenings=self.happenings,
        )
        self.hook = Webhook("billing", url, SECRET)
        self.parts.access.webhooks.put_webhook(self.hook)
        self.courier = Courier(self.parts)

    def clock(self) -> int:
        return self.now

    def end(self, notice: Notice = END) -> Delivery:
        self.happenings.noticed(0, notice)
        return delivery_of(self.hook, notice, self.now)


def until(fact: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < give_up
        time.sleep(0.005)


@pytest.fixture
def office(tmp_path: Path, receiver: Receiver) -> Office:
    return Office(tmp_path, receiver.url)


def test_an_end_is_sent_once(office: Office, receiver: Receiver) -> None:
    office.end()
    office.courier.round()
    until(lambda: len(receiver.came) == 1)
    office.now += 10**9
    office.courier.round()
    office.courier.close()
    assert len(receiver.came) == 1


def test_what_is_refused_is_tried_again_after_a_while_with_the_same_key(office: Office, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 404]
    delivery = office.end()
    for attempt in range(4):
        office.courier.round()
        until(lambda: len(receiver.came) == attempt + 1)  # noqa: B023
        until(lambda: not office.courier.under_way)
        office.courier.round()
        until(lambda: not office.courier.under_way)
        assert len(receiver.came) == attempt + 1
        office.now += pause_s(attempt + 1) * 1000
    assert {headers["idempotency-key"] for headers, _ in receiver.came} == {delivery.id}


def test_what_never_arrives_is_given_up_and_says_why(office: Office, receiver: Receiver) -> None:
    receiver.statuses = [500] * 20
    delivery = office.end()
    for _ in range(MOST_ATTEMPTS):
        office.courier.round()
        until(lambda: not office.courier.under_way)
        office.now += LONGEST_PAUSE_S * 1000
    office.courier.round()
    [dead] = office.parts.access.webhooks.dead(10, None).deliveries
    assert (dead.id, dead.attempts, len(receiver.came)) == (delivery.id, MOST_ATTEMPTS, MOST_ATTEMPTS)
    assert dead.error.startswith("http_500") and SECRET not in dead.error
    receiver.statuses = []
    office.parts.access.webhooks.revive(dead.id, office.now)
    office.courier.round()
    until(lambda: len(receiver.came) == MOST_ATTEMPTS + 1)


def test_an_address_that_is_not_allowed_is_not_asked(tmp_path: Path, receiver: Receiver) -> None:
    office = Office(tmp_path, receiver.url, allow=False)
    office.end()
    office.courier.round()
    until(lambda: not office.courier.under_way)
    assert receiver.came == []
    office.now += pause_s(1) * 1000
    [waiting] = office.parts.access.webhooks.take(office.now, 10)
    assert waiting.error.startswith("refused")


def test_what_is_on_its_way_to_a_webhook_that_is_gone_is_dropped(office: Office, receiver: Receiver) -> None:
    office.parts.access.webhooks.add([office.end()])
    office.parts.access.webhooks.put_webhook(replace(office.hook, active=False))
    office.courier.round()
    until(lambda: not office.courier.under_way)
    assert receiver.came == [] and office.parts.access.webhooks.take(10**12, 10) == []


def test_no_more_are_sent_at_once_than_there_are_senders(office: Office, receiver: Receiver) -> None:
    for number in range(SENDERS * 3):
        office.end(replace(END, id=f"c{number}", case_id=f"c{number}"))
    for _ in range(10):
        office.courier.round()
        until(lambda: not office.courier.under_way)
    assert len({body["case_id"] for body in receiver.bodies}) == SENDERS * 3 == len(receiver.came)


def test_pauses_double_up_to_their_bound() -> None:
    assert [pause_s(n) for n in (1, 2, 3, 12, 100)] == [5, 10, 20, 3600, 3600]
    assert 2.3 * 3600 < sum(pause_s(n) for n in range(1, MOST_ATTEMPTS)) < 2.6 * 3600
