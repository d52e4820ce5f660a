"""The audit log: every refusal for want of a right, and every change of rights, can be read by an auditor.

A refusal is 401, 403, a 404 for something that is there and that one may not know of, and 429 for guessing passwords.
What is noted holds no secret: of an address the rule and its parts, no query, no token.
"""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Flask, Response, request
from pydantic import BaseModel, Field

from api.answers import answer
from api.context import context, correlation_id, parts
from api.messages import AMoment, ListQuery, moment
from api.permissions import Guard, Permission
from api.routes import Routes
from engine.data.moments import milliseconds
from engine.errors import Unavailable
from engine.store.audit import AuditEntry, AuditQuery, Noted

routes = Routes("audit")
log = logging.getLogger(__name__)

LONGEST = 300

RIGHTS = frozenset({Permission.USERS_WRITE, Permission.CONNECTORS_WRITE, Permission.WEBHOOKS_WRITE})
"""What is done with these permissions changes who may do or learn what."""

LOGIN_REFUSED = 429


class AuditListQuery(ListQuery):
    """Which entries are listed: of a user, or those of `strangers` (who showed no token that is good)."""

    strangers: bool = False
    user: str | None = Field(None, max_length=256)
    what: Noted | None = None
    code: str | None = Field(None, max_length=64)
    since: AMoment | None = None


class AuditEntryView(BaseModel):
    """One request. `user` is empty for a stranger; `code` is that of the problem it was answered with."""

    id: str
    at: str | None
    what: Noted
    user: str
    address: str
    method: str
    route: str
    path: str
    status: int
    code: str
    detail: str
    correlation_id: str


class AuditList(BaseModel):
    """A page of the audit log, the newest first."""

    items: list[AuditEntryView]
    next: str | None


@routes.get("/audit", Permission.AUDIT_READ, {200: AuditList})
def list_audit(query: AuditListQuery) -> Response:
    """Lists what was refused for want of a right, and what changed anybody's rights."""
    page = parts().access.audit.entries(
        AuditQuery(
            strangers=query.strangers,
            user=query.user,
            what=query.what,
            code=query.code,
            since=max(milliseconds(query.since), 0) if query.since is not None else 0,
            limit=query.limit,
            after=query.cursor,
        )
    )
    return answer(AuditList(items=[_view(entry) for entry in page.entries], next=page.next))


def keep_audit(app: Flask, guards: Mapping[str, Guard]) -> None:
    """Has the answers of an application noted that concern rights."""

    def note(response: Response) -> Response:
        what = _noted(response, guards)
        if what is not None:
            try:
                parts().access.audit.note(_entry(response, what))
            except Unavailable as away:
                log.warning("%s %s is not in the audit log: %s", request.method, response.status_code, away)
        return response

    app.after_request(note)


def _noted(response: Response, guards: Mapping[str, Guard]) -> Noted | None:
    status = response.status_code
    guessed = status == LOGIN_REFUSED and context().code == "too_many_attempts"
    if status in (401, 403) or guessed or (status == 404 and context().hidden):
        return Noted.REFUSED
    changes = request.method not in ("GET", "HEAD", "OPTIONS") and status < 300
    if changes and guards.get(request.endpoint or "") in RIGHTS:
        return Noted.CHANGED
    return None


def _entry(response: Response, what: Noted) -> AuditEntry:
    asks = context().principal
    named: dict[str, Any] = request.view_args or {}
    path = request.path if "token" not in named else str(request.url_rule)
    return AuditEntry(
        id=uuid4().hex,
        at=parts().store.now(),
        what=what,
        user=asks.user if asks is not None else "",
        address=request.remote_addr or "",
        method=request.method,
        route=str(request.url_rule or ""),
        path=_short(path),
        status=response.status_code,
        code=context().code,
        detail=_short(context().detail),
        correlation_id=correlation_id(),
    )


def _short(text: str) -> str:
    return text[:LONGEST].encode(errors="backslashreplace").decode()


def _view(entry: AuditEntry) -> AuditEntryView:
    return AuditEntryView(
        id=entry.id,
        at=moment(entry.at),
        what=entry.what,
        user=entry.user,
        address=entry.address,
        method=entry.method,
        route=entry.route,
        path=entry.path,
        status=entry.status,
        code=entry.code,
        detail=entry.detail,
        correlation_id=entry.correlation_id,
    )
