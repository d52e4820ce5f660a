"""ETags (RFC 9110, section 8.8.3): what is shown has one, and what is changed can be said to be as it was shown.

`If-None-Match` on a GET is answered with 304 where nothing has changed. `If-Match` on a PUT, PATCH or DELETE is
compared with the ETag of what a GET of the same address shows; 412 where that is another one. Those who put, patch or
delete at one address do so one after the other, so nothing of theirs comes between the comparison and the change.
"""

from dataclasses import dataclass
from time import monotonic, sleep
from uuid import uuid4

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from api.context import parts
from api.problems import PreconditionFailed
from engine.errors import Refusal, Unavailable
from engine.store.kept_answers import Standing

TAGGED_TYPES = frozenset({"application/json", "image/svg+xml", "text/csv"})

LONGEST_WAIT_S = 5.0
PAUSE_S = 0.01
"""How long a change of the same address is waited for, and how often it is looked at."""


@dataclass(frozen=True, slots=True)
class _Held:
    """An address whose changes this request makes alone."""

    name: str
    owner: str


def compare() -> None:
    """Sees to it that nobody else changes this address now, and that it is as the client says.

    Called when the request is found to be valid otherwise (RFC 9110, section 13.2.1). Raises `PreconditionFailed` and
    `Unavailable` (`address_busy`).
    """
    g.held_address = _hold(request.path)
    if not request.if_match:
        return
    shown = _shown()
    tag = shown.get_etag()[0] if shown is not None and shown.status_code == 200 else None
    if tag is None or not request.if_match.contains(tag):
        raise PreconditionFailed("this is no longer what was shown: read it again")


def tag_answers(app: Flask) -> None:
    """Has an application give ETags."""

    def tag(response: Response) -> Response:
        held: _Held | None = g.pop("held_address", None)
        if held is not None:
            parts().access.answers.give_back(held.name, held.owner)
        if request.method in ("GET", "HEAD") and response.status_code == 200 and _is_tagged(response):
            response.add_etag()
            response.make_conditional(request)
        return response

    app.after_request(tag)


def _is_tagged(response: Response) -> bool:
    return response.mimetype in TAGGED_TYPES and not response.is_streamed


def _hold(path: str) -> _Held:
    """Waits until nobody else changes this address. Raises `Unavailable` (`address_busy`)."""
    held = _Held(f"change:{path}", uuid4().hex)
    until = monotonic() + LONGEST_WAIT_S
    while parts().access.answers.take(held.name, "", held.owner).standing is not Standing.TAKEN:
        if monotonic() > until:
            raise Unavailable("this is being changed: try again", code="address_busy")
        sleep(PAUSE_S)
    return held


def _shown() -> Response | None:
    """What a GET of this address shows; None where it shows nothing."""
    try:
        endpoint, values = current_app.create_url_adapter(request).match(method="GET")  # type: ignore[union-attr]
        shown = current_app.ensure_sync(current_app.view_functions[endpoint])(**values)
    except (Refusal, HTTPException):
        return None
    response = current_app.make_response(shown)
    response.add_etag()
    return response
