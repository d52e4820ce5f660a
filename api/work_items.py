"""Work items: listed, shown, and moved by the people they are for, or by who administers them.

A person lists his own queue: what is offered to his participant and what it owns. Who may see all items lists
somebody else's (`resource_id=bob`), everybody's (`resource_id=*`), or without `resource_id` all of one case
(`case_id=`) and all that wait to be offered (`state=created`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from flask import Response
from pydantic import Field, JsonValue

from api import streams
from api.answers import answer
from api.archived import shelf_of
from api.cases import find_case, find_case_to_steer
from api.context import correlation_id, parts, principal
from api.deployed import IDENTIFIER
from api.idempotency import given_key, same
from api.known_items import administers, check_people, known, me, moved, shown, tell, view, viewer
from api.messages import (
    AMoment,
    Body,
    ItemAddress,
    ItemList,
    ItemView,
    ListQuery,
    Nothing,
    call_view,
    children_views,
)
from api.pages import page_of
from api.permissions import Permission
from api.problems import below
from api.routes import Repeats, Routes
from api.steering import GivenData
from api.users import NAME
from engine.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from engine.items.urgency import LATEST, MAX_PRIORITY
from engine.items.words import asked
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.names import CASE_ID, ITEM_ID, case_of, number_of
from engine.store.port import ItemQuery

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
    specification: str | None = Field(None, pattern=f"^(?:{IDENTIFIER.pattern})$", max_length=256)
    due_before: AMoment | None = None
    search: str | None = Field(None, max_length=200, description="words, or words of one value: `anna city:rome`")
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


class Edition(Body):
    """How urgent an item is. `due_at` null: it is never due."""

    priority: int = Field(0, ge=-MAX_PRIORITY, le=MAX_PRIORITY)
    due_at: AMoment | None = None


@routes.get("/work-items", Permission.ITEMS_READ, {200: ItemList})
def list_items(query: ItemsQuery) -> Response:
    """Lists items, the most urgent first: by priority, then by when they are due, then by age.

    With `due_before` what is due first comes first. `search` looks in what tasks name for it.
    """
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
            specification=query.specification,
            due_before=int(query.due_before.timestamp() * 1000) if query.due_before is not None else None,
            words=asked(query.search or ""),
            limit=query.limit,
            after=query.cursor,
        )
    )
    looks = viewer()
    return _list([item for item in page.items if looks.finds(item, person, parts())], page.next)


@routes.get("/work-items/stream", Permission.ITEMS_READ, {200: streams.DESCRIPTION})
def stream(query: streams.StreamQuery) -> Response:
    """Sends changes of items as they happen (server-sent events); goes on behind `Last-Event-ID`."""
    return streams.stream_items(query)


@routes.get("/work-items/<item_id>", Permission.ITEMS_READ, {200: ItemView})
def get_item(path: ItemAddress) -> Response:
    """Shows an item, or to who may see all items a call that waits for its callback.

    Who administers items also sees the URL at which the callback is awaited.
    """
    call = parts().store.call_of(path.item_id) if _may_be_call(path.item_id) else None
    if call is None or not call.awaited:
        return shown(known(path.item_id))
    made = call_view(call.call, find_case(case_of(path.item_id)))
    callbacks = parts().callbacks
    if callbacks is None or not principal().may(Permission.ITEMS_ADMINISTER):
        return answer(made)
    with_url = made.model_copy(update={"callback_url": callbacks.url(path.item_id)})
    return answer(with_url, headers={"Cache-Control": "no-store"})


@routes.patch("/work-items/<item_id>", Permission.ITEMS_WORK, {200: ItemView})
def edit_item(path: ItemAddress, body: Edition) -> Response:
    """Changes how urgent an item is: its owner the priority (privilege `reorder`), an administrator also `due_at`."""
    item = known(path.item_id)
    changes: dict[str, Any] = {}
    if "priority" in body.model_fields_set:
        changes["priority"] = body.priority
    if "due_at" in body.model_fields_set:
        changes["due_at"] = _milliseconds(body.due_at)
    if not changes:
        problem = Problem("$", "names neither priority nor due_at")
        raise InvalidInput("there is nothing to change", code="invalid_request", problems=(problem,))
    return moved(parts().worklist.edit(item.id, changes, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/claim", Permission.ITEMS_WORK, {200: ItemView})
@routes.post("/work-items/<item_id>/accept-offer", Permission.ITEMS_WORK, {200: ItemView})
def claim_item(path: ItemAddress, body: Nothing) -> Response:
    """Makes an offered item one's own. Of many who try, one succeeds."""
    return moved(parts().worklist.claim(known(path.item_id).id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/reject-offer", Permission.ITEMS_WORK, {200: ItemView})
def reject_offer(path: ItemAddress, body: Nothing) -> Response:
    """Says that one does not want an offered item."""
    return moved(parts().worklist.reject_offer(known(path.item_id).id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/offer", Permission.ITEMS_ADMINISTER, {200: ItemView})
def offer_item(path: ItemAddress, body: Offer) -> Response:
    """Offers a waiting item to one participant or several."""
    item = known(path.item_id)
    people = [body.resource_id] if isinstance(body.resource_id, str) else body.resource_id
    check_people(people)
    return moved(parts().worklist.offer(item.id, tuple(people), me(), correlation_id()))


@routes.post("/work-items/<item_id>/allocate", Permission.ITEMS_ADMINISTER, {200: ItemView})
def allocate_item(path: ItemAddress, body: Allocation) -> Response:
    """Gives a waiting item to one participant."""
    item = known(path.item_id)
    check_people([body.resource_id])
    return moved(parts().worklist.allocate(item.id, body.resource_id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/start", Permission.ITEMS_WORK, {200: ItemView})
def start_item(path: ItemAddress, body: Nothing) -> Response:
    """Starts an item: its task fires, and what lost a deferred choice to it is withdrawn."""
    item = known(path.item_id)
    return moved(parts().worklist.start(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/complete", Permission.ITEMS_WORK, {200: ItemView}, Repeats.BY_ITSELF)
def complete_item(path: ItemAddress, body: Completion) -> Response:
    """Completes a started item. What this answers with 200 stands for ever."""
    item, key = known(path.item_id), given_key()
    try:
        return moved(parts().worklist.complete(item.id, body.output, me(), correlation_id()))
    except InvalidInput as refusal:
        problems = below("$.output", refusal.problems)
        raise InvalidInput(refusal.message, code=refusal.code, problems=problems) from None
    except Conflict:
        completed = parts().store.item(item.id)
        if key is None or completed is None or not _is_mine(completed, body.output):
            raise
        return shown(completed)


@routes.post("/work-items/<item_id>/fail", Permission.ITEMS_WORK, {200: ItemView})
def fail_item(path: ItemAddress, body: GivingUp) -> Response:
    """Gives a started item up."""
    return moved(parts().worklist.fail(known(path.item_id).id, body.reason, me(), correlation_id()))


@routes.post("/work-items/<item_id>/skip", Permission.ITEMS_WORK, {200: ItemView})
def skip_item(path: ItemAddress, body: Nothing) -> Response:
    """Lets a waiting item count as done. The task must grant `can_skip`, or the caller administer items."""
    item = known(path.item_id)
    return moved(parts().worklist.skip(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/cancel", Permission.ITEMS_ADMINISTER, {200: ItemView})
def cancel_item(path: ItemAddress, body: Nothing) -> Response:
    """Cancels one item: its path ends there."""
    return moved(parts().worklist.cancel(known(path.item_id).id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/suspend", Permission.ITEMS_WORK, {200: ItemView})
def suspend_item(path: ItemAddress, body: Nothing) -> Response:
    """Puts an item aside until it is resumed. Its owner may, and who administers items."""
    item = known(path.item_id)
    return moved(parts().worklist.suspend(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/resume", Permission.ITEMS_WORK, {200: ItemView})
def resume_item(path: ItemAddress, body: Nothing) -> Response:
    """Makes a suspended item what it was before. Its owner may, and who administers items."""
    item = known(path.item_id)
    return moved(parts().worklist.resume(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/data", Permission.CASES_SIGNAL, {200: ItemView})
def update_item(path: ItemAddress, body: GivenData) -> Response:
    """Changes parts of the input of a started item while somebody works on it (data pattern 17)."""
    if not ITEM_ID.fullmatch(path.item_id):
        raise NotFound(f"no item {path.item_id}", code="item_not_found")
    find_case_to_steer(case_of(path.item_id))
    return moved(parts().worklist.update(path.item_id, body.data, me(), correlation_id()))


@routes.post("/work-items/<item_id>/add-instance", Permission.ITEMS_WORK, {200: ItemView})
def add_instance(path: ItemAddress, body: Addition) -> Response:
    """Adds one more instance to the task of an item of which there are several.

    The owner of one of them may, and who administers items; he names a call or a child by its item id too.
    """
    administrator = principal().may(Permission.ITEMS_ADMINISTER)
    if not administrator:
        known(path.item_id)
    if not ITEM_ID.fullmatch(path.item_id):
        raise NotFound(f"no item {path.item_id}", code="item_not_found")
    if administrator:
        find_case(case_of(path.item_id))
    added = parts().worklist.add_instance(path.item_id, body.data, me(), correlation_id(), administrator=administrator)
    tell(added.item_id, ring=added.ring, calls=added.calls)
    if added.item is not None:
        return shown(added.item)
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
    of_case = wanted == EVERYBODY and query.case_id is not None
    if wanted != asks.participant and not sees_all and not of_case and wanted not in viewer().overseen:
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
    looks = viewer()
    visible = [item for item in items if looks.may_know(item, parts())]
    found, following = page_of(visible, lambda item: (number_of(item.id), ""), query.limit, query.cursor)
    return _list(found, following)


def _case_asked_for(query: ItemsQuery) -> str:
    if query.case_id is None:
        problem = Problem("case_id", "is needed for automated items, and for items that have ended")
        raise InvalidInput("these items are listed for one case", code="case_id_required", problems=(problem,))
    return query.case_id


def _may_be_call(item_id: str) -> bool:
    """Whether this names what may be a call, and the caller may know of it."""
    return ITEM_ID.fullmatch(item_id) is not None and principal().may(Permission.ITEMS_SEE_ALL)


def _is_mine(item: WorkItem, output: JsonValue) -> bool:
    """Whether the caller has completed this item with this output."""
    return item.state is ItemState.COMPLETED and item.owner == me() and same(item.output, output)


def _list(items: Sequence[WorkItem], following: str | None) -> Response:
    return answer(ItemList(items=[view(item) for item in items], next=following))


def _milliseconds(moment: datetime | None) -> int:
    if moment is None:
        return 0
    written = round(moment.timestamp() * 1000)
    if not 0 < written < LATEST:
        problem = Problem("$.due_at", "must be a moment between 1970 and 2286")
        raise InvalidInput("an item cannot be due then", code="invalid_request", problems=(problem,))
    return written
