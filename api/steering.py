"""What is asked of a case that runs: to be cancelled, suspended, resumed, retried, migrated; what happened outside."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from api import cases
from api.answers import answer
from api.cases import find_case_to_steer
from api.context import correlation_id, parts, principal
from api.idempotency import given_key, once
from api.messages import Body, CaseAddress, CaseView, Nothing
from api.permissions import Permission
from api.problems import below
from api.routes import API, Answers, Repeats
from api.submissions import overloaded
from api.waiting import Begun, when_handled
from api.whole_case import handled_case
from engine.case import Case, CaseStatus
from engine.case_input import given_data_problems
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.events import (
    CaseCancelled,
    CaseResumed,
    CaseRetried,
    CaseSuspended,
    DataGiven,
    Envelope,
    Event,
    ExceptionRaised,
    TriggerPosted,
)
from engine.executions import execution_of
from engine.names import ITEM_ID, case_of, number_of, shard_of
from engine.spec.diagnostics import did_you_mean
from engine.store.port import Kept

routes = cases.routes
"""One set of routes for all that is below `/cases`."""


class Cancellation(Body):
    """Why a case is cancelled."""

    reason: str | None = Field(None, max_length=1000)


class Happening(Body):
    """Something that happened outside, which a task may wait for. Its `data` is `$.trigger` for the task's output."""

    name: str = Field(max_length=100)
    data: Any = None


class GivenData(Body):
    """Variables of a case, or parts of an item's input, that are to have these values from now on."""

    data: dict[str, Any] = Field(min_length=1)


class RaisedBody(Body):
    """Something that happened outside: its name for the rules, the item it is about (none: the case), variables."""

    name: str = Field(min_length=1, max_length=200)
    item_id: str | None = Field(None, max_length=200)
    data: dict[str, Any] = {}


class Migration(Body):
    """The version of its specification that a case goes on with."""

    version: str = Field(max_length=64)


class Retry(Body):
    """How a faulted case goes on: with the event that could not be handled, or without it (`drop`)."""

    drop: bool = False


class Requested(BaseModel):
    """An event that is kept and will be handled; `status` is that of the case before it."""

    case_id: str
    status: CaseStatus


ANSWERS: Answers = {200: CaseView, 202: Requested}
"""At once, or when it was handled, to who has asked to wait for that (`Prefer: wait`)."""


