"""Detours of work items: handed on, given back, escalated, done again or ahead of time, piled and chained.

Who owns an item may, where its task grants it (`privileges`) or he has the privilege himself; who administers items may
for anybody. `docs/resources.md` says which pattern each is.
"""

from flask import Response
from pydantic import Field, JsonValue

from api.context import correlation_id, parts
from api.known_items import administers, check_people, known, me, moved
from api.messages import Body, ItemAddress, ItemView, Nothing
from api.permissions import Permission
from api.routes import Routes
from engine.errors import InvalidInput, Problem

routes = Routes("detours")


class Receiver(Body):
    """Who gets an item."""

    resource_id: str


class Reallocation(Receiver):
    """Who gets a started item; with `keep_data` he goes on where it stands, otherwise he begins it anew."""

    keep_data: bool = True


class Escalation(Body):
    """To whom an item is escalated: one participant gets it, several, or those of a role, are offered it."""

    resource_id: str | list[str] | None = None
    role: str | None = None


class WorkAhead(Body):
    """The task that is brought forward."""

    task: str = Field(min_length=1, max_length=256)


class Draft(Body):
    """What the owner of a started item has so far."""

    output: JsonValue = None


@routes.post("/work-items/<item_id>/delegate", Permission.ITEMS_WORK, {200: ItemView})
def delegate_item(path: ItemAddress, body: Receiver) -> Response:
    """Hands an allocated item on to another participant, unstarted. The task must grant `can_delegate`."""
    item = known(path.item_id)
    check_people([body.resource_id])
    done = parts().worklist.delegate(item.id, body.resource_id, me(), correlation_id(), administrator=administers())
    return moved(done)


@routes.post("/work-items/<item_id>/deallocate", Permission.ITEMS_WORK, {200: ItemView})
def deallocate_item(path: ItemAddress, body: Nothing) -> Response:
    """Gives an allocated item back: it is offered to the others again. The task must grant `can_deallocate`."""
    item = known(path.item_id)
    return moved(parts().worklist.deallocate(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/reallocate", Permission.ITEMS_WORK, {200: ItemView})
def reallocate_item(path: ItemAddress, body: Reallocation) -> Response:
    """Gives a started item to another participant, with what was done of it or without.

    The task must grant `can_reallocate_stateful`, or `can_reallocate_stateless`.
    """
    item = known(path.item_id)
    check_people([body.resource_id])
    done = parts().worklist.reallocate(
        item.id,
        body.resource_id,
        me(),
        correlation_id(),
        keep_data=body.keep_data,
        administrator=administers(),
    )
    return moved(done)


@routes.post("/work-items/<item_id>/escalate", Permission.ITEMS_ADMINISTER, {200: ItemView})
def escalate_item(path: ItemAddress, body: Escalation) -> Response:
    """Takes an item from whoever has it: one participant gets it, or some are offered it."""
    item = known(path.item_id)
    people = _escalated_to(body)
    check_people(people)
    return moved(parts().worklist.escalate(item.id, tuple(people), me(), correlation_id()))


@routes.post("/work-items/<item_id>/redo", Permission.ITEMS_WORK, {200: ItemView})
def redo_item(path: ItemAddress, body: Nothing) -> Response:
    """Has a completed item done again; what followed from it is taken back. Answers with the new item.

    Who did it needs the privilege `manage_cases`.
    """
    item = known(path.item_id)
    return moved(parts().worklist.redo(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/pre-do", Permission.ITEMS_WORK, {200: ItemView})
def pre_do_item(path: ItemAddress, body: WorkAhead) -> Response:
    """Brings a later task of the item's case forward, to be done before it is enabled. Answers with its item.

    Who works on the item needs the privilege `manage_cases`.
    """
    item = known(path.item_id)
    return moved(parts().worklist.pre_do(item.id, body.task, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/pile", Permission.ITEMS_WORK, {200: ItemView})
def pile_item(path: ItemAddress, body: Nothing) -> Response:
    """Has new items of this task, of whatever case, started for the caller. The task must grant `can_pile`."""
    return moved(parts().worklist.pile(known(path.item_id).id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/unpile", Permission.ITEMS_WORK, {200: ItemView})
def unpile_item(path: ItemAddress, body: Nothing) -> Response:
    """New items of this task are distributed again."""
    item = known(path.item_id)
    return moved(parts().worklist.unpile(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/chain", Permission.ITEMS_WORK, {200: ItemView})
def chain_item(path: ItemAddress, body: Nothing) -> Response:
    """Has the next items of this case that are offered to the caller started for him. Needs the privilege `chain`."""
    return moved(parts().worklist.chain(known(path.item_id).id, me(), correlation_id()))


@routes.post("/work-items/<item_id>/unchain", Permission.ITEMS_WORK, {200: ItemView})
def unchain_item(path: ItemAddress, body: Nothing) -> Response:
    """The next items of this case are distributed again."""
    item = known(path.item_id)
    return moved(parts().worklist.unchain(item.id, me(), correlation_id(), administrator=administers()))


@routes.post("/work-items/<item_id>/save", Permission.ITEMS_WORK, {200: ItemView})
def save_item(path: ItemAddress, body: Draft) -> Response:
    """Keeps what the owner of a started item has so far, unchecked; it goes with the item to whoever gets it."""
    return moved(parts().worklist.save(known(path.item_id).id, body.output, me(), correlation_id()))


def _escalated_to(body: Escalation) -> list[str]:
    """The participants that are named, or have a role."""
    if (body.resource_id is None) == (body.role is None):
        problem = Problem("$", "must have either resource_id or role")
        raise InvalidInput("it is not said to whom the item goes", code="invalid_request", problems=(problem,))
    if body.role is not None:
        people = parts().directory.now().participants.values()
        found = sorted(person.id for person in people if body.role in person.roles and person.available)
        if not found:
            problem = Problem("$.role", f"nobody who is available has the role {body.role}")
            raise InvalidInput("this is nobody who can get work", code="unknown_resource", problems=(problem,))
        return found
    return [body.resource_id] if isinstance(body.resource_id, str) else list(body.resource_id or ())
