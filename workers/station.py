"""One worker process: it drains shards, and makes the calls that drains produce where it consumes their queue.

Whoever produces work for a shard goes on with it himself when it is free, instead of sending a message: a drain's
calls are made by this process as far as it has room, and the events of finished calls are drained by it at once.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from uuid import uuid4

from deploy.wiring import Parts
from engine.effects import Call
from engine.errors import Unavailable
from workers.chunks import Numbers, divided
from workers.connect import CallRoom

log = logging.getLogger(__name__)


class Station:
    """What the tasks of one worker process share."""

    def __init__(
        self, parts: Parts, fan_out: Callable[[int, Sequence[Numbers]], None] | None = None, *, makes_calls: bool
    ) -> None:
        """`fan_out` divides the many calls of one task of a shard among all workers; without it they are taken like
        others."""
        self.parts = parts
        self._fan_out = fan_out
        # A name that no other process has or had: it stands in leases and in the heads of taken calls.
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}".replace(" ", "_")
        self._room: CallRoom | None = None
        if makes_calls:
            threads = parts.settings.connect_threads
            self._room = CallRoom(
                parts.store, parts.connectors, self.owner, threads, self.drain, parts.gates, parts.installed.refresh
            )

    def drain(self, shard: int) -> None:
        """Drains a shard unless somebody else does, and sees to what comes out of it."""
        try:
            drained = self.parts.runner.drain(shard, self.owner, self._room.local if self._room is not None else None)
        except Unavailable as away:
            # Nothing is lost: the events stay in the stream, and `recover` rings once Redis is back.
            log.warning("shard %d is left alone: %s", shard, away)
            return
        if drained is None:
            return
        if drained.events:
            log.info("shard %d: %d events handled, %d calls placed", shard, drained.events, len(drained.calls))
        rest = self._divide(shard, drained.calls)
        if rest:
            self._see_to(shard, rest)
        if drained.unfinished:
            self.parts.doorbell.ring(shard)

    def call(self, shard: int) -> None:
        """Makes calls that wait in a shard."""
        self._see_to(shard, ())

    def let_in(self, gate: str) -> None:
        """Makes calls that wait at a gate, if they may pass."""
        assert self._room is not None, "gates come by the queue of calls"
        self._room.let_in(gate)

    def chunk(self, shard: int, numbers: Numbers, over: Callable[[], None]) -> None:
        """Makes the calls of a chunk; `over` is called when none of them is left."""
        assert self._room is not None, "chunks come by the queue of calls"
        try:
            self._room.take_chunk(shard, numbers, over)
        except Unavailable as away:
            log.warning("a chunk of %d calls of shard %d waits: %s", len(numbers.numbers), shard, away)

    def stop(self) -> None:
        """Makes no more calls: those under way are finished within a bound, the others handed back."""
        if self._room is not None:
            self._room.close()

    def _divide(self, shard: int, calls: Sequence[Call]) -> Sequence[Call]:
        """Sends what is many to all workers; gives back the rest."""
        if self._fan_out is None:
            return calls
        tasks, rest = divided(calls)
        for chunks in tasks:
            self._fan_out(shard, chunks)
        return rest

    def _see_to(self, shard: int, calls: Sequence[Call]) -> None:
        if self._room is None:
            self.parts.doorbell.calls(shard)
            return
        try:
            more = self._room.take(shard, calls)
        except Unavailable as away:
            log.warning("calls of shard %d wait: %s", shard, away)
            return
        if more:
            self.parts.doorbell.calls(shard)