@routes.post("/cases/<case_id>/cancel", Permission.CASES_CANCEL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def cancel_case(path: CaseAddress, body: Cancellation) -> Response:
    """Cancels a case and all below it. What was completed before stands; what ends it first wins."""
    case = find_case_to_steer(path.case_id)
    return _ask(case, CaseCancelled(principal().participant, body.reason), refused=_refused_if_ended(case))


@routes.post("/cases/<case_id>/suspend", Permission.CASES_CANCEL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def suspend_case(path: CaseAddress, body: Nothing) -> Response:
    """Suspends a case and all below it: nothing starts, and what comes back meanwhile is kept until it goes on."""
    case = find_case_to_steer(path.case_id)
    refused = None
    if case.status not in (CaseStatus.RUNNING, CaseStatus.SUBMITTED):
        refused = Conflict(f"case {case.id} is {case.status}, not running", code="case_not_running")
    elif case.status is CaseStatus.SUBMITTED and case.timers:
        refused = Conflict(f"case {case.id} begins later; there is nothing to suspend", code="case_not_running")
    return _ask(case, CaseSuspended(principal().participant), refused=refused)


@routes.post("/cases/<case_id>/resume", Permission.CASES_CANCEL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def resume_case(path: CaseAddress, body: Nothing) -> Response:
    """Lets a suspended case and all below it go on."""
    case = find_case_to_steer(path.case_id)
    refused = None
    if case.status is not CaseStatus.SUSPENDED:
        refused = Conflict(f"case {case.id} is {case.status}, not suspended", code="case_not_suspended")
    return _ask(case, CaseResumed(principal().participant), refused=refused)


@routes.post("/cases/<case_id>/migrate", Permission.CASES_CANCEL, {202: Requested})
def migrate_case(path: CaseAddress, body: Migration) -> Response:
    """Lets a running case go on with another version of its specification, if all that stands in it has a place."""
    case = find_case_to_steer(path.case_id)
    migrated = parts().worklist.migrate(case.id, body.version, principal().participant, correlation_id())
    shard = shard_of(case.id, parts().store.shards)
    if migrated.ring:
        parts().doorbell.ring(shard)
    if migrated.calls:
        parts().doorbell.calls(shard)
    requested = Requested(case_id=case.id, status=migrated.case.status)
    return answer(requested, 202, {"Location": f"{API}/cases/{case.id}"})


@routes.post("/cases/<case_id>/retry", Permission.CASES_CANCEL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def retry_case(path: CaseAddress, body: Retry) -> Response:
    """Lets a faulted case go on: with the event that could not be handled, or without it, then what came after it."""
    case = find_case_to_steer(path.case_id)
    refused = None
    if case.status is not CaseStatus.FAULTED:
        refused = Conflict(f"case {case.id} is {case.status}, not faulted", code="case_not_faulted")
    return _ask(case, CaseRetried(principal().participant, body.drop), refused=refused)


@routes.post("/cases/<case_id>/events", Permission.CASES_SIGNAL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def post_event(path: CaseAddress, body: Happening) -> Response:
    """Tells a case what happened outside.

    The first task that waits for it starts. Where none waits a persistent trigger is kept, a transient one lost.
    """
    case = find_case_to_steer(path.case_id)
    net = parts().definitions.get(case.specification, case.specification_version).nets[case.net]
    if body.name not in net.triggers:
        hint = did_you_mean(body.name, net.triggers) or f": there are {', '.join(sorted(net.triggers)) or 'none'}"
        problem = Problem("$.name", f'no task of net {net.name} waits for "{body.name}"{hint}')
        raise InvalidInput(f"case {case.id} knows no such event", code="unknown_trigger", problems=(problem,))
    return _ask(case, TriggerPosted(body.name, body.data, principal().participant), refused=_refused_if_ended(case))


@routes.post("/cases/<case_id>/data", Permission.CASES_SIGNAL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def set_case_data(path: CaseAddress, body: GivenData) -> Response:
    """Sets variables of a case, all or none. What waits for them is looked at again."""
    case = find_case_to_steer(path.case_id)
    net = parts().definitions.get(case.specification, case.specification_version).nets[case.net]
    problems = given_data_problems(net, body.data)
    if problems:
        message = f"the data does not fit case {case.id}"
        raise InvalidInput(message, code="invalid_case_data", problems=below("$.data", problems))
    return _ask(case, DataGiven(body.data, principal().participant), refused=_refused_if_ended(case))


@routes.post("/cases/<case_id>/exceptions", Permission.CASES_SIGNAL, ANSWERS, Repeats.BY_ITSELF, waits=True)
def raise_exception(path: CaseAddress, body: RaisedBody) -> Response:
    """Tells a case, or an item of it, that something happened that its flow does not foresee (an external trigger).

    What is done about it the rules say (a condition sees `exception.trigger`), else `on: {external_trigger: ...}`.
    """
    case = find_case_to_steer(path.case_id)
    net = parts().definitions.get(case.specification, case.specification_version).nets[case.net]
    problems = given_data_problems(net, body.data) if body.data else []
    if problems:
        message = f"the data does not fit case {case.id}"
        raise InvalidInput(message, code="invalid_case_data", problems=below("$.data", problems))
    if body.item_id is not None and (
        ITEM_ID.fullmatch(body.item_id) is None
        or case_of(body.item_id) != case.id
        or execution_of(case, number_of(body.item_id)) is None
    ):
        raise NotFound(f"case {case.id} has nothing under way as {body.item_id}", code="item_not_found")
    event = ExceptionRaised(body.name, principal().participant, body.item_id, body.data)
    return _ask(case, event, refused=_refused_if_ended(case))


@routes.post("/cases/<case_id>/replace", Permission.CASES_CANCEL, {202: Requested})
def replace_worklet(path: CaseAddress, body: Nothing) -> Response:
    """Calls off a worklet and has it chosen anew by the rules as they are now. It is named by its own case."""
    case = find_case_to_steer(path.case_id)
    if case.parent is None:
        raise Conflict(f"case {case.id} is no worklet: no case has begun it", code="no_worklet")
    replaced = parts().worklist.replace_worklet(case.id, principal().participant, correlation_id())
    shard = shard_of(case.id, parts().store.shards)
    if replaced.ring:
        parts().doorbell.ring(shard)
    if replaced.calls:
        parts().doorbell.calls(shard)
    requested = Requested(case_id=replaced.case.id, status=replaced.case.status)
    return answer(requested, 202, {"Location": f"{API}/cases/{replaced.case.id}"})


def _refused_if_ended(case: Case) -> Conflict | None:
    return Conflict(f"case {case.id} is {case.status}", code="case_ended") if case.ended else None


def _ask(case: Case, event: Event, *, refused: Conflict | None) -> Response:
    """Puts an event behind those that wait. A request that was sent twice is answered twice and kept once."""
    store = parts().store
    shard = shard_of(case.id, store.shards)
    key = given_key()
    mark = once(principal().user, case.id, key, event) if key is not None else None
    if refused is not None and (mark is None or not store.is_kept(shard, mark)):
        raise refused
    # What happens outside may come in any number; what an operator asks for must always get through.
    outside = isinstance(event, TriggerPosted | DataGiven | ExceptionRaised)
    most = parts().settings.most_waiting if outside else None

    def append() -> Begun:
        kept, ring = store.append(shard, [Envelope(case.id, event, correlation_id())], mark, most)
        if kept is Kept.FULL:
            raise overloaded()
        if kept is Kept.OTHER:
            raise InvalidInput("this Idempotency-Key came with another body before", code="idempotency_key_reused")
        if ring:
            parts().doorbell.ring(shard)
        return Begun(case.revision, event, repeated=kept is Kept.BEFORE)

    if when_handled(case.id, append):
        return handled_case(case.id)
    return answer(Requested(case_id=case.id, status=case.status), 202, {"Location": f"{API}/cases/{case.id}"})
