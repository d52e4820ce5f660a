"""The port of webhooks: who wants to be told of cases and items, and what is on its way to them and to people's mail.

A notice becomes a delivery for each webhook that wants it, and for each person whom a mail is to tell of it, under an
id made of both, so that making it twice makes one. A delivery is taken by one sender at a time, for a while: one that
died is taken again, so it may arrive twice and is never lost. After so many attempts it is dead, and stays to be looked
at and sent again.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from msgspec import Struct

from engine.store.happenings import Notice

MOST_WEBHOOKS = 100
MOST_DEAD = 10_000
"""Dead deliveries that are kept; the oldest go first."""

TAKEN_MS = 60_000
"""For how long a delivery is its taker's."""


class Webhook(Struct, frozen=True):
    """Who is told: where (`url`), of what. `secret` is what deliveries are signed with.

    `events`: `case.completed`, `item.*`, ...; `specifications`: ids (None: all). Times are ms since 1970.
    """

    name: str
    url: str
    secret: str
    events: tuple[str, ...] = ("*",)
    specifications: tuple[str, ...] | None = None
    active: bool = True
    made_at: int = 0
    put_at: int = 0
    put_by: str = ""

    def wants(self, notice: Notice) -> bool:
        """Whether it is to be told of something."""
        named = {"*", f"{notice.what}.*", event_of(notice)}
        of_these = self.specifications is None or notice.specification in self.specifications
        # What ended before somebody else's webhook was removed may still lie there.
        return self.active and of_these and notice.at >= self.made_at and not named.isdisjoint(self.events)


class Delivery(Struct, frozen=True):
    """A notice on its way to a `webhook`, or by mail to a `person`.

    It says how often that was tried, when it is due (ms since 1970), and what went wrong last.
    """

    id: str
    webhook: str
    notice: Notice
    attempts: int = 0
    due: int = 0
    error: str = ""
    person: str = ""


class DeliveryPage(NamedTuple):
    """A page of deliveries, and the cursor behind it."""

    deliveries: list[Delivery]
    next: str | None


class Webhooks(Protocol):
    """Where they are kept. Every method may raise `Unavailable`."""

    def wanted(self) -> bool:
        """Whether anybody wants to be told anything."""

    def webhooks(self) -> list[Webhook]:
        """All webhooks, by name."""

    def webhook(self, name: str) -> Webhook | None:
        """One webhook."""

    def put_webhook(self, webhook: Webhook) -> bool:
        """Enters or changes one; whether it is new."""

    def delete_webhook(self, name: str) -> bool:
        """Removes one; False when there is none. What is on its way to it is dropped when its turn comes."""

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Puts deliveries on their way, but for those that are or were on it."""

    def take(self, now: int, limit: int) -> list[Delivery]:
        """Takes deliveries that are due, for a while."""

    def put_off(self, delivery: Delivery) -> None:
        """Tries one again when it is due."""

    def bury(self, delivery: Delivery) -> None:
        """Gives one up."""

    def done(self, delivery: Delivery) -> None:
        """One arrived, or nobody wants it any more."""

    def dead(self, limit: int, after: str | None) -> DeliveryPage:
        """Deliveries that were given up, the newest first. Raises `InvalidInput` (`invalid_cursor`)."""

    def revive(self, identifier: str, now: int) -> bool:
        """Puts a dead delivery on its way again; False when there is none."""


def event_of(notice: Notice) -> str:
    """What a notice is called: `case.completed`, `item.failed`."""
    return f"{notice.what}.{notice.event}"


def delivery_of(webhook: Webhook, notice: Notice, now: int) -> Delivery:
    """The delivery of a notice to a webhook."""
    return Delivery(_id("webhook", webhook.name, notice), webhook.name, notice, due=now)


def mail_of(person: str, notice: Notice, now: int) -> Delivery:
    """The delivery of a notice to a person by mail."""
    return Delivery(_id("mail", person, notice), "", notice, due=now, person=person)


def _id(way: str, name: str, notice: Notice) -> str:
    made_of = f"{way} {name} {notice.what} {notice.id} {notice.event} {notice.at}"
    return sha256(made_of.encode()).hexdigest()[:32]
