"""Exceptions of all cases: what is being done about some now, and what became of others.

What one case raised and why, with every step of what was done about it, stands in its journal.
"""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answers import answer
from api.context import parts
from api.deployed import IDENTIFIER
from api.messages import ListQuery, handling_view, moment
from api.permissions import Permission
from api.routes import Routes
from api.scope import asker
from engine.case import Case
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.outcomes import ABANDONED, HANDLED, UNHANDLED
from engine.names import CASE_ID, item_id
from engine.net.ending import COMPENSATION
from engine.store.exception_log import ExceptionQuery, PastException, newest
from engine.store.port import CaseQuery

routes = Routes("exceptions")

OPEN = "open"


class ExceptionsQuery(ListQuery):
    """Which exceptions are listed: those that something is being done about (`open`), or those of an outcome, or
    (without a state) all that nothing more is done about.
    """

    state: Literal["open", "handled", "unhandled", "abandoned"] | None = None
    kind: ExceptionKind | None = None
    specification: str | None = Field(None, pattern=f"^{IDENTIFIER.pattern}$", max_length=100)
    case_id: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")


class ExceptionView(BaseModel):
    """An exception and what becomes of it: something is being done about it (`open`: `left` is still to be done, and
    `waits_for` are worklets that have to end before), it was `handled`, nobody handled it (`unhandled`; `reason` says
    why what was to be done could not be), or its case ended before (`abandoned`).
    """

    case_id: str
    specification: str
    version: str
    kind: str
    task: str | None
    item_id: str | None
    message: str
    state: Literal["open", "handled", "unhandled", "abandoned"]
    reason: str | None
    raised_at: str | None
    over_at: str | None
    left: list[Any]
    waits_for: list[str]


class ExceptionList(BaseModel):
    """A page of exceptions: open ones by their cases, the newest case first; others the latest first. A page may be
    shorter or, of open ones, longer than its limit.
    """

    items: list[ExceptionView]
    next: str | None


@routes.get("/exceptions", Permission.CASES_READ, {200: ExceptionList})
def list_exceptions(query: ExceptionsQuery) -> Response:
    """Lists exceptions of all cases. Of those that are over the newest 10,000 of each shard are kept."""
    return answer(_open(query) if query.state == OPEN else _over(query))


def _open(query: ExceptionsQuery) -> ExceptionList:
    by = asker()
    page = parts().store.cases(
        CaseQuery(handling=True, specification=query.specification, limit=query.limit, after=query.cursor)
    )
    found = [
        each
        for case in page.cases
        if query.case_id in (None, case.id) and by.sees(case, parts())
        for each in _being_handled(case)
        if query.kind in (None, each.kind)
    ]
    return ExceptionList(items=found, next=page.next)


def _being_handled(case: Case) -> list[ExceptionView]:
    return [
        ExceptionView(
            case_id=case.id,
            specification=case.specification,
            version=case.specification_version,
            state="open",
            reason=None,
            over_at=None,
            **handling_view(case, handled).model_dump(),
        )
        for handled in case.handling.values()
        if handled.kind != COMPENSATION
    ]


def _over(query: ExceptionsQuery) -> ExceptionList:
    by = asker()
    page = newest(
        parts().happenings.exceptions,
        parts().store.shards,
        ExceptionQuery(query.state, query.kind, query.specification, query.case_id, query.limit, query.cursor),
    )
    cases = parts().store.load({each.case_id for each in page.exceptions}, []).cases
    seen = {name for name, case in cases.items() if by.sees(case, parts())}
    # Of a case that is in the archive, or gone, everybody may know who is entered for all specifications.
    shown = [
        each
        for each in page.exceptions
        if each.case_id in seen or (each.case_id not in cases and by.specifications is None)
    ]
    return ExceptionList(items=[_view(each) for each in shown], next=page.next)


def _view(past: PastException) -> ExceptionView:
    return ExceptionView(
        case_id=past.case_id,
        specification=past.specification,
        version=past.version,
        kind=past.kind,
        task=past.task or None,
        item_id=item_id(past.case_id, past.execution) if past.execution else None,
        message=past.message,
        state=_STATES[past.outcome],
        reason=past.reason or None,
        raised_at=moment(past.raised_at),
        over_at=moment(past.at),
        left=[],
        waits_for=[],
    )


_STATES: dict[str, Literal["handled", "unhandled", "abandoned"]] = {
    HANDLED: "handled",
    UNHANDLED: "unhandled",
    ABANDONED: "abandoned",
}
