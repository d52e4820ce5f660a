"""What is known of the request at hand: the parts it works with, its correlation id, and who asks."""

import re
from dataclasses import dataclass, field
from typing import cast
from uuid import uuid4

from flask import current_app, g, has_request_context, request

from api.permissions import Principal
from deploy.wiring import Parts

EXTENSION = "casewright"
CORRELATION_HEADER = "X-Correlation-Id"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(slots=True)
class Context:
    """One request: `principal` is None until it is admitted, and `task` until its item is known.

    `code` and `detail` are those of the problem it is answered with; `hidden`: there is what it asks for, and who asks
    may not know of it.
    """

    correlation_id: str = field(default_factory=lambda: _given_correlation_id() or uuid4().hex)
    principal: Principal | None = None
    task: str | None = None
    code: str = ""
    detail: str = ""
    hidden: bool = False


def parts() -> Parts:
    """What the application was made from."""
    return cast(Parts, current_app.extensions[EXTENSION])


def context() -> Context:
    """The context of this request, made when it is first asked for."""
    if "casewright" not in g:
        g.casewright = Context()
    return cast(Context, g.casewright)


def correlation_id() -> str:
    """The correlation id of this request; empty outside of one."""
    return context().correlation_id if has_request_context() else ""


def principal() -> Principal:
    """Who asks. Only a route that is public has nobody."""
    known = context().principal
    assert known is not None, "a public route asks who its caller is"
    return known


def _given_correlation_id() -> str | None:
    """The id a client sends, when it can stand in a log line without harm."""
    given = request.headers.get(CORRELATION_HEADER, "")
    return given if _CORRELATION_ID.fullmatch(given) else None
