"""The people: they look at their worklist and move items. Only what was answered goes into the ledger."""

from collections.abc import Callable
from typing import Any

from engine.errors import Conflict, Unavailable
from engine.items.work_item import WAITING, ItemState, WorkItem
from engine.store.port import ItemQuery
from tests.simulation.ledger import Completion
from tests.simulation.office import Office, RequestDied
from tests.simulation.scheduler import SECOND
from tests.simulation.violation import demand

IDLE_S = 2.0
"""How long somebody who found nothing to do looks away."""

GIVING_UP = 0.1
"""How often somebody gives an item up, in a case whose result is not determined anyway."""


class Person:
    """Looks at what there is to do, and does some of it."""

    def __init__(self, name: str, office: Office) -> None:
        self._name = name
        self._office = office

    def work(self) -> None:
        """Goes on for as long as the world does."""
        office = self._office
        while True:
            office.think(office.thinking_s)
            self._requested(self._do_something)

    def _requested(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (Unavailable, RequestDied):
            return

    def _do_something(self) -> None:
        office, luck = self._office, self._office.scheduler.current.luck
        items = office.store.items(ItemQuery(person=self._name, limit=50)).items
        if not items:
            office.scheduler.sleep(round(IDLE_S * SECOND))
            return
        item = luck.choice(items)
        if item.state is ItemState.STARTED:
            gives_up = office.is_meddled_with(item.id) and luck.random() < GIVING_UP
            office.request(lambda: self._fail(item) if gives_up else self._complete(item))
        elif item.state is ItemState.OFFERED and luck.random() < office.claiming:
            office.request(lambda: self._claim(item))
        elif item.state is ItemState.OFFERED and luck.random() < 0.05 and self._others(item):
            office.request(lambda: self._reject(item))
        elif item.state in WAITING:
            office.request(lambda: self._start(item))

    def _others(self, item: WorkItem) -> bool:
        return any(name in self._office.present for name in item.offered_to if name != self._name)

    def _claim(self, item: WorkItem) -> None:
        office = self._office
        office.worklist.claim(item.id, self._name)
        before = office.ledger.claimed.setdefault(item.id, self._name)
        if not office.is_meddled_with(item.id):
            demand(before == self._name, "of many who claim one succeeds", f"{item.id}: {before} and {self._name}")
        office.ledger.claims += 1

    def _reject(self, item: WorkItem) -> None:
        self._office.worklist.reject_offer(item.id, self._name)

    def _start(self, item: WorkItem) -> None:
        office = self._office
        done = office.worklist.start(item.id, self._name)
        if done.item.state is ItemState.STARTED:
            before = office.ledger.started.setdefault(item.id, self._name)
            demand(before == self._name, "of many who start one succeeds", f"{item.id}: {before} and {self._name}")
        office.tell(item.id, ring=done.ring, calls=done.calls)

    def _fail(self, item: WorkItem) -> None:
        done = self._office.worklist.fail(item.id, "no", self._name)
        self._office.tell(item.id, ring=done.ring, calls=done.calls)

    def _complete(self, item: WorkItem) -> None:
        office, output = self._office, output_of(item)
        try:
            done = office.worklist.complete(item.id, output, self._name)
        except Conflict:
            # As the API answers a repeated request: it was done if it stands there as asked.
            stands = office.store.item(item.id)
            if stands is None or (stands.state, stands.owner) != (ItemState.COMPLETED, self._name):
                raise
        else:
            demand(item.id not in office.ledger.completed, "an item is completed once", item.id)
            office.tell(item.id, ring=done.ring, calls=done.calls)
        office.ledger.completed[item.id] = Completion(self._name, output)


def output_of(item: WorkItem) -> dict[str, Any]:
    """What a person gives: it follows from the item, whoever does it."""
    return {"index": item.instance if item.instance is not None else 0}
