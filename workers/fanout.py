"""Fan-out: many calls of one multiple-instance task reach the workers as a Celery chord.

The header is one task for each chunk of instances: a worker puts the chunk into its room, which takes the calls as it
takes any, and reports their outcomes as events. The chunk's part of the chord is over when its last call is; until then
no Celery task keeps the worker. The body only sees to the shard's events.

The chord decides nothing. Which instances there are, which have ended and when they are enough stands in the case
alone, and every call waits in the store besides. A chunk or a body that is lost costs time, until `recover` tells
somebody of what waits; one that comes twice finds nothing to take.
"""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from celery import Celery, chord
from kombu.exceptions import OperationalError

from deploy.doorbell import CONNECT_QUEUE, DISPATCH_QUEUE
from workers.chunks import Numbers

log = logging.getLogger(__name__)

CHUNK_TASK = "workers.fanout.chunk"
GATHER_TASK = "workers.fanout.gather"

ROUTES = {CHUNK_TASK: {"queue": CONNECT_QUEUE}, GATHER_TASK: {"queue": DISPATCH_QUEUE}}

KEPT_S = 600
"""How long Celery keeps what it counts for a chord."""


class Request(Protocol):
    """What Celery says of the execution of a task."""

    id: str
    hostname: str
    chord: Any


class FanOut:
    """Sends chords, and says of each chunk when it is over. Never raises: a chord that is not sent costs time."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, shard: int, chunks: Sequence[Numbers]) -> None:
        """Sends the chunks of one task."""
        header = [self._app.signature(CHUNK_TASK, (shard, *numbers)) for numbers in chunks]
        body = self._app.signature(GATHER_TASK, (shard,), immutable=True)
        try:
            chord(header, app=self._app)(body, retry=False)
        except self._away as away:
            log.warning("%d chunks of shard %d wait for upkeep: %s", len(chunks), shard, away)

    def ending(self, request: Request) -> Callable[[], None]:
        """What to call when the chunk that this request brought is over."""
        began = monotonic()

        def over() -> None:
            try:
                self._app.backend.mark_as_done(request.id, None, request, store_result=False)
                with self._app.events.default_dispatcher(hostname=request.hostname) as dispatcher:
                    dispatcher.send("task-succeeded", uuid=request.id, result="None", runtime=monotonic() - began)
            except self._away as away:
                log.warning("the end of chunk %s is told to nobody: %s", request.id, away)

        return over

    @property
    def _away(self) -> tuple[type[Exception], ...]:
        return (OperationalError, *self._app.backend.connection_errors)
