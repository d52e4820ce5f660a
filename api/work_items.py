"""Work items: listed, shown, and moved by the people they are for, or by who administers them.

A person lists his own queue: what is offered to his participant and what it owns. Who may see all items lists
somebody else's (`resource_id=bob`), everybody's (`resource_id=*`), or without `resource_id` all of one case
(`case_id=`) and all that wait to be offered (`state=created`).
"""

from collections.abc import Sequence
from typing import Literal

from flask import Response
from pydantic import Field, JsonValue

from api.answers import answer
from api.archived import shelf_of
from api.cases import find_case
from api.context import context, correlation_id, parts, principal
from api.idempotency import given_key, same
from api.messages import (
    Body,
    ItemAddress,
    ItemList,
    ItemView,
    ListQuery,
    Nothing,
    call_view,
    children_views,
    item_view,
)
from api.pages import page_of
from api.permissions import Permission
from api.problems import below
from api.routes import Routes
from api.steering import GivenData
from api.users import NAME
from engine.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.names import CASE_ID, ITEM_ID, case_of, number_of, shard_of
from engine.store.port import ItemQuery
from engine.worklist import Done

routes = Routes("work_items")

EVERYBODY = "*"


class ItemsQuery(ListQuery):
    """Which items are listed. Those that have ended, and automated ones, are listed for one case."""

    resource_id: str | None = Field(
        None, pattern=f"^(?:{NAME.pattern}|[*])$", description="a participant, or * for everybody"
    )
    state: ItemState | None = None
    case_id: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")
    task: str | None = Field(None, max_length=256)
    kind: Literal["human", "automated", "composite"] = "human"


class Offer(Body):
    """To whom an item is offered."""

    resource_id: str | list[str]


class Allocation(Body):
    """To whom an item is given."""

    resource_id: str


class Completion(Body):
    """What came of an item."""

    output: JsonValue = None


class Addition(Body):
    """What one more instance is for: it sees this as its element."""

    data: JsonValue = None


class GivingUp(Body):
    """Why an item is given up."""

    reason: str = Field(min_length=1, max_length=1000)


@routes.get("/work-items", Permission.ITEMS_READ, {200: ItemList})
def list_items(query: ItemsQuery) -> Response:
    """Lists items, oldest first."""
    person = _person(query)
    if query.kind != "human":
        return _runs(query, person)
    if query.state is not None and query.state not in LIVE:
        return _ended_items(query, person)
    page = parts().store.items(
        ItemQuery(
            person=person,
            state=query.state,
            case_id=query.case_id,
            task=query.task,
            limit=query.limit,
            after=query.cursor,
        )
    )
    return _list(page.items, page.next)


@routes.get("/work-items/<item_id>", Permission.ITEMS_READ, {200: ItemView})
def get_item(path: ItemAddress) -> Response:
    """Shows an item, or to who may see all items a call that waits for its callback.

    Who administers items also sees the URL at which the callback is awaited.
    """
    call = parts().store.call_of(path.item_id) if _may_be_call(path.item_id) else None
    if call is None or not call.awaited:
        return _answer(_known(path.item_id))
    view = call_view(call.call, find_case(case_of(path.item_id)))
    callbacks = parts().callbacks
    if callbacks is None or not principal().may(Permission.ITEMS_ADMINISTER):
        return answer(view)
    shown = view.model_copy(update={"callback_url": callbacks.url(path.item_id)})
    return answer(shown, headers={"Cache-Control": "no-store"})


