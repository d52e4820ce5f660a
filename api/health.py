"""Health: whether this process lives, and whether what it needs is there. No token, and nothing is given away."""

from time import monotonic
from typing import Literal

from flask import Response
from pydantic import BaseModel

from api.answers import answer
from api.context import parts
from api.permissions import Door
from api.routes import Routes
from engine.errors import Unavailable

routes = Routes("health", prefix="/health")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Part(BaseModel):
    """One part, and how many milliseconds it took to answer (or not to)."""

    state: Literal["ready", "away"]
    ms: float


class Ready(BaseModel):
    """Whether requests can be served, and each part that this needs.

    `backlog` is how many events and due calls wait for workers; null while nobody can tell.
    """

    status: Literal["ready", "not ready"]
    parts: dict[str, Part]
    backlog: int | None


@routes.get("/live", Door.PUBLIC, {200: Live})
def live() -> Response:
    """Answers from the process alone: if this fails, restart it."""
    return answer(Live())


@routes.get("/ready", Door.PUBLIC, {200: Ready, 503: Ready})
def ready() -> Response:
    """Asks Redis: if this fails, send no requests here."""
    began = monotonic()
    try:
        backlog = sum(shard.events + shard.due_calls for shard in parts().store.work())
    except Unavailable:
        redis = Part(state="away", ms=_ms_since(began))
        return answer(Ready(status="not ready", parts={"redis": redis}, backlog=None), 503, {"Retry-After": "1"})
    redis = Part(state="ready", ms=_ms_since(began))
    return answer(Ready(status="ready", parts={"redis": redis}, backlog=backlog))


def _ms_since(began: float) -> float:
    return round((monotonic() - began) * 1000, 3)
