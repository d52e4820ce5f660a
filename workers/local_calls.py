"""Local calls: quick ones, made for the drain that placed them while it waits.

A call whose connector answers in less than half a millisecond costs more on its way through the store than it takes.
One thread makes such calls for the drains of its process. A drain waits for them a bounded time: a connector that was
quick until now and is not any more holds up no shard, and what it has not made by then goes the way of other calls.
"""

import logging
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple, Protocol

from engine.effects import Call
from engine.store.port import Awaited, Reported, Taken

log = logging.getLogger(__name__)

PATIENCE_S = 0.02
"""How long a drain waits for its local calls. Normally 256 of them take a tenth of it."""


class Finished(NamedTuple):
    """A call that was made, and what the store is to be told of it."""

    shard: int
    item: str
    told: Reported | Awaited


class Room(Protocol):
    """Where the other calls of the process are made and reported: the call room."""

    def is_local(self, call: Call) -> bool:
        """Whether a call is quick and passes no gate."""

    def called(self, shard: int, taken: Taken) -> Finished:
        """Makes a call."""

    def finish(self, finished: Finished) -> None:
        """Reports a call."""

    def enter(self, shard: int, taken: Sequence[Taken]) -> None:
        """Makes calls that were taken, in other threads."""

    def begin(self, shard: int, placed: list[Call]) -> list[Call]:
        """Begins calls that were placed as far as it can at once, without waiting; gives back the others."""


class _Job:
    """Calls that a drain waits for, until it is told that they are `over`; `left` once it waits no longer."""

    def __init__(self, shard: int, calls: Sequence[Call]) -> None:
        self.shard = shard
        self.calls = calls
        self.over: SimpleQueue[None] = SimpleQueue()
        self.lock = Lock()
        self.outcomes: list[Reported] = []
        self.left = False


class LocalCaller:
    """Makes the local calls of one process; what drains know as `engine.drain.LocalCalls`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._held_up = False
        self._thread = Thread(target=self._make_calls, name="local-caller", daemon=True)
        self._thread.start()

    def claims(self, call: Call) -> bool:
        """Whether a call is made here. None is while one that was thought quick holds up the thread."""
        return not self._held_up and self._room.is_local(call)

    def make(self, shard: int, calls: Sequence[Call]) -> list[Reported]:
        """Makes calls; gives the outcomes there are in time."""
        job = _Job(shard, calls)
        self._jobs.put(job)
        try:
            job.over.get(timeout=PATIENCE_S)
        except Empty:
            self._held_up = True
        with job.lock:
            job.left = True
            return job.outcomes

    def report(self, shard: int, outcomes: Sequence[Reported]) -> None:
        """Reports outcomes that a drain could not commit."""
        for outcome in outcomes:
            self._room.finish(Finished(shard, outcome.event.item, outcome._replace(uncommitted=True)))

    def begin(self, shard: int, placed: list[Call]) -> list[Call]:
        """Begins other calls, in the threads for them."""
        return self._room.begin(shard, placed)

    def close(self) -> None:
        """Makes no more calls."""
        self._jobs.put(None)

    def _make_calls(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._make(job)
            except Exception:  # noqa: BLE001
                # The boundary of this thread: it must live on for later calls. These are repeated after their deadline.
                log.exception("local calls of shard %d could not be made", job.shard)
            job.over.put(None)
            self._held_up = False

    def _make(self, job: _Job) -> None:
        for index, call in enumerate(job.calls):
            if job.left:
                self._room.enter(job.shard, [Taken(each, 1) for each in job.calls[index:]])
                return
            finished = self._room.called(job.shard, Taken(call, 1))
            with job.lock:
                if not job.left and isinstance(finished.told, Reported):
                    job.outcomes.append(finished.told)
                    continue
            self._room.finish(finished)
