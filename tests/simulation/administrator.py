"""An administrator with a hand in some cases: gives items to others, skips, cancels, suspends them, adds instances.

Nobody knows what comes of such a case; every promise but that of its result holds all the same.
"""

from functools import partial

from engine.errors import Unavailable
from engine.items.work_item import ItemState, WorkItem
from engine.store.port import ItemQuery
from engine.worklist import Done
from tests.simulation.office import Office, RequestDied

ADMINISTRATOR = "root"
MEDDLES_S = 6.0


class Administrator:
    """Looks at the cases he has a hand in, and does something to one of their items."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def work(self) -> None:
        """Goes on for as long as the world does. In the end he only gives back what he took away."""
        while True:
            self._office.think(MEDDLES_S)
            try:
                self._look()
            except (Unavailable, RequestDied):
                continue

    def _look(self) -> None:
        office, luck = self._office, self._office.scheduler.current.luck
        found = office.store.items(ItemQuery()).items
        items = [item for item in found if office.is_meddled_with(item.id)]
        if office.closes:
            for item in found:
                office.request(partial(self._give_back, item))
        elif items:
            acts = self._allocate, self._offer, self._skip, self._cancel, self._put_aside, self._add
            office.request(partial(luck.choice(acts), luck.choice(items)))

    def _give_back(self, item: WorkItem) -> None:
        if item.state is ItemState.SUSPENDED:
            self._office.worklist.resume(item.id, ADMINISTRATOR, administrator=True)
        elif (
            item.state in (ItemState.CREATED, ItemState.OFFERED)
            and item.rejected_by
            and self._office.present.isdisjoint(item.offered_to)
        ):
            # All who are there have rejected it, two of them perhaps at once.
            self._offer(item)

    def _put_aside(self, item: WorkItem) -> None:
        move = self._office.worklist.resume if item.state is ItemState.SUSPENDED else self._office.worklist.suspend
        move(item.id, ADMINISTRATOR, administrator=True)

    def _allocate(self, item: WorkItem) -> None:
        to = self._office.scheduler.current.luck.choice(sorted(self._office.present))
        self._office.worklist.allocate(item.id, to, ADMINISTRATOR)

    def _offer(self, item: WorkItem) -> None:
        self._office.worklist.offer(item.id, tuple(sorted(self._office.present)), ADMINISTRATOR)

    def _skip(self, item: WorkItem) -> None:
        self._told(self._office.worklist.skip(item.id, ADMINISTRATOR))

    def _cancel(self, item: WorkItem) -> None:
        self._told(self._office.worklist.cancel(item.id, ADMINISTRATOR))

    def _add(self, item: WorkItem) -> None:
        added = self._office.worklist.add_instance(item.id, None, ADMINISTRATOR, administrator=True)
        self._office.tell(item.id, ring=added.ring, calls=added.calls)

    def _told(self, done: Done) -> None:
        self._office.tell(done.item.id, ring=done.ring, calls=done.calls)
