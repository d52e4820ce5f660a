"""Notices by mail: who is told what, by a real SMTP server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.wiring import Parts, assemble
from engine.resources.organisation import NoticeName, Participant
from engine.spec.read import read_specification
from engine.store.access import in_memory
from engine.store.memory import MemoryStore
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.registry import StoredSpecification
from engine.submission import submission
from tests.api.bench import RecordingDoorbell, settings_for
from tests.connectors.local_mail import LocalMail
from tests.workers.test_webhooks import until
from workers.webhooks import MOST_ATTEMPTS, Courier, pause_s

SPECIFICATION = """
specification: approval
version: "1"
nets:
  main:
    start: approve
    tasks:
      approve:
        kind: human
        offer: {participants: [ann, bob, cyd]}
        due: {after: PT1H}
        timer: {after: PT1M, then: remind}
        next: end
"""

ALL: tuple[NoticeName, ...] = ("offered", "allocated", "reminded")


class Post:
    """An installation in memory whose mails go to a real server. Its clock stands still until it is moved."""

    def __init__(self, directory: Path, mail: LocalMail) -> None:
        self.now = 1_790_000_000_000
        self.mail = mail
        connectors = directory / "connectors.yaml"
        connectors.write_text(
            f"mail: {{host: 127.0.0.1, port: {mail.port}, security: none, from: cases@example.org}}\n"
        )
        registry = MemoryRegistry(self.clock)
        happenings = MemoryHappenings(lambda: True)
        settings = settings_for(
            directory, connectors=connectors, mail_notices="mail", public_url="https://cases.example"
        )
        self.parts: Parts = assemble(
            settings,
            MemoryStore(2, self.clock, happenings),
            registry,
            RecordingDoorbell(),
            {},
            access=in_memory(registry, self.clock),
            happenings=happenings,
        )
        registry.put_participant(Participant("ann", "Ann", email="ann@example.org", notices=ALL))
        registry.put_participant(Participant("bob", "Bob", email="bob@example.org"))
        registry.put_participant(Participant("cyd", "Cyd", notices=ALL))
        specification = read_specification(SPECIFICATION)
        document = dict(specification.document)
        registry.put_specification(StoredSpecification("approval", "1", document, SPECIFICATION, "application/yaml"))
        begun = submission(specification, "c1", {}, by="test", correlation_id="x", at=self.now)
        assert self.parts.store.submit([begun])[0].accepted
        self.drain()
        self.courier = Courier(self.parts)

    def clock(self) -> int:
        return self.now

    def drain(self) -> None:
        for shard in range(2):
            self.parts.runner.drain(shard, "test")

    def later(self, ms: int) -> None:
        self.now += ms
        self.parts.store.fire_timers(range(2), 10)
        self.drain()

    def sent(self) -> list[tuple[str, str]]:
        """What a round sends: to whom, with which subject."""
        before = len(self.mail.received)
        self.courier.round()
        until(lambda: not self.courier.under_way)
        return sorted((message["to"], message["subject"]) for message in self.mail.received[before:])


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    mail = LocalMail()
    stop = mail.start()
    here = Post(tmp_path, mail)
    yield here
    here.courier.close()
    stop()


def test_who_wants_to_hear_of_offers_is_told_once(post: Post) -> None:
    assert post.sent() == [("ann@example.org", "Offered: approve (c1)")]
    assert post.sent() == []
    said = post.mail.last().get_content()
    assert "Item:  c1:1" in said
    assert "Case:  c1 (approval 1)" in said
    assert "Due:   2026-09-21 15:13 UTC" in said
    assert "https://cases.example" in said


def test_who_is_given_an_item_is_told_and_who_takes_it_himself_is_not(post: Post) -> None:
    post.sent()
    post.parts.worklist.claim("c1:1", "ann")
    assert post.sent() == []
    post.parts.worklist.delegate("c1:1", "bob", "ann")
    assert post.sent() == [("bob@example.org", "Yours: approve (c1)")]


def test_those_who_have_not_taken_it_are_reminded_and_then_its_owner(post: Post) -> None:
    post.sent()
    post.later(60_000)
    assert post.sent() == [("ann@example.org", "Reminder: approve (c1)"), ("bob@example.org", "Reminder: approve (c1)")]


def test_nobody_is_called_to_what_a_colleague_has_taken_meanwhile(post: Post) -> None:
    post.mail.recipients = {"ann@example.org": "450 not now"}
    assert post.sent() == []
    post.mail.recipients = {}
    post.parts.worklist.claim("c1:1", "bob")
    post.now += pause_s(1) * 1000
    assert post.sent() == []
    assert post.parts.access.webhooks.take(post.now + 10**9, 10) == []


def test_who_is_forgotten_meanwhile_is_told_nothing(post: Post) -> None:
    post.parts.registry.delete_participant("ann")
    assert post.sent() == []


def test_a_server_that_refuses_is_asked_again_and_given_up_at_last(post: Post) -> None:
    post.mail.recipients = {"ann@example.org": "450 not now"}
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert post.sent() == []
        post.now += pause_s(attempt) * 1000
    [dead] = post.parts.access.webhooks.dead(10, None).deliveries
    assert (dead.person, dead.webhook, dead.attempts) == ("ann", "", MOST_ATTEMPTS)
    assert "450" in dead.error
    post.mail.recipients = {}
    post.parts.access.webhooks.revive(dead.id, post.now)
    assert post.sent() == [("ann@example.org", "Offered: approve (c1)")]
