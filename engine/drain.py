"""One drain of one shard, under its lease: events are read in batches, cases stepped, and each case committed with all
its events of the batch.

Calls that the process can make in no time are its own with the commit that places them. Their outcomes are the first
events of the next batch, of cases that are still in memory: nothing of them goes through the store but the commits,
and a case that runs through five such tasks costs five.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, Protocol

from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.errors import NotFound
from engine.events import CaseCancelled, CaseRetried, Envelope, ItemCompleted
from engine.items.work_item import WorkItem
from engine.names import case_of
from engine.progress import Distributor, Progress
from engine.setting_aside import deadly, retry, set_aside_without_case, stood_still, take
from engine.store.port import Commit, Lease, Outcome, Reported, Store, Waiting

log = logging.getLogger(__name__)

BATCH = 64
"""Events read at once: enough to share a round trip, few enough for one pipeline of commits."""

FEWEST_READ = 16
"""Events read beside however many outcomes: a case that goes on and on must not keep others from being cancelled."""

EVENTS_PER_DRAIN = 1_024
SECONDS_PER_DRAIN = 0.2
"""A drainer gives a shard back after so much, so that none starves another."""

COMMIT_ATTEMPTS = 8
"""How often a case is read and stepped again because a request was faster."""

STRIKES = 3
"""At so many drainers that died over one event it is set aside."""

MOST_CLAIMED = 256
"""Calls that a drainer makes between one batch and the next."""

CLAIMED_FOR_MS = 5_000
"""How long a claimed call is the drainer's. As long as a lease: who died with one lost the other."""


class LocalCalls(Protocol):
    """What makes calls in the process that drains."""

    def claims(self, call: Call) -> bool:
        """Whether a call that is placed now will be made here, at once."""

    def make(self, shard: int, calls: Sequence[Call]) -> list[Reported]:
        """Makes calls that were claimed. Gives the outcomes there are after a bounded time; it reports the others
        itself."""

    def report(self, shard: int, outcomes: Sequence[Reported]) -> None:
        """Sees to it that outcomes which a drain could not commit come to the shard as events."""

    def begin(self, shard: int, placed: list[Call]) -> list[Call]:
        """Begins calls that were placed as far as it can at once, without waiting; gives back the others."""


class _Known(NamedTuple):
    """A case as this drain committed it last, and its packed data."""

    case: Case
    data: bytes


@dataclass(slots=True)
class Drained:
    """What a drain did. `calls` are those that nobody has begun. `unfinished`: events were left, and the drainer is to
    ring for them."""

    events: int = 0
    batches: int = 0
    unfinished: bool = False
    calls: list[Call] = field(default_factory=list)


