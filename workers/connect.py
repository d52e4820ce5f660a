"""Connector calls: a room of threads in which a worker process makes the calls it has taken.

A slow call must not hold up drains, so calls run in threads beside Celery's own, as many as there are threads. They
are taken from the store by a compare, so that a doubled message finds nothing to take; each is its taker's until a
deadline, which is renewed while it waits or runs here. Outcomes are events: a few threads report those that
finished meanwhile together, and drain their shards when nobody else does.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from time import monotonic
from typing import NamedTuple

from connectors.port import Answer, FailureKind, Later, Outcome
from connectors.registry import Registry
from deploy.calling import awaited_of, event_of, request_of
from engine.effects import Call
from engine.errors import Unavailable
from engine.events import CallAnswered, CallFailed
from engine.store.gates import Gates
from engine.store.port import Awaited, Reported, Store, Taken
from workers.chunks import Chunk, Numbers
from workers.doorkeeper import Doorkeeper
from workers.local_calls import Finished, LocalCaller

log = logging.getLogger(__name__)

QUICK_S = 0.0005
"""A connector whose calls take less on average gains nothing from several threads at once."""

MOST_QUICK_CALLS = 256
"""Calls of quick connectors that one process takes at once."""

AHEAD_S = 0.03
"""What threads could begin within this time is taken ahead, so that none waits for a report and a take. Of calls that
take a second each, that is nothing: a call that waits here could be under way elsewhere."""

REPORTERS = 3
"""Threads that report and drain: while one waits for the store, the other works. One of them never drains: outcomes
that nobody reports would keep threads from their next calls."""

REPORTED_AT_ONCE = 256
MOST_UNREPORTED = 256
"""So many calls may have finished, waiting to be reported, before fewer new ones are taken."""

RENEWED_EVERY_S = 2.0
CONFIRMED_FOR_S = 0.1
"""A call that has waited here for longer is made only if it is still to be made: its run may have ended meanwhile."""

LOOKED_FOR_S = 1.0
"""For so long after it was full a room looks for calls that wait anywhere, so that none is idle beside a full one."""

LOOK_PAUSE_S = 0.05
STALLED_S = 0.002
"""When nothing finished for so long, a thread is woken for every call that waits."""

REPORT_ATTEMPTS = 240
REPORT_PAUSE_S = 0.5
"""Two minutes in all: by then the deadline of most calls has passed, and somebody else repeats them."""

LOSSES_FORGIVEN = 3
"""How often a call is repeated because its worker died, beside the budget that its task gives to failures. A call that
kills whoever makes it must come to an end too."""

STOPPED_WITHIN_S = 10.0


class _InRoom(NamedTuple):
    shard: int
    taken: Taken
    since: float


class _Signal(Enum):
    """What reporters are told beside what finished: to go round once, or that the room is closed."""

    GO_ROUND = auto()
    CLOSE = auto()


class CallRoom:
    """Where one process makes its calls. `drain(shard)` is called for shards whose events nobody handles, `keep_up` now
    and then and where a connector is not known, to take over what has changed in `connectors`."""

    def __init__(
        self,
        store: Store,
        connectors: Registry,
        owner: str,
        threads: int,
        drain: Callable[[int], None],
        gates: Gates,
        keep_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._doorkeeper = Doorkeeper(store, gates, connectors, owner)
        self._connectors = connectors
        self._owner = owner
        self._drain = drain
        self._keep_up = keep_up
        self._threads = threads
        self._waiting: deque[_InRoom] = deque()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._finished: SimpleQueue[Finished | _Signal] = SimpleQueue()
        self._in_room: dict[str, _InRoom] = {}
        self._running: set[str] = set()
        self._undrained: deque[int] = deque()
        self._may_drain = Semaphore(REPORTERS - 1)
        self._more: set[int] = set()
        self._chunks: deque[Chunk] = deque()
        self._chunk_of: dict[str, Chunk] = {}
        self._dividing = Lock()
        self._confirmed_at: dict[int, float] = {}
        self._lost: set[str] = set()
        self._average_s: dict[str, float] = {}
        self._full_at = self._looked_at = float("-inf")
        self._renewed_at = monotonic()
        self._closing = Event()
        self._callers = [Thread(target=self._make_calls, name=f"caller-{n}", daemon=True) for n in range(threads)]
        self._reporters = [Thread(target=self._report, name=f"reporter-{n}", daemon=True) for n in range(REPORTERS)]
        for thread in (*self._callers, *self._reporters):
            thread.start()
        self.local = LocalCaller(self)
        """Makes quick calls for the drains of this process."""

    def take(self, shard: int, known: Sequence[Call] = ()) -> bool:
        """Takes calls of a shard as far as there is room. Whether some are left for other workers.

        `known` are calls that were just placed: they need not be looked for.
        """
        if self._closing.is_set():
            return True
        room = self._room_for({call.connector for call in known})
        if room <= 0:
            self._full_at = monotonic()
            self._more.add(shard)
            # What was just placed is told to others. A message that only finds no room here goes no further: it would
            # go round as fast as it can while the calls run; this room remembers the shard, and `recover` tells others.
            return bool(known)
        taken = self._store.take_calls(shard, self._owner, room, known)
        self.enter(shard, taken)
        left = len(known) > room if known else len(taken) == room
        if left:
            self._full_at = monotonic()
            self._more.add(shard)
        return left

    def begin(self, shard: int, placed: list[Call]) -> list[Call]:
        """Takes of calls that were just placed what idle threads can begin at once; gives back the others.

        Quick ones are left: it is cheaper to take many of them together.
        """
        idle = self._threads - self._unfinished()
        if idle <= 0 or self._closing.is_set() or all(self._is_quick(call.connector) for call in placed):
            return placed
        self.enter(shard, self._store.take_calls(shard, self._owner, idle, placed))
        return placed[idle:]

    def is_local(self, call: Call) -> bool:
        """Whether a call is quick, and neither a limit nor a host in trouble could make it wait."""
        return not self._closing.is_set() and self._is_quick(call.connector) and self._doorkeeper.is_open(call)

    def finish(self, finished: Finished) -> None:
        """Reports a call that was made."""
        self._finished.put(finished)

    def take_chunk(self, shard: int, numbers: Numbers, done: Callable[[], None]) -> None:
        """Takes the calls of a chunk, as many at a time as there is room for. `done` is called when none is left,
        unless this process ends before."""
        self._chunks.append(Chunk(shard, numbers, done))
        self._take_from_chunks()

    def close(self) -> None:
        """Takes no more; hands back what has not begun, waits for what runs, and reports it."""
        self._closing.set()
        back: dict[int, list[Taken]] = {}
        while self._waiting:
            try:
                shard, taken, _ = self._waiting.popleft()
            except IndexError:
                break
            back.setdefault(shard, []).append(taken)
            self._leave(taken.call.item)
        for shard, calls in back.items():
            try:
                self._store.hand_back(shard, self._owner, calls)
            except Unavailable as away:
                log.warning("%d calls were not handed back and wait for their deadline: %s", len(calls), away)
        until = monotonic() + STOPPED_WITHIN_S
        while self._in_room and monotonic() < until:
            self._reporters[0].join(0.02)
        for _ in self._reporters:
            self._finished.put(_Signal.CLOSE)
        for reporter in self._reporters:
            reporter.join(STOPPED_WITHIN_S)
        for _ in self._callers:
            self._wake.put(False)
        self.local.close()
        self._doorkeeper.go_round(lambda _: 0)
        if self._in_room:
            log.warning("%d calls still run; they are repeated after their deadline", len(self._in_room))

    # -- taking ------------------------------------------------------------------------------------------------

    def _room_for(self, connectors: Collection[str]) -> int:
        """How many calls of these connectors, or of any where none is named, the room may take."""
        quick = bool(connectors) and all(map(self._is_quick, connectors))
        return (MOST_QUICK_CALLS if quick else self._threads + self._ahead()) - self._unfinished()

    def _unfinished(self) -> int:
        # What has finished and is not reported yet keeps no thread, but it must not pile up either.
        return max(len(self._waiting) + len(self._running), len(self._in_room) - MOST_UNREPORTED)

    def _ahead(self) -> int:
        """How many calls to take beyond one for each thread."""
        average_s = max(tuple(self._average_s.values()), default=AHEAD_S * self._threads + 1)
        return min(int(self._threads * AHEAD_S / max(average_s, AHEAD_S)), self._threads)

    def _is_quick(self, connector: str) -> bool:
        return self._average_s.get(connector, 1.0) < QUICK_S

    def let_in(self, gate: str) -> None:
        """Calls wait at a gate, and perhaps nobody beyond it is left to let them in."""
        self._doorkeeper.look(gate)
        self._finished.put(_Signal.GO_ROUND)

    def enter(self, shard: int, taken: Sequence[Taken]) -> None:
        """Makes calls that were taken, as far as their gates let them in."""
        inside = self._doorkeeper.admit(shard, taken)
        if len(inside) < len(taken):
            for item in {each.call.item for each in taken}.difference(each.call.item for each in inside):
                self._leave(item)
            self._finished.put(_Signal.GO_ROUND)
        self._begin(shard, inside)

    def _begin(self, shard: int, taken: Sequence[Taken]) -> None:
        now = monotonic()
        for each in taken:
            entry = _InRoom(shard, each, now)
            self._in_room[each.call.item] = entry
            self._waiting.append(entry)
        self._wake_for(taken)

    def _let_some_in(self) -> None:
        """Goes to the gates, and begins what they let in."""
        for shard, taken, failure in self._doorkeeper.go_round(self._room_for):
            if failure is None:
                self._begin(shard, taken)
                continue
            for each in taken:
                self._in_room[each.call.item] = _InRoom(shard, each, monotonic())
                self.finish(_finished(shard, each, failure))

    def _leave(self, item: str) -> None:
        self._in_room.pop(item, None)
        self._lost.discard(item)
        self._doorkeeper.left(item)
        chunk = self._chunk_of.pop(item, None)
        if chunk is not None:
            chunk.settle([item])

    def _take_from_chunks(self) -> None:
        if not self._dividing.acquire(blocking=False):
            return
        try:
            while self._chunks and not self._closing.is_set():
                chunk = self._chunks[0]
                room = self._room_for({chunk.connector})
                if room <= 0:
                    self._full_at = monotonic()
                    return
                self._take_of(chunk, room)
                if chunk.is_taken:
                    self._chunks.popleft()
        finally:
            self._dividing.release()

    def _take_of(self, chunk: Chunk, room: int) -> None:
        items = chunk.next(room)
        self._chunk_of.update(dict.fromkeys(items, chunk))
        taken: list[Taken] = []
        try:
            taken = self._store.take_named(chunk.shard, self._owner, items)
        finally:
            # What was not taken is no concern of the chunk any more: somebody else has it, or will find it.
            self.enter(chunk.shard, taken)
            for item in set(items).difference(each.call.item for each in taken):
                self._leave(item)

    def _wake_for(self, taken: Sequence[Taken]) -> None:
        slow = sum(not self._is_quick(each.call.connector) for each in taken)
        for _ in range(min(slow or min(len(taken), 1), self._threads)):
            self._wake.put(True)

    # -- calling -----------------------------------------------------------------------------------------------

    def _make_calls(self) -> None:
        """One thread: sleeps until it is woken, then calls until nothing waits."""
        while self._wake.get():
            while True:
                try:
                    entry = self._waiting.popleft()
                except IndexError:
                    break
                item = entry.taken.call.item
                self._running.add(item)
                try:
                    self._make(entry)
                except Exception:  # noqa: BLE001
                    # The boundary of this thread: it must live on for later calls. This one is repeated after its
                    # deadline.
                    log.exception("a call of shard %d could not be made", entry.shard)
                    self._leave(item)
                finally:
                    self._running.discard(item)

    def _make(self, entry: _InRoom) -> None:
        if self._is_to_be_made(entry):
            self.finish(self.called(entry.shard, entry.taken))
        else:
            self._leave(entry.taken.call.item)

    def _is_to_be_made(self, entry: _InRoom) -> bool:
        """Whether a call is still its taker's. All that wait of its shard are asked after together."""
        now = monotonic()
        if now - max(entry.since, self._confirmed_at.get(entry.shard, 0.0)) > CONFIRMED_FOR_S:
            self._confirmed_at[entry.shard] = now
            self._renew_some(
                entry.shard, [entry.taken, *(each.taken for each in tuple(self._waiting) if each.shard == entry.shard)]
            )
        return entry.taken.call.item not in self._lost

    def called(self, shard: int, taken: Taken) -> Finished:
        """Makes a call, unless its attempts are used up."""
        call, attempt = taken
        if attempt > call.attempts + LOSSES_FORGIVEN:
            return _finished(shard, taken, None)
        if self._connectors.get(call.connector) is None:
            self._keep_up()
        began = monotonic()
        outcome = self._connectors.begin(request_of(call, attempt))
        took = monotonic() - began
        self._doorkeeper.ended(call, outcome)
        # A plain moving average: a lost update of another thread does not matter.
        self._average_s[call.connector] = self._average_s.get(call.connector, took) * 0.9 + took * 0.1
        return _finished(shard, taken, outcome)

    # -- reporting ---------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """One thread that reports outcomes, drains free shards, takes more, and renews what takes long."""
        running = True
        while running:
            finished, running = self._next_batch()
            try:
                self._go_round(finished)
            except Exception:  # noqa: BLE001
                # The boundary of this thread: one round that raises must not end the reporting of every later call.
                # Calls that were not reported are repeated after their deadline; events stay in the stream.
                log.exception("a round of reports raised")

    def _go_round(self, finished: list[Finished]) -> None:
        if finished:
            self._report_batch(finished)
        if not self._closing.is_set():
            self._let_some_in()
            self._look_around()
            self._take_more()
        self._drain_some()
        if monotonic() - self._renewed_at > RENEWED_EVERY_S:
            self._renewed_at = monotonic()
            self._renew()

    def _next_batch(self) -> tuple[list[Finished], bool]:
        """What has finished meanwhile; False when the room is closed."""
        try:
            following = self._finished.get(timeout=self._pause_s())
        except Empty:
            for _ in range(min(len(self._waiting), self._threads)):
                self._wake.put(True)
            return [], True
        batch: list[Finished] = []
        while following is not _Signal.CLOSE:
            if isinstance(following, Finished):
                batch.append(following)
            if len(batch) == REPORTED_AT_ONCE:
                return batch, True
            try:
                following = self._finished.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _pause_s(self) -> float:
        """How long a reporter waits at most for something to finish."""
        pause_s = STALLED_S if self._waiting else RENEWED_EVERY_S
        look_at = self._doorkeeper.next_look()
        return pause_s if look_at is None else min(pause_s, max(look_at - monotonic(), 0.0))

    def _report_batch(self, batch: list[Finished]) -> None:
        by_shard: dict[int, list[Finished]] = {}
        for finished in batch:
            by_shard.setdefault(finished.shard, []).append(finished)
        for shard, together in by_shard.items():
            try:
                ring = self._reported(shard, together)
            finally:
                for each in together:
                    self._leave(each.item)
            if ring:
                self._undrained.append(shard)

    def _drain_some(self) -> None:
        # A thread that is refused has put its shards there before, so whoever drains sees them when it looks again.
        while self._undrained and self._may_drain.acquire(blocking=False):
            try:
                self._drain(self._undrained.popleft())
            except IndexError:
                return
            finally:
                self._may_drain.release()

    def _reported(self, shard: int, finished: Sequence[Finished]) -> bool:
        """Reports, waiting for a store that is away as long as the calls may still be this process's."""
        outcomes = [each.told for each in finished if isinstance(each.told, Reported)]
        awaited = [each.told for each in finished if isinstance(each.told, Awaited)]
        for attempt in range(REPORT_ATTEMPTS):
            try:
                if awaited:
                    self._store.await_callbacks(shard, self._owner, awaited)
                return self._store.report(shard, self._owner, outcomes) if outcomes else False
            except Unavailable as away:
                if attempt == 0:
                    log.warning("%d outcomes of shard %d wait for the store: %s", len(finished), shard, away)
                # Waiting here keeps further outcomes waiting too, which is right: the store is away for all.
                self._closing.wait(REPORT_PAUSE_S)
        log.error("%d outcomes of shard %d could not be reported; their calls are repeated", len(finished), shard)
        return False

    def _look_around(self) -> None:
        """A room that was full and has nothing left looks where calls wait that others have no room for."""
        now = monotonic()
        if self._more or now - self._full_at > LOOKED_FOR_S or now - self._looked_at < LOOK_PAUSE_S:
            return
        if self._room_for(()) <= 0:
            return
        self._looked_at = now
        try:
            self._more.update(work.shard for work in self._store.work() if work.due_calls)
        except Unavailable as away:
            log.warning("nobody looks for calls that wait: %s", away)

    def _take_more(self) -> None:
        try:
            self._take_from_chunks()
        except Unavailable as away:
            log.warning("calls of a chunk wait: %s", away)
        for shard in tuple(self._more):
            if self._room_for(()) <= 0:
                return
            self._more.discard(shard)
            try:
                self.take(shard)
            except Unavailable as away:
                log.warning("calls of shard %d wait: %s", shard, away)

    def _renew(self) -> None:
        """Keeps what is in the room from being taken by others."""
        by_shard: dict[int, list[Taken]] = {}
        for shard, taken, _ in tuple(self._in_room.values()):
            by_shard.setdefault(shard, []).append(taken)
        for shard, together in by_shard.items():
            self._renew_some(shard, together)
        try:
            self._doorkeeper.renew()
            self._keep_up()
        except Unavailable as away:
            log.warning("places at gates were not renewed, and connectors stay as they are: %s", away)

    def _renew_some(self, shard: int, together: Sequence[Taken]) -> None:
        try:
            lost = self._store.renew(shard, self._owner, together)
        except Unavailable as away:
            log.warning("%d calls of shard %d were not renewed: %s", len(together), shard, away)
            return
        # Of what is being called or has been, the store refuses the outcome: only what waits here is of interest.
        waiting = {entry.taken.call.item for entry in tuple(self._waiting)} | self._running
        self._lost.update(waiting.intersection(lost))


def _finished(shard: int, taken: Taken, outcome: Answer | None) -> Finished:
    """What the store is to be told of a call. Without an outcome it was not made: its attempts are used up."""
    call, attempt = taken
    if isinstance(outcome, Later):
        return Finished(shard, call.item, awaited_of(call, attempt, outcome))
    return Finished(shard, call.item, Reported(_event(taken, outcome), call.correlation_id, call.instance is not None))


def _event(taken: Taken, outcome: Outcome | None) -> CallAnswered | CallFailed:
    """The event that an outcome makes."""
    call, attempt = taken
    if outcome is None:
        message = f"the workers that made it died: {attempt - 1} attempts never came back"
        return CallFailed(call.item, attempt, FailureKind.LOST, message, False)
    return event_of(call, attempt, outcome)
