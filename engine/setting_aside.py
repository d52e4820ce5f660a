"""Setting aside what a case cannot take: events whose step raised, events of cases that stand still or are damaged, and
events that killed their drainers. Nothing is lost, and the other cases of the shard go on.
"""

import logging
from traceback import format_exc

from engine.case import Case, CaseStatus
from engine.errors import Unavailable
from engine.events import CallAnswered, CallFailed, CaseCancelled, CaseFaulted, CaseRetried, Envelope
from engine.journal import Entry, Note
from engine.names import shard_of
from engine.progress import Progress
from engine.steps.cases import stand_still
from engine.store import codec
from engine.store.port import Commit, DeadLetter, Lease, Store, Waiting

log = logging.getLogger(__name__)

RETRIED_AT_ONCE = 64
"""Events that were set aside and that one commit takes again."""


def retry(store: Store, progress: Progress, waiting: Waiting, wish: CaseRetried | CaseCancelled) -> None:
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
    shard = shard_of(case_id, store.shards)
    letters = [letter for letter in store.dead_letters(shard) if letter.envelope.case_id == case_id]
    again = [] if drop else [letter.envelope for letter in letters]
    aside = again + store.parked(case_id)
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


def set_aside_without_case(store: Store, lease: Lease, case_id: str, damage: str | None, events: list[Waiting]) -> None:
    """Events of a case that cannot be read wait until it is repaired; those of one that is gone are discarded."""
    if not events:
        return
    if damage is None and not store.journal(case_id, 0, 1):
        log.warning("shard %d: %d events are for case %s, which no longer exists", lease.shard, len(events), case_id)
        store.discard(lease, [event.id for event in events])
        return
    log.error(
        "case %s stands still, %d events wait: its record %s; `casewright fsck --repair` makes it again",
        case_id,
        len(events),
        f"cannot be read ({damage})" if damage is not None else "is missing",
    )
    store.park(lease, events)


def deadly(store: Store, lease: Lease, event: Waiting, strikes: int) -> None:
    """An event that killed its drainers goes to the dead letters unread, and its case stands still."""
    error = f"{strikes} drainers died while they handled it"
    log.error("shard %d: event %s of case %s: %s", lease.shard, event.id, event.envelope.case_id, error)
    case_id = event.envelope.case_id
    loaded = store.load([case_id], [])
    if case_id in loaded.cases:
        store.commit([stood_still(loaded.cases[case_id], [event], error, "")], lease)
    else:
        set_aside_without_case(store, lease, case_id, loaded.damaged.get(case_id), [event])


def take(progress: Progress, waiting: Waiting) -> None:
    """One event of a batch. What a case cannot take now is parked; what raises is set aside, and the shard goes on."""
    if waiting.id:
        progress.commit.handled.append(waiting.id)
    else:
        progress.commit.made.append(_call_of(waiting))
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


def stood_still(case: Case, events: list[Waiting], error: str, traceback: str) -> Commit:
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
        handled=[event.id for event in events if event.id],
        made=[_call_of(event) for event in events if not event.id],
        dead=[_letter(event, error, traceback) for event in events],
    )


def _call_of(waiting: Waiting) -> str:
    """The call whose outcome an event is that was never in the stream."""
    event = waiting.envelope.event
    assert isinstance(event, CallAnswered | CallFailed), "only outcomes come without having been in the stream"
    return event.item


def _letter(waiting: Waiting, error: str, traceback: str) -> DeadLetter:
    return DeadLetter(waiting.at, waiting.envelope, error, traceback)


def _fault(waiting: Waiting, error: str) -> CaseFaulted:
    return CaseFaulted(type(waiting.envelope.event).__name__, error)
