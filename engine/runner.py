"""Moving cases: the drain of a shard.

A drain takes the shard's lease, reads events in batches, steps the cases they are for, and commits each case with
all its events of the batch. It knows nothing of Celery: `workers` call it, and so do `play` and the tests.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from traceback import format_exc
from typing import Any, TypeAlias

from engine.case import Case, CaseStatus
from engine.definitions import Definitions
from engine.effects import Call
from engine.errors import NotFound, Unavailable
from engine.events import CaseCancelled, CaseFaulted, CaseRetried, Envelope, ItemCompleted
from engine.items.work_item import WorkItem
from engine.journal import Entry, Note
from engine.names import shard_of
from engine.net import sharing
from engine.progress import Distributor, Progress, Reads
from engine.spec.model import Specification
from engine.steps.cases import stand_still
from engine.store import codec
from engine.store.folders import Folders
from engine.store.memory_folders import MemoryFolders
from engine.store.port import Commit, DeadLetter, Lease, Outcome, Store, Waiting

log = logging.getLogger(__name__)

BATCH = 64
"""Events read at once: enough to share a round trip, few enough for one pipeline of commits."""

EVENTS_PER_DRAIN = 1_024
SECONDS_PER_DRAIN = 0.2
"""A drainer gives a shard back after so much, so that none starves another."""

COMMIT_ATTEMPTS = 8
"""How often a case is read and stepped again because a request was faster."""

RETRIED_AT_ONCE = 64
"""Events that were set aside and that one commit takes again."""

STRIKES = 3
"""At so many drainers that died over one event it is set aside."""


Begin: TypeAlias = Callable[[int, list[Call]], list[Call]]
"""Begins calls that were placed in a shard as far as it can at once; gives back the others."""


@dataclass(slots=True)
class Drained:
    """What a drain did. `unfinished`: events were left, and the drainer is to ring for them."""

    events: int = 0
    batches: int = 0
    unfinished: bool = False
    calls: list[Call] = field(default_factory=list)


class Runner:
    """Moves cases of a store. Safe for use by several threads."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        people: Callable[[], Distributor],
        folders: Folders | None = None,
    ) -> None:
        """`people` gives the distributor of one batch, so that whom it asks is looked up at most once for it.

        Without `folders` what cases share is kept in memory.
        """
        self._store = store
        self._definitions = definitions
        self._people = people
        self._folders = folders or MemoryFolders()
        self._interrupted: set[Lease] = set()

    def drain(self, shard: int, owner: str, begin: Begin | None = None) -> Drained | None:
        """Handles the events of a shard until none is left or its time is over; None when somebody else does.

        `begin` is given the calls of each batch, so that they need not wait for the end of the drain.
        """
        self._give_back_interrupted()
        lease = self._store.acquire(shard, owner)
        if lease is None:
            return None
        try:
            return self._drain(lease, begin)
        except Unavailable:
            self._interrupted.add(lease)
            raise

    def progress(
        self, case: Case, distributor: Distributor | None = None, packed_data: bytes | None = None
    ) -> Progress:
        """A case that was read, ready to take events. `packed_data`: what its data were unpacked from, if known."""
        reads = Reads(self._items, self._store.results, self._definitions.find, self._folders)
        return Progress(self.specification_of(case), case, distributor or self._people(), reads, packed_data)

    def specification_of(self, case: Case) -> Specification:
        """The specification a case runs, compiled."""
        return self._definitions.get(case.specification, case.specification_version)

    def variables_of(self, case: Case) -> dict[str, Any]:
        """The variables of a case as its next step will find them: what it shares is read anew."""
        net = self.specification_of(case).nets[case.net]
        data = {**net.nulls, **case.data}
        if net.shared:
            data |= sharing.news(net, case.data, self._folders.values(sharing.places(net, case)))[0]
        return data

    def _give_back_interrupted(self) -> None:
        """Gives back the leases over which the store went away: a drainer that lives on counts against no event."""
        for lease in tuple(self._interrupted):
            self._store.release(lease, unfinished=True)
            self._interrupted.discard(lease)

    def _drain(self, lease: Lease, begin: Begin | None) -> Drained:
        shard = lease.shard
        drained = Drained()
        until = monotonic() + SECONDS_PER_DRAIN
        while True:
            # After a drainer died the heir takes one event at a time, so that the strikes meet the right one.
            waiting = self._store.read(shard, 1 if lease.strikes else BATCH)
            if waiting and lease.strikes >= STRIKES:
                self._set_aside(lease, waiting[0])
                lease = lease._replace(strikes=0)
                continue
            if waiting:
                if not self._handle(lease, waiting, drained):
                    return drained
                drained.batches += 1
                if begin is not None and drained.calls:
                    drained.calls = begin(shard, drained.calls)
            elif self._store.release(lease):
                return drained
            if drained.events >= EVENTS_PER_DRAIN or monotonic() > until:
                drained.unfinished = True
                self._store.release(lease, unfinished=True)
                return drained

    def _handle(self, lease: Lease, waiting: list[Waiting], drained: Drained) -> bool:
        """Handles a batch of events; False when the lease was lost."""
        left = waiting
        for _ in range(COMMIT_ATTEMPTS):
            commits = self._steps(lease, left)
            outcomes = self._store.commit(commits, lease)
            if Outcome.FENCED in outcomes:
                log.warning("the lease of shard %d was lost: another drainer goes on", lease.shard)
                return False
            conflicting: set[str] = set()
            for commit, outcome in zip(commits, outcomes, strict=True):
                if outcome is Outcome.CONFLICT:
                    conflicting.update(commit.handled)
                else:
                    drained.events += len(commit.handled)
                    drained.calls += commit.placed
            left = [event for event in left if event.id in conflicting]
            if not left:
                return True
        # They stay at the head of the stream, and the next batch begins with them.
        log.info("shard %d: %d events wait for cases that requests keep changing", lease.shard, len(left))
        return True

    def _steps(self, lease: Lease, waiting: list[Waiting]) -> list[Commit]:
        """The commits that a batch leads to, one for each case."""
        by_case: dict[str, list[Waiting]] = {}
        for event in waiting:
            by_case.setdefault(event.envelope.case_id, []).append(event)
        completed = [w.envelope.event.item for w in waiting if isinstance(w.envelope.event, ItemCompleted)]
        loaded = self._store.load(by_case, completed)
        for case_id, events in by_case.items():
            if case_id not in loaded.cases:
                self._set_aside_without_case(lease, case_id, loaded.damaged.get(case_id), events)
        distributor = self._people()
        commits = []
        for case_id, case in loaded.cases.items():
            try:
                progress = self.progress(case, distributor, loaded.data[case_id])
            except NotFound as missing:
                # Without its specification a case takes no step, and must not keep its shard from others.
                log.error("case %s stands still: %s", case_id, missing)
                commits.append(_stood_still(case, by_case[case_id], str(missing), ""))
                continue
            progress.knows({item: record for item, record in loaded.items.items() if record.case_id == case_id})
            for event in by_case[case_id]:
                match event.envelope.event:
                    case CaseRetried() as wish:
                        self._retry(progress, event, wish)
                    case CaseCancelled() as wish if progress.case.status is CaseStatus.FAULTED:
                        self._retry(progress, event, wish)
                    case _:
                        _take(progress, event)
            commits.append(progress.finished())
        return commits

    def _retry(self, progress: Progress, waiting: Waiting, wish: CaseRetried | CaseCancelled) -> None:
        """A faulted case takes what was set aside, in the order in which it came, before anything newer.

        One that is cancelled takes it too: nothing of it has an effect any more, and the journal says so of each.
        """
        commit, case_id = progress.commit, progress.case.id
        commit.handled.append(waiting.id)
        if commit.dead or commit.parked or commit.buried:
            # What this batch sets aside is not in the store yet: after its commit it is.
            commit.appended.append(waiting.envelope)
            return
        stood_still = progress.case.status is CaseStatus.FAULTED
        progress.take(wish, waiting.at, waiting.envelope.correlation_id)
        if not stood_still and not progress.case.ended:
            return
        drop = isinstance(wish, CaseRetried) and wish.drop
        shard = shard_of(case_id, self._store.shards)
        letters = [letter for letter in self._store.dead_letters(shard) if letter.envelope.case_id == case_id]
        again = [] if drop else [letter.envelope for letter in letters]
        aside = again + self._store.parked(case_id)
        taken = 0
        while taken < min(len(aside), RETRIED_AT_ONCE) and progress.case.status is not CaseStatus.FAULTED:
            _try(progress, waiting._replace(envelope=aside[taken]))
            taken += 1
        commit.buried += letters if drop else letters[:taken]
        commit.unparked = max(taken - len(again), 0)
        if taken < len(aside) and progress.case.ended:
            commit.appended.append(Envelope(case_id, CaseRetried(wish.by), waiting.envelope.correlation_id))
        elif taken < len(aside) and progress.case.status is not CaseStatus.FAULTED:
            # It stands still while the rest follows, so that nothing newer comes before it.
            more = f"{len(aside) - taken} events that were set aside follow"
            progress.take(CaseFaulted(type(wish).__name__, more), waiting.at)
            commit.appended.append(waiting.envelope)

    def _set_aside_without_case(self, lease: Lease, case_id: str, damage: str | None, events: list[Waiting]) -> None:
        """Events of a case that cannot be read wait until it is repaired; those of one that is gone are discarded."""
        if damage is None and not self._store.journal(case_id, 0, 1):
            log.warning(
                "shard %d: %d events are for case %s, which no longer exists", lease.shard, len(events), case_id
            )
            self._store.discard(lease, [event.id for event in events])
            return
        log.error(
            "case %s stands still, %d events wait: its record %s; `casewright fsck --repair` makes it again",
            case_id,
            len(events),
            f"cannot be read ({damage})" if damage is not None else "is missing",
        )
        self._store.park(lease, events)

    def _set_aside(self, lease: Lease, event: Waiting) -> None:
        """An event that killed its drainers goes to the dead letters unread, and its case stands still."""
        error = f"{STRIKES} drainers died while they handled it"
        log.error("shard %d: event %s of case %s: %s", lease.shard, event.id, event.envelope.case_id, error)
        case_id = event.envelope.case_id
        loaded = self._store.load([case_id], [])
        if case_id in loaded.cases:
            self._store.commit([_stood_still(loaded.cases[case_id], [event], error, "")], lease)
        else:
            self._set_aside_without_case(lease, case_id, loaded.damaged.get(case_id), [event])

    def _items(self, item_ids: Iterable[str]) -> Mapping[str, WorkItem]:
        return self._store.load([], item_ids).items


