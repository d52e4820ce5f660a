"""Items as the routes about them find, show and move them."""

from collections.abc import Sequence
from typing import NamedTuple

from flask import Response

from api.answers import answer
from api.archived import shelf_of
from api.context import context, parts, principal
from api.messages import ItemView, item_view
from api.permissions import Permission
from api.scope import Asker, asker
from deploy.wiring import Parts
from engine.errors import InvalidInput, NotFound, Problem
from engine.items.visibility import is_visible
from engine.items.work_item import WorkItem
from engine.names import ITEM_ID, case_of, shard_of
from engine.resources.persons import overseen_by
from engine.worklist import Done


class Viewer(NamedTuple):
    """Who looks at items: a user, the participant he acts as, whose items he sees beside his own, and his scope."""

    user: str
    participant: str
    sees_all: bool
    overseen: frozenset[str]
    scope: Asker

    def may_know(self, item: WorkItem, of: Parts) -> bool:
        """Whether he may know of an item."""
        if not self.scope.reaches(item.specification):
            return False
        if item.owner == self.participant or (self.sees_all and self._sees_case(item, of)):
            return True
        specification = of.definitions.get(item.specification, item.specification_version)
        visibility = specification.nets[item.net].tasks[item.task].visibility
        return is_visible(item, self.participant, visibility, self.overseen)

    def finds(self, item: WorkItem, person: str | None, of: Parts) -> bool:
        """Whether an item shows among those of a person. Without one (None) everything is found that he may know of."""
        if person is None:
            return self.may_know(item, of)
        near = person == self.participant or person in self.overseen
        return self.scope.reaches(item.specification) and (near or self._sees_case(item, of))

    def _sees_case(self, item: WorkItem, of: Parts) -> bool:
        """Whether he may know of the case of an item."""
        if of.definitions.get(item.specification, item.specification_version).access.see is None:
            return True
        case = of.store.case(item.case_id) or of.archive.case(item.case_id)
        return case is not None and self.scope.sees(case, of)


def viewer() -> Viewer:
    """Who asks, as one who looks at items."""
    asks = principal()
    overseen = overseen_by(parts().directory.now(), asks.participant)
    return Viewer(asks.user, asks.participant, asks.may(Permission.ITEMS_SEE_ALL), overseen, asker())


def me() -> str:
    """The participant who asks."""
    return principal().participant


def administers() -> bool:
    """Whether who asks administers items."""
    return principal().may(Permission.ITEMS_ADMINISTER)


def known(item_id: str) -> WorkItem:
    """An item that the caller may know of. Raises `NotFound` (`item_not_found`) for every other."""
    item = shelf_of(case_of(item_id)).item(item_id) if ITEM_ID.fullmatch(item_id) else None
    if item is None or not viewer().may_know(item, parts()):
        context().hidden = item is not None
        raise NotFound(f"no item {item_id}", code="item_not_found")
    context().task = item.task
    return item


def check_people(people: Sequence[str]) -> None:
    """Raises `InvalidInput` (`unknown_resource`) unless there are such participants."""
    entered = parts().directory.now().participants
    problems = [Problem("$.resource_id", f"there is no participant {name}") for name in people if name not in entered]
    if not people:
        problems = [Problem("$.resource_id", "names nobody")]
    if problems:
        raise InvalidInput("this is nobody who can get work", code="unknown_resource", problems=problems)


def moved(done: Done) -> Response:
    """The item after a move. Who has to do with what follows from it is told first."""
    tell(done.item.id, ring=done.ring, calls=done.calls)
    return shown(done.item)


def tell(item_id: str, *, ring: bool, calls: bool) -> None:
    """Wakes who has to do with events and calls of an item's shard."""
    shard = shard_of(item_id, parts().store.shards)
    if ring:
        parts().doorbell.ring(shard)
    if calls:
        parts().doorbell.calls(shard)


def shown(item: WorkItem) -> Response:
    """An item as an answer."""
    return answer(view(item))


def view(item: WorkItem) -> ItemView:
    """An item as it is shown."""
    return item_view(item, parts().definitions.get(item.specification, item.specification_version))
