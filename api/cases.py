"""Cases: shown, listed, and their journals read."""

from flask import Response
from pydantic import Field

from api import submissions
from api.answers import answer
from api.archived import shelf_of
from api.context import parts
from api.deployed import IDENTIFIER
from api.messages import (
    AMoment,
    CaseAddress,
    CaseList,
    CaseSummary,
    CaseThen,
    CaseView,
    JournalAnswer,
    JournalPage,
    ListQuery,
    case_summary,
    case_then_view,
    entry_view,
)
from api.permissions import Permission
from api.scope import asker, check_steering, may_see
from api.whole_case import whole_case
from engine.case import Case, CaseStatus
from engine.data.moments import milliseconds
from engine.errors import Conflict, NotFound
from engine.history import as_of
from engine.items.words import asked
from engine.names import CASE_ID
from engine.replay import ReplayDiffers
from engine.store.paging import Cursor
from engine.store.port import CaseQuery

routes = submissions.routes
"""One set of routes for both files: an address is described in one place, and `/cases` is listed and begun at."""


class CasesQuery(ListQuery):
    """Which cases are listed."""

    status: CaseStatus | None = None
    specification: str | None = Field(None, pattern=f"^(?:{IDENTIFIER.pattern})$", max_length=256)
    created_after: AMoment | None = None
    parent: str | None = Field(None, pattern=f"^(?:{CASE_ID.pattern})$")
    search: str | None = Field(None, max_length=200, description="words, or words of one variable: `anna city:rome`")


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
            words=asked(query.search or ""),
            limit=query.limit,
            after=query.cursor,
        )
    )
    return answer(CaseList(items=_visible(page.cases), next=page.next))


@routes.get("/cases/<case_id>", Permission.CASES_READ, {200: CaseView})
def get_case(path: CaseAddress) -> Response:
    """Shows a case."""
    return whole_case(find_case(path.case_id))


class JournalQuery(ListQuery):
    """Which page of a journal, or as of when the case is shown."""

    at: AMoment | None = Field(None, description="the case as it was at this moment")
    seq: int | None = Field(None, ge=1, description="the case as it was after this entry")


@routes.get("/cases/<case_id>/journal", Permission.CASES_READ, {200: JournalAnswer})
def get_journal(path: CaseAddress, query: JournalQuery) -> Response:
    """Shows what happened in a case, in order; or, with `at` or `seq`, the case as it was then, made by its journal."""
    find_case(path.case_id)
    if query.at is not None or query.seq is not None:
        return answer(_then(path.case_id, query))
    start = Cursor.read(query.cursor).score if query.cursor else 0
    entries = shelf_of(path.case_id).journal(path.case_id, start, query.limit + 1)
    shown = [entry_view(path.case_id, start + n, entry) for n, entry in enumerate(entries[: query.limit], 1)]
    following = Cursor(start + query.limit, "").written() if len(entries) > query.limit else None
    return answer(JournalPage(items=shown, next=following))


def _then(case_id: str, query: JournalQuery) -> CaseThen:
    moment = milliseconds(query.at) if query.at is not None else None
    try:
        then = as_of(parts().store, parts().definitions, case_id, moment=moment, seq=query.seq)
    except ReplayDiffers as differs:
        message = f"the journal of case {case_id} does not agree with itself at entry {differs.entry + 1}"
        raise Conflict(f"{message}: {differs.reason}", code="journal_differs") from None
    return case_then_view(then, parts().definitions.get(then.case.specification, then.case.specification_version))


@routes.get("/cases/<case_id>/children", Permission.CASES_READ, {200: CaseList})
def list_children(path: CaseAddress, query: ListQuery) -> Response:
    """Lists the cases that composite tasks of a case have started, newest first."""
    find_case(path.case_id)
    page = shelf_of(path.case_id).cases(CaseQuery(parent=path.case_id, limit=query.limit, after=query.cursor))
    return answer(CaseList(items=_visible(page.cases), next=page.next))


def _visible(cases: list[Case]) -> list[CaseSummary]:
    """Those of a page that who asks may know of: a page may be short of what was asked for."""
    asks = asker()
    return [case_summary(case) for case in cases if asks.sees(case, parts())]


def find_case(case_id: str) -> Case:
    """A case. Raises `NotFound` (`case_not_found`), also for what cannot be the name of one, or is not to be seen."""
    case = shelf_of(case_id).case(case_id) if CASE_ID.fullmatch(case_id) else None
    if case is None or not may_see(case):
        raise NotFound(f"no case {case_id}", code="case_not_found")
    return case


def find_case_to_steer(case_id: str) -> Case:
    """A case that who asks may steer. Raises `NotFound` (`case_not_found`), `Forbidden` (`steering_not_allowed`)."""
    case = find_case(case_id)
    check_steering(case)
    return case