def _take(progress: Progress, waiting: Waiting) -> None:
    """One event of a batch. What a case cannot take now is parked; what raises is set aside, and the shard goes on."""
    progress.commit.handled.append(waiting.id)
    if progress.case.status is CaseStatus.FAULTED:
        progress.commit.parked.append(waiting.envelope)
    else:
        _try(progress, waiting)


def _try(progress: Progress, waiting: Waiting) -> None:
    """Lets a case take an event. When its step raises, the event goes to the dead letters and the case stands still."""
    envelope = waiting.envelope
    try:
        progress.take(envelope.event, waiting.at, envelope.correlation_id)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001
        # The boundary of a step: whatever is wrong in one case's event must not stop the cases beside it.
        log.exception("event %s of case %s raised; it is set aside", waiting.id, envelope.case_id)
        said = f"{type(error).__name__}: {error}"
        progress.set_aside(_letter(waiting, said, format_exc()), _fault(waiting, said), waiting.at)


def _stood_still(case: Case, events: list[Waiting], error: str, traceback: str) -> Commit:
    """Sets events aside without a step of the kernel: it is what `steps.cases.faulted` makes of the case."""
    first, at = events[0], max(events[0].at, case.updated_at)
    after = case.copy()
    notes: tuple[Note, ...] = ()
    if not case.ended:
        stand_still(after)
        notes = (Note("faulted", detail=error),)
    after.revision += 1
    after.updated_at = at
    packed = codec.pack_case(after)
    entry = Entry(at, _fault(first, error), notes, digest=packed.digest, correlation_id=first.envelope.correlation_id)
    return Commit(
        case,
        after,
        packed,
        entries=[entry],
        handled=[event.id for event in events],
        dead=[_letter(event, error, traceback) for event in events],
    )


def _letter(waiting: Waiting, error: str, traceback: str) -> DeadLetter:
    return DeadLetter(waiting.at, waiting.envelope, error, traceback)


def _fault(waiting: Waiting, error: str) -> CaseFaulted:
    return CaseFaulted(type(waiting.envelope.event).__name__, error)
