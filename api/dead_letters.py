"""Dead letters: events whose step raised. They are listed here; their cases are retried at `/cases/{id}/retry`."""

from typing import Any

from flask import Response
from msgspec.structs import asdict
from pydantic import BaseModel, Field

from api.answers import answer
from api.context import parts, principal
from api.messages import ListQuery, moment
from api.pages import page_of
from api.permissions import Permission
from api.routes import Routes
from api.scope import asker
from engine.names import CASE_ID
from engine.store.port import DeadLetter

routes = Routes("dead_letters")


class DeadLettersQuery(ListQuery):
    """Which dead letters are listed."""

    case_id: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")


class DeadLetterView(BaseModel):
    """An event that could not be handled, and why. `waiting` counts the events of its case that came after it."""

    case_id: str
    at: str | None
    event: dict[str, Any]
    error: str
    traceback: str
    waiting: int
    correlation_id: str


class DeadLetterList(BaseModel):
    """A page of dead letters, oldest first."""

    items: list[DeadLetterView]
    next: str | None


@routes.get("/dead-letters", Permission.CASES_READ, {200: DeadLetterList})
def list_dead_letters(query: DeadLettersQuery) -> Response:
    """Lists the events that could not be handled. Their cases stand still until they are retried or cancelled."""
    letters = [letter for shard in range(parts().store.shards) for letter in parts().store.dead_letters(shard)]
    wanted = [letter for letter in letters if query.case_id in (None, letter.envelope.case_id) and _is_seen(letter)]
    # Of one case and moment there may be several: their order in the list tells them apart.
    placed = [((letter.at, f"{letter.envelope.case_id} {n:09}"), letter) for n, letter in enumerate(wanted)]
    found, following = page_of(placed, lambda each: each[0], query.limit, query.cursor)
    return answer(DeadLetterList(items=[_view(letter) for _, letter in found], next=following))


def _is_seen(letter: DeadLetter) -> bool:
    """Whether who asks may know of its case; of one that is gone everybody may who is entered for all of them."""
    case = parts().store.case(letter.envelope.case_id)
    return asker().sees(case, parts()) if case is not None else principal().specifications is None


def _view(letter: DeadLetter) -> DeadLetterView:
    envelope = letter.envelope
    return DeadLetterView(
        case_id=envelope.case_id,
        at=moment(letter.at),
        event={"type": envelope.event.__struct_config__.tag, **asdict(envelope.event)},
        error=letter.error,
        traceback=letter.traceback,
        waiting=len(parts().store.parked(envelope.case_id)),
        correlation_id=envelope.correlation_id,
    )
