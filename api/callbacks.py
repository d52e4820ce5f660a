"""Callbacks: the outcome of a call that comes later, from outside, by one POST to the URL that was sent along.

Nobody logs in here: the token in the address is the authorisation, and it names the one call that it may complete. It
stands in no log and in no answer. A task may also want the body signed; who sends one that is not changes nothing, and
may send it again. Nothing that is wrong here is the other side's failure, so it is never reported as the outcome.
"""

from flask import Response, request
from pydantic import BaseModel

from api.answers import answer
from api.bodies import whole_body
from api.context import context, parts
from api.permissions import Door
from api.problems import Unauthenticated
from api.routes import Repeats, Routes, refusal
from connectors.callbacks import CallbackInvalid
from connectors.port import Failed, FailureKind, Inbound, InboundRefused, Outcome
from deploy.calling import event_of, request_of
from engine.errors import Conflict, NotFound, Unavailable
from engine.names import ITEM_ID, case_of, shard_of
from engine.store.port import OpenCall, Reported

routes = Routes("callbacks")

OUR_OWN_TROUBLE = frozenset(
    {FailureKind.SECRET_MISSING, FailureKind.BAD_CONFIG, FailureKind.UNKNOWN_CONNECTOR, FailureKind.RAISED}
)
"""What can go wrong with the call itself while its callback is read, which a person here has to mend first."""


class CallbackAddress(BaseModel):
    """Names a call, and shows that one may complete it."""

    token: str


class CallbackTaken(BaseModel):
    """The outcome is kept; the case goes on soon."""

    item_id: str
    case_id: str


@routes.post(
    "/callbacks/<token>", Door.PUBLIC, {202: CallbackTaken, 401: refusal("It is not signed")}, Repeats.NOT_NEEDED
)
def call_back(path: CallbackAddress) -> Response:
    """Gives a call its outcome: the body, or, as application/problem+json, that it has failed. Good for one use."""
    item_id, body = _item_of(path.token), whole_body(request)
    store = parts().store
    waiting = store.call_of(item_id)
    if waiting is None:
        raise _spent()
    context().task = waiting.call.task
    outcome = _outcome(waiting, body)
    shard = shard_of(item_id, store.shards)
    call = waiting.call
    event = event_of(call, waiting.attempt, outcome)
    done = store.callback(shard, Reported(event, call.correlation_id, call.instance is not None))
    if not done.accepted:
        raise _spent()
    if done.ring:
        parts().doorbell.ring(shard)
    return answer(CallbackTaken(item_id=item_id, case_id=case_of(item_id)), 202)


def _item_of(token: str) -> str:
    """The item that a token names. Raises `NotFound` (`callback_not_found`), whatever is wrong with the token."""
    callbacks = parts().callbacks
    try:
        item_id = callbacks.item(token) if callbacks is not None else ""
    except CallbackInvalid:
        item_id = ""
    if not ITEM_ID.fullmatch(item_id):
        raise NotFound("there is no such callback", code="callback_not_found")
    return item_id


def _outcome(waiting: OpenCall, body: bytes) -> Outcome:
    """What the callback says.

    Raises `Unauthenticated` (`callback_unsigned`), `Conflict` (`callback_not_awaited`) and `Unavailable`
    (`callback_unreadable`); the call stays as it is then.
    """
    parts().installed.refresh()
    inbound = Inbound({name.lower(): value for name, value in request.headers.items()}, body)
    try:
        outcome = parts().connectors.receive(request_of(waiting.call, waiting.attempt), inbound)
    except InboundRefused as refused:
        raise Unauthenticated(f"{refused}: sign it as was agreed and send it again", code="callback_unsigned") from None
    if isinstance(outcome, Failed) and outcome.kind in OUR_OWN_TROUBLE:
        message = f"the callback cannot be read here ({outcome.kind}): have that mended and send it again"
        raise Unavailable(message, code="callback_unreadable")
    if isinstance(outcome, Failed) and outcome.kind == FailureKind.REFUSED:
        raise Conflict("this call waits for no callback", code="callback_not_awaited")
    return outcome


def _spent() -> Conflict:
    return Conflict("this call has its outcome already, or was cancelled", code="callback_spent")
