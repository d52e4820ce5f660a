"""Notices by mail: people are told of what was offered or allocated to them, and reminded of what is due.

Which of these somebody is told stands in his resource (`notices`, `email`). Nobody is told what he did himself, nor of
an item that has meanwhile gone to others or is done. A mail names the item and holds no data of the case.
"""

from collections.abc import Callable
from datetime import UTC
from typing import Any, NamedTuple

from deploy.wiring import Parts
from engine.data.moments import instant
from engine.items.work_item import ItemState, WorkItem
from engine.store.happenings import REMINDED, Notice, Subject
from engine.store.webhooks import Delivery, mail_of

MOST_OFFERED = 200
"""So many are told by mail of one offer; who else it is for sees it in the worklist."""


class Letter(NamedTuple):
    """A mail, before a connector sends it."""

    to: str
    subject: str
    text: str

    @property
    def config(self) -> dict[str, Any]:
        """The config of a call to the connector."""
        return {"to": self.to, "subject": self.subject, "text": self.text}


def mails(parts: Parts, notice: Notice, now: int) -> list[Delivery]:
    """The mails that are to tell people of something."""
    if notice.what is not Subject.ITEM or notice.event not in _CONCERNED:
        return []
    item = parts.store.item(notice.id)
    if item is None:
        return []
    people = parts.directory.now().participants
    concerned = [people[name] for name in _CONCERNED[notice.event](item) if name in people and name != notice.by]
    told = [each.id for each in concerned if each.email and notice.event in each.notices]
    return [mail_of(person, notice, now) for person in told[:MOST_OFFERED]]


def letter(parts: Parts, delivery: Delivery) -> Letter | None:
    """What somebody is told now; None when there is nothing any more to be told, or nobody to tell."""
    notice = delivery.notice
    person, item = parts.directory.now().participants.get(delivery.person), parts.store.item(notice.id)
    if person is None or not person.email or item is None or person.id not in _CONCERNED[notice.event](item):
        return None
    lines = [
        _SAID[notice.event].format(task=item.task),
        "",
        f"Item:  {item.id}",
        f"Case:  {item.case_id} ({item.specification} {item.specification_version})",
    ]
    if item.due_at:
        due = instant(item.due_at).astimezone(UTC)
        lines.append(f"Due:   {due:%Y-%m-%d %H:%M} UTC")
    if parts.settings.public_url:
        lines += ["", parts.settings.public_url]
    return Letter(person.email, f"{_SUBJECTS[notice.event]}: {item.task} ({item.case_id})", "\n".join(lines) + "\n")


def _offered(item: WorkItem) -> tuple[str, ...]:
    return item.offered_to if item.state is ItemState.OFFERED else ()


def _owner(item: WorkItem) -> tuple[str, ...]:
    has = item.state in (ItemState.ALLOCATED, ItemState.STARTED, ItemState.SUSPENDED)
    return (item.owner,) if has and item.owner is not None else ()


_CONCERNED: dict[str, Callable[[WorkItem], tuple[str, ...]]] = {
    ItemState.OFFERED: _offered,
    ItemState.ALLOCATED: _owner,
    REMINDED: lambda item: _offered(item) or _owner(item),
}
"""Whom an event of an item concerns, as it is now."""

_SUBJECTS = {ItemState.OFFERED: "Offered", ItemState.ALLOCATED: "Yours", REMINDED: "Reminder"}

_SAID = {
    ItemState.OFFERED: "{task} is offered to you; whoever claims it first has it.",
    ItemState.ALLOCATED: "{task} is yours to do.",
    REMINDED: "{task} waits to be done.",
}