@routes.post("/work-items/<item_id>/claim", Permission.ITEMS_WORK, {200: ItemView})
@routes.post("/work-items/<item_id>/accept-offer", Permission.ITEMS_WORK, {200: ItemView})
def claim_item(path: ItemAddress, body: Nothing) -> Response:
    """Makes an offered item one's own. Of many who try, one succeeds."""
    return _moved(parts().worklist.claim(_known(path.item_id).id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/reject-offer", Permission.ITEMS_WORK, {200: ItemView})
def reject_offer(path: ItemAddress, body: Nothing) -> Response:
    """Says that one does not want an offered item."""
    return _moved(parts().worklist.reject_offer(_known(path.item_id).id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/offer", Permission.ITEMS_ADMINISTER, {200: ItemView})
def offer_item(path: ItemAddress, body: Offer) -> Response:
    """Offers a waiting item to one participant or several."""
    item = _known(path.item_id)
    people = [body.resource_id] if isinstance(body.resource_id, str) else body.resource_id
    _check_people(people)
    return _moved(parts().worklist.offer(item.id, tuple(people), _me(), correlation_id()))


@routes.post("/work-items/<item_id>/allocate", Permission.ITEMS_ADMINISTER, {200: ItemView})
def allocate_item(path: ItemAddress, body: Allocation) -> Response:
    """Gives a waiting item to one participant."""
    item = _known(path.item_id)
    _check_people([body.resource_id])
    return _moved(parts().worklist.allocate(item.id, body.resource_id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/start", Permission.ITEMS_WORK, {200: ItemView})
def start_item(path: ItemAddress, body: Nothing) -> Response:
    """Starts an item: its task fires, and what lost a deferred choice to it is withdrawn."""
    return _moved(parts().worklist.start(_known(path.item_id).id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/complete", Permission.ITEMS_WORK, {200: ItemView})
def complete_item(path: ItemAddress, body: Completion) -> Response:
    """Completes a started item. What this answers with 200 stands for ever."""
    item, key = _known(path.item_id), given_key()
    try:
        return _moved(parts().worklist.complete(item.id, body.output, _me(), correlation_id()))
    except InvalidInput as refusal:
        problems = below("$.output", refusal.problems)
        raise InvalidInput(refusal.message, code=refusal.code, problems=problems) from None
    except Conflict:
        completed = parts().store.item(item.id)
        if key is None or completed is None or not _is_mine(completed, body.output):
            raise
        return _answer(completed)


@routes.post("/work-items/<item_id>/fail", Permission.ITEMS_WORK, {200: ItemView})
def fail_item(path: ItemAddress, body: GivingUp) -> Response:
    """Gives a started item up."""
    return _moved(parts().worklist.fail(_known(path.item_id).id, body.reason, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/skip", Permission.ITEMS_ADMINISTER, {200: ItemView})
def skip_item(path: ItemAddress, body: Nothing) -> Response:
    """Lets a waiting item count as done."""
    return _moved(parts().worklist.skip(_known(path.item_id).id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/cancel", Permission.ITEMS_ADMINISTER, {200: ItemView})
def cancel_item(path: ItemAddress, body: Nothing) -> Response:
    """Cancels one item: its path ends there."""
    return _moved(parts().worklist.cancel(_known(path.item_id).id, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/suspend", Permission.ITEMS_WORK, {200: ItemView})
def suspend_item(path: ItemAddress, body: Nothing) -> Response:
    """Puts an item aside until it is resumed. Its owner may, and who administers items."""
    administrator = principal().may(Permission.ITEMS_ADMINISTER)
    item = _known(path.item_id)
    return _moved(parts().worklist.suspend(item.id, _me(), correlation_id(), administrator=administrator))


@routes.post("/work-items/<item_id>/resume", Permission.ITEMS_WORK, {200: ItemView})
def resume_item(path: ItemAddress, body: Nothing) -> Response:
    """Makes a suspended item what it was before. Its owner may, and who administers items."""
    administrator = principal().may(Permission.ITEMS_ADMINISTER)
    item = _known(path.item_id)
    return _moved(parts().worklist.resume(item.id, _me(), correlation_id(), administrator=administrator))


@routes.post("/work-items/<item_id>/data", Permission.CASES_SIGNAL, {200: ItemView})
def update_item(path: ItemAddress, body: GivenData) -> Response:
    """Changes parts of the input of a started item while somebody works on it (data pattern 17)."""
    if not ITEM_ID.fullmatch(path.item_id):
        raise NotFound(f"no item {path.item_id}", code="item_not_found")
    return _moved(parts().worklist.update(path.item_id, body.data, _me(), correlation_id()))


@routes.post("/work-items/<item_id>/add-instance", Permission.ITEMS_WORK, {200: ItemView})
def add_instance(path: ItemAddress, body: Addition) -> Response:
    """Adds one more instance to the task of an item of which there are several.

    The owner of one of them may, and who administers items; he names a call or a child by its item id too.
    """
    administrator = principal().may(Permission.ITEMS_ADMINISTER)
    if not administrator:
        _known(path.item_id)
    if not ITEM_ID.fullmatch(path.item_id):
        raise NotFound(f"no item {path.item_id}", code="item_not_found")
    added = parts().worklist.add_instance(path.item_id, body.data, _me(), correlation_id(), administrator=administrator)
    _tell(added.item_id, ring=added.ring, calls=added.calls)
    if added.item is not None:
        return _answer(added.item)
    case = find_case(case_of(added.item_id))
    specification = parts().definitions.get(case.specification, case.specification_version)
    views = [call_view(call, case) for call in parts().store.calls_of(case.id)]
    views += children_views(case, specification.nets[case.net])
    return answer(next(view for view in views if view.item_id == added.item_id))


def _person(query: ItemsQuery) -> str | None:
    """Whose items are listed; None: everybody's."""
    asks = principal()
    wanted = query.resource_id or asks.participant
    sees_all = asks.may(Permission.ITEMS_SEE_ALL)
    if query.resource_id is None and sees_all and (query.case_id is not None or query.state is ItemState.CREATED):
        return None
    if wanted != asks.participant and not sees_all:
        raise Forbidden(f"{asks.user} may not see what others have to do", code="permission_missing")
    return wanted if wanted != EVERYBODY else None


def _runs(query: ItemsQuery, person: str | None) -> Response:
    """The open calls of a case, or its living children, which are nobody's."""
    principal().must(Permission.ITEMS_SEE_ALL)
    case = find_case(_case_asked_for(query))
    wanted_state = query.state in (None, ItemState.STARTED)
    if person is not None or not wanted_state:
        return answer(ItemList(items=[], next=None))
    if query.kind == "automated":
        views = [call_view(call, case) for call in parts().store.calls_of(case.id)]
    else:
        specification = parts().definitions.get(case.specification, case.specification_version)
        views = children_views(case, specification.nets[case.net])
    wanted = [view for view in views if query.task in (None, view.task)]
    found, following = page_of(wanted, lambda view: (number_of(view.item_id), ""), query.limit, query.cursor)
    return answer(ItemList(items=found, next=following))


def _ended_items(query: ItemsQuery, person: str | None) -> Response:
    """The items of a case that have ended in this way."""
    case_id = _case_asked_for(query)
    items = [
        item
        for item in shelf_of(case_id).items_of(case_id)
        if item.state is query.state and query.task in (None, item.task) and (person is None or item.owner == person)
    ]
    found, following = page_of(items, lambda item: (number_of(item.id), ""), query.limit, query.cursor)
    return _list(found, following)


def _case_asked_for(query: ItemsQuery) -> str:
    if query.case_id is None:
        problem = Problem("case_id", "is needed for automated items, and for items that have ended")
        raise InvalidInput("these items are listed for one case", code="case_id_required", problems=(problem,))
    return query.case_id


def _known(item_id: str) -> WorkItem:
    """An item that the caller may know of. Raises `NotFound` (`item_not_found`) for every other."""
    item = shelf_of(case_of(item_id)).item(item_id) if ITEM_ID.fullmatch(item_id) else None
    me = _me()
    if item is None or not (item.owner == me or me in item.offered_to or principal().may(Permission.ITEMS_SEE_ALL)):
        raise NotFound(f"no item {item_id}", code="item_not_found")
    context().task = item.task
    return item


def _may_be_call(item_id: str) -> bool:
    """Whether this names what may be a call, and the caller may know of it."""
    return ITEM_ID.fullmatch(item_id) is not None and principal().may(Permission.ITEMS_SEE_ALL)


def _me() -> str:
    return principal().participant


def _check_people(people: Sequence[str]) -> None:
    """Raises `InvalidInput` (`unknown_resource`) unless there are such participants."""
    known = parts().directory.now().participants
    problems = [Problem("$.resource_id", f"there is no participant {name}") for name in people if name not in known]
    if not people:
        problems = [Problem("$.resource_id", "names nobody")]
    if problems:
        raise InvalidInput("this is nobody who can get work", code="unknown_resource", problems=problems)


def _is_mine(item: WorkItem, output: JsonValue) -> bool:
    """Whether the caller has completed this item with this output."""
    return item.state is ItemState.COMPLETED and item.owner == _me() and same(item.output, output)


def _moved(done: Done) -> Response:
    """The item after a move. Who has to do with what follows from it is told first."""
    _tell(done.item.id, ring=done.ring, calls=done.calls)
    return _answer(done.item)


def _tell(item_id: str, *, ring: bool, calls: bool) -> None:
    shard = shard_of(item_id, parts().store.shards)
    if ring:
        parts().doorbell.ring(shard)
    if calls:
        parts().doorbell.calls(shard)


def _answer(item: WorkItem) -> Response:
    return answer(_view(item))


def _list(items: Sequence[WorkItem], following: str | None) -> Response:
    return answer(ItemList(items=[_view(item) for item in items], next=following))


def _view(item: WorkItem) -> ItemView:
    return item_view(item, parts().definitions.get(item.specification, item.specification_version))
