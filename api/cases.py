"""Cases: shown, listed, cancelled, and their journals read."""

from flask import Response
from pydantic import AwareDatetime, BaseModel, Field

from api import submissions
from api.answers import answer
from api.context import correlation_id, parts, principal
from api.deployed import IDENTIFIER
from api.messages import (
    Body,
    CaseAddress,
    CaseList,
    CaseView,
    JournalPage,
    ListQuery,
    case_summary,
    case_view,
    entry_view,
)
from api.permissions import Permission
from api.routes import API
from engine.case import Case, CaseStatus
from engine.errors import Conflict, NotFound
from engine.events import CaseCancelled, Envelope
from engine.names import CASE_ID, shard_of
from engine.store.paging import Cursor
from engine.store.port import CaseQuery

routes = submissions.routes
"""One set of routes for both files: an address is described in one place, and `/cases` is listed and begun at."""


class CasesQuery(ListQuery):
    """Which cases are listed."""

    status: CaseStatus | None = None
    specification: str | None = Field(None, pattern=f"^(?:{IDENTIFIER.pattern})$", max_length=256)
    created_after: AwareDatetime | None = None
    parent: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")


class Cancellation(Body):
    """Why a case is cancelled."""

    reason: str | None = Field(None, max_length=1000)


class Requested(BaseModel):
    """An event that is kept and will be handled; `status` is that of the case before it."""

    case_id: str
    status: CaseStatus


@routes.get("/cases", Permission.CASES_READ, {200: CaseList})
def list_cases(query: CasesQuery) -> Response:
    """Lists cases, newest first."""
    created_after = query.created_after
    page = parts().store.cases(
        CaseQuery(
            status=query.status,
            specification=query.specification,
            created_after=int(created_after.timestamp() * 1000) if created_after is not None else None,
            parent=query.parent,
            limit=query.limit,
            after=query.cursor,
        )
    )
    return answer(CaseList(items=[case_summary(case) for case in page.cases], next=page.next))


@routes.get("/cases/<case_id>", Permission.CASES_READ, {200: CaseView})
def get_case(path: CaseAddress) -> Response:
    """Shows a case."""
    case = find_case(path.case_id)
    specification = parts().definitions.get(case.specification, case.specification_version)
    return answer(case_view(case, specification.nets[case.net]))


@routes.get("/cases/<case_id>/journal", Permission.CASES_READ, {200: JournalPage})
def get_journal(path: CaseAddress, query: ListQuery) -> Response:
    """Shows what happened in a case, in order."""
    find_case(path.case_id)
    start = Cursor.read(query.cursor).score if query.cursor else 0
    entries = parts().store.journal(path.case_id, start, query.limit + 1)
    shown = [entry_view(path.case_id, start + n, entry) for n, entry in enumerate(entries[: query.limit], 1)]
    following = Cursor(start + query.limit, "").written() if len(entries) > query.limit else None
    return answer(JournalPage(items=shown, next=following))


@routes.post("/cases/<case_id>/cancel", Permission.CASES_CANCEL, {202: Requested})
def cancel_case(path: CaseAddress, body: Cancellation) -> Response:
    """Cancels a case. What was completed before stands; what ends it first wins."""
    case = find_case(path.case_id)
    if case.ended:
        raise Conflict(f"case {case.id} is {case.status}", code="case_ended")
    store = parts().store
    shard = shard_of(case.id, store.shards)
    event = CaseCancelled(principal().participant, body.reason)
    if store.append(shard, [Envelope(case.id, event, correlation_id())]):
        parts().doorbell.ring(shard)
    return answer(Requested(case_id=case.id, status=case.status), 202, {"Location": f"{API}/cases/{case.id}"})


def find_case(case_id: str) -> Case:
    """A case. Raises `NotFound` (`case_not_found`), also for what cannot be the name of one."""
    case = parts().store.case(case_id) if CASE_ID.fullmatch(case_id) else None
    if case is None:
        raise NotFound(f"no case {case_id}", code="case_not_found")
    return case