class Drain:
    """Handles the events of a shard whose lease one holds."""

    def __init__(
        self,
        store: Store,
        progress: Callable[[Case, Distributor, bytes], Progress],
        people: Callable[[], Distributor],
        lease: Lease,
        local: LocalCalls | None,
    ) -> None:
        self._store = store
        self._progress = progress
        self._people = people
        self._lease = lease
        self._local = local
        self._done = Drained()
        self._outcomes: list[Reported] = []
        self._known: dict[str, _Known] = {}
        self._may_claim = False

    def run(self) -> Drained:
        """Until no event is left, the time is over, or somebody else has the lease. May raise `Unavailable`."""
        try:
            self._run()
        finally:
            self._report(self._outcomes)
        return self._done

    def _run(self) -> None:
        store, shard, done = self._store, self._lease.shard, self._done
        until = monotonic() + SECONDS_PER_DRAIN
        while True:
            incoming = store.read(shard, self._room())
            if incoming.events and self._lease.strikes >= STRIKES:
                deadly(store, self._lease, incoming.events[0], STRIKES)
                self._lease = self._lease._replace(strikes=0)
                continue
            if incoming.events or self._outcomes:
                over = done.events >= EVENTS_PER_DRAIN or monotonic() > until
                # Whose drainer died of an event may die of it again, and then nothing but events should wait for it.
                self._may_claim = self._local is not None and not over and not self._lease.strikes
                if not self._handle(incoming.events, incoming.at):
                    return
                done.batches += 1
                if self._local is not None and done.calls:
                    done.calls = self._local.begin(shard, done.calls)
            elif store.release(self._lease):
                return
            if not self._outcomes and (done.events >= EVENTS_PER_DRAIN or monotonic() > until):
                done.unfinished = True
                store.release(self._lease, unfinished=True)
                return

    def _room(self) -> int:
        """How many events to read beside the outcomes that are there."""
        # After a drainer died the heir takes one event at a time, so that the strikes meet the right one.
        return 1 if self._lease.strikes else max(BATCH - len(self._outcomes), FEWEST_READ)

    def _handle(self, events: Sequence[Waiting], now: int) -> bool:
        """Handles a batch of events and the outcomes of the one before; False when the lease was lost."""
        left = [_waiting(outcome, now) for outcome in self._outcomes]
        left += events
        claimed: list[Call] = []
        for _ in range(COMMIT_ATTEMPTS):
            commits = self._steps(left, now)
            outcomes = self._store.commit(commits, self._lease)
            if Outcome.FENCED in outcomes:
                log.warning("the lease of shard %d was lost: another drainer goes on", self._lease.shard)
                return False
            conflicting = {
                commit.before.id for commit, result in zip(commits, outcomes, strict=True) if result is Outcome.CONFLICT
            }
            self._give_up_outcomes_of(conflicting)
            for commit, result in zip(commits, outcomes, strict=True):
                if result is not Outcome.CONFLICT:
                    claimed += self._committed(commit)
            left = [event for event in left if event.id and event.envelope.case_id in conflicting]
            if not left:
                break
        else:
            # They stay at the head of the stream, and the next batch begins with them.
            log.info("shard %d: %d events wait for cases that requests keep changing", self._lease.shard, len(left))
        self._outcomes = self._local.make(self._lease.shard, claimed) if self._local is not None and claimed else []
        return True

    def _committed(self, commit: Commit) -> list[Call]:
        """Takes note of a commit; gives the calls that are now to be made here."""
        self._done.events += len(commit.handled) + len(commit.made)
        if not commit.claimed:
            self._done.calls += commit.placed
            self._known.pop(commit.before.id, None)
            return []
        self._known[commit.before.id] = _Known(commit.after, commit.packed.data)
        claimed: list[Call] = []
        for call in commit.placed:
            (claimed if call.item in commit.claimed else self._done.calls).append(call)
        return claimed

    def _give_up_outcomes_of(self, cases: set[str]) -> None:
        """Of cases that somebody else has changed the outcomes go the way of others, which compares more."""
        for case in cases:
            self._known.pop(case, None)
        if cases and self._outcomes:
            self._report([each for each in self._outcomes if case_of(each.event.item) in cases])
            self._outcomes = [each for each in self._outcomes if case_of(each.event.item) not in cases]

    def _report(self, outcomes: Sequence[Reported]) -> None:
        if self._local is not None and outcomes:
            self._local.report(self._lease.shard, outcomes)

    def _steps(self, events: Sequence[Waiting], now: int) -> list[Commit]:
        """The commits that a batch leads to, one for each case."""
        by_case: dict[str, list[Waiting]] = {}
        for event in events:
            by_case.setdefault(event.envelope.case_id, []).append(event)
        completed = [w.envelope.event.item for w in events if isinstance(w.envelope.event, ItemCompleted)]
        cases, items = self._read(by_case, completed)
        distributor = self._people()
        room = MOST_CLAIMED if self._may_claim else 0
        commits = []
        for case_id, waiting in by_case.items():
            if case_id not in cases:
                continue
            case, data = cases[case_id]
            try:
                progress = self._progress(case, distributor, data)
            except NotFound as missing:
                # Without its specification a case takes no step, and must not keep its shard from others.
                log.error("case %s stands still: %s", case_id, missing)
                commits.append(stood_still(case, waiting, str(missing), ""))
                continue
            if items:
                progress.knows({item: record for item, record in items.items() if record.case_id == case_id})
            for event in waiting:
                match event.envelope.event:
                    case CaseRetried() as wish:
                        retry(self._store, progress, event, wish)
                    case CaseCancelled() as wish if progress.case.status is CaseStatus.FAULTED:
                        retry(self._store, progress, event, wish)
                    case _:
                        take(progress, event)
            commit = progress.finished()
            if room and commit.placed:
                room -= self._claim(commit, room, now)
            commits.append(commit)
        return commits

    def _read(
        self, by_case: Mapping[str, list[Waiting]], completed: Sequence[str]
    ) -> tuple[Mapping[str, tuple[Case, bytes]], Mapping[str, WorkItem]]:
        """The cases that events are for, with their packed data, and items; events of others are set aside."""
        unknown = [case_id for case_id in by_case if case_id not in self._known]
        if not unknown and not completed:
            return self._known, {}
        loaded = self._store.load(unknown, completed)
        for case_id in unknown:
            if case_id not in loaded.cases:
                self._give_up_outcomes_of({case_id})
                waiting = [event for event in by_case[case_id] if event.id]
                set_aside_without_case(self._store, self._lease, case_id, loaded.damaged.get(case_id), waiting)
        read = {case_id: (case, loaded.data[case_id]) for case_id, case in loaded.cases.items()}
        return {**self._known, **read}, loaded.items

    def _claim(self, commit: Commit, room: int, now: int) -> int:
        """Claims of the calls that a commit places those that are made here; how many."""
        assert self._local is not None, "only who makes calls claims any"
        until = now + CLAIMED_FOR_MS
        for call in commit.placed:
            if len(commit.claimed) == room:
                break
            if self._local.claims(call):
                commit.claimed[call.item] = until
        return len(commit.claimed)


def _waiting(outcome: Reported, now: int) -> Waiting:
    """An outcome as an event that never was in the stream."""
    event = outcome.event
    return Waiting("", now, Envelope(case_of(event.item), event, outcome.correlation_id))
