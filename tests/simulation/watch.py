"""What must hold after every step: looked at right after each change of the store, before anybody else goes on.

Events are accounted for like money: each that was put into a stream is, at any moment, exactly one of waiting, written
in the journal of its case, or set aside. A lost event and one that was applied twice are both a wrong balance.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.case import CaseStatus
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseFaulted,
    CaseMigrated,
    CaseResumed,
    CaseRetried,
    CaseSubmitted,
    ClaimsAnswered,
    Distributed,
    DueAnswered,
    Envelope,
    Event,
    InstanceAdded,
    InstancesGathered,
    ItemCancelled,
    ItemCompleted,
    ItemFailed,
    ItemMoved,
    ItemSkipped,
    ItemStarted,
    ItemUpdated,
    PointFound,
    RuleAnswered,
    SharedAnswered,
    SpecificationAnswered,
    TimerFired,
    WorkletPicked,
    WorkletReplaced,
)
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry
from engine.store import codec
from engine.store.port import Commit, Lease, Outcome, Store
from tests.simulation.ledger import Ledger
from tests.simulation.violation import Violation, demand

NOT_OF_A_STREAM = (
    CaseFaulted,
    CaseMigrated,
    CaseRetried,
    ClaimsAnswered,
    Distributed,
    DueAnswered,
    InstanceAdded,
    InstancesGathered,
    ItemCancelled,
    ItemFailed,
    ItemMoved,
    ItemSkipped,
    ItemStarted,
    ItemUpdated,
    PointFound,
    RuleAnswered,
    SharedAnswered,
    SpecificationAnswered,
    WorkletPicked,
    WorkletReplaced,
)
"""Events that come to a journal without a stream: by requests and as answers. A retry may be put behind again."""

ONCE = (CaseSubmitted, ItemCompleted, ItemStarted, TimerFired)
"""Events that a case sees once in its life."""

GOING_ON = frozenset({"fired", "enabled", "offered", "allocated", "completed"})
"""Notes of a case that moves."""

EVERYTHING = 1_000_000

_AFTER_WAITING = frozenset(ItemState)
_ENDS = frozenset(
    {
        ItemState.COMPLETED,
        ItemState.FAILED,
        ItemState.SKIPPED,
        ItemState.FORCE_COMPLETED,
        ItemState.CANCELLED,
        ItemState.WITHDRAWN,
    }
)
LEGAL: dict[ItemState, frozenset[ItemState]] = {
    ItemState.CREATED: _AFTER_WAITING,
    ItemState.OFFERED: _AFTER_WAITING,
    ItemState.ALLOCATED: _AFTER_WAITING - {ItemState.CREATED},
    ItemState.STARTED: _ENDS | {ItemState.STARTED, ItemState.SUSPENDED},
    ItemState.SUSPENDED: frozenset(ItemState),
    **{end: frozenset({end}) for end in _ENDS},
}
"""Where an item may be found after it was found somewhere: one change of the store may hold several moves."""


@dataclass
class _Watched:
    """What was last seen of a case."""

    entries: int = 0
    steps: int = 0
    once: set[bytes] = field(default_factory=set)
    balance: Counter[bytes] = field(default_factory=Counter)
    made: Counter[bytes] = field(default_factory=Counter)
    aside: Counter[bytes] = field(default_factory=Counter)
    suspended: bool = False
    items: dict[str, WorkItem] = field(default_factory=dict)


class Watch:
    """Looks at the store itself, past all faults."""

    def __init__(self, store: Store, ledger: Ledger, *, blind: bool) -> None:
        """`blind`: it only keeps account, and leaves it to the verdict to find what is wrong."""
        self._store = store
        self._blind = blind
        self._ledger = ledger
        self._waiting: list[dict[str, tuple[str, bytes]]] = [{} for _ in range(store.shards)]
        self._highest = [0] * store.shards
        self._known: list[list[str]] = [[] for _ in range(store.shards)]
        self._cases: dict[str, _Watched] = {}
        self.looks = 0

    @property
    def cases(self) -> list[str]:
        """Every case there ever was."""
        return list(self._cases)

    # -- leases --------------------------------------------------------------------------------------------------

    def acquired(self, lease: Lease) -> None:
        """A drainer got a lease."""
        highest = self._highest[lease.shard]
        demand(lease.number > highest, "fencing numbers grow", f"{lease} after {highest}")
        self._highest[lease.shard] = lease.number

    def committed(self, commits: Sequence[Commit], outcomes: Sequence[Outcome], lease: Lease | None) -> None:
        """Commits were made, or refused."""
        if lease is not None and Outcome.DONE in outcomes and not self._blind:
            highest = self._highest[lease.shard]
            done = [commit.after.id for commit, outcome in zip(commits, outcomes) if outcome is Outcome.DONE]
            demand(
                lease.number == highest, "two owners never commit", f"{lease} committed {done} while {highest} holds it"
            )

    @contextmanager
    def committing(self, commits: Sequence[Commit]) -> Iterator[None]:
        """While these are committed: the outcomes of calls that a drain made itself need not have been events."""
        made = [(commit.after.id, _key(event)) for commit in commits for event in _outcomes_made(commit)]
        for case_id, key in made:
            self._cases[case_id].made[key] += 1
        try:
            yield
        finally:
            for case_id, key in made:
                self._cases[case_id].made.pop(key, None)

    # -- the account of events -----------------------------------------------------------------------------------

    def look(self, shard: int, touched: Sequence[str] = ()) -> None:
        """A shard was changed, and these cases of it may have been."""
        self.looks += 1
        try:
            self._look(shard, touched)
        except Violation:
            if not self._blind:
                raise

    def _look(self, shard: int, touched: Sequence[str]) -> None:
        before, now = self._waiting[shard], {}
        for waiting in self._store.read(shard, EVERYTHING).events:
            seen = before.get(waiting.id)
            now[waiting.id] = seen if seen is not None else self._appended(shard, waiting.envelope)
        for identifier, (case_id, key) in before.items():
            if identifier not in now:
                self._cases[case_id].balance[key] += 1
        self._waiting[shard] = now
        for case_id in self._known[shard]:
            self._read_journal(case_id)
        aside = self._aside(shard)
        for case_id in self._known[shard]:
            self._settle(case_id, aside.get(case_id, Counter()))
        for case_id in dict.fromkeys(touched):
            self.look_at_items(case_id)

    def _appended(self, shard: int, envelope: Envelope) -> tuple[str, bytes]:
        case_id = envelope.case_id
        if case_id not in self._cases:
            self._cases[case_id] = _Watched()
            self._known[shard].append(case_id)
        if isinstance(envelope.event, CaseRetried):
            return case_id, b""
        return case_id, _key(envelope.event)

    def _read_journal(self, case_id: str) -> None:
        seen = self._cases[case_id]
        entries = self._store.journal(case_id, seen.entries)
        if not entries:
            return
        seen.entries += len(entries)
        for entry in entries:
            self._account(case_id, seen, entry)
        case = self._store.case(case_id)
        assert case is not None
        stood, seen.suspended = seen.suspended, case.status is CaseStatus.SUSPENDED
        if stood and seen.suspended and not any(isinstance(entry.event, CaseResumed) for entry in entries):
            went_on = [note for entry in entries for note in entry.notes if note.what in GOING_ON]
            demand(not went_on, "a suspended case stands still", f"{case_id} {went_on}")
        demand(
            case.revision == seen.steps,
            "state and journal go together",
            f"{case_id} {case.revision} {seen.steps} steps",
        )
        last = next((entry for entry in reversed(entries) if not isinstance(entry.event, ItemMoved)), None)
        if last is not None:
            digest = codec.pack_case(case).digest
            demand(digest == last.digest, "the journal's digest is that of the case", f"{case_id} {last.event}")

    def _account(self, case_id: str, seen: _Watched, entry: Entry) -> None:
        event = entry.event
        if not isinstance(event, ItemMoved):
            seen.steps += 1
        key = _key(event)
        if isinstance(event, TimerFired):
            demand(entry.at >= event.due, "no timer fires early", f"{case_id} {event} at {entry.at}")
        if isinstance(event, ONCE):
            mark = mark_of(event)
            demand(mark not in seen.once, "no transition twice", f"{case_id} {event}")
            seen.once.add(mark)
        if not isinstance(event, NOT_OF_A_STREAM):
            seen.balance[key] -= 1

    def _aside(self, shard: int) -> dict[str, Counter[bytes]]:
        aside: dict[str, Counter[bytes]] = {}
        for letter in self._store.dead_letters(shard):
            if isinstance(letter.envelope.event, CaseRetried):
                continue
            aside.setdefault(letter.envelope.case_id, Counter())[_key(letter.envelope.event)] += 1
        for case_id in self._known[shard]:
            for envelope in self._store.parked(case_id):
                if isinstance(envelope.event, CaseRetried):
                    continue
                aside.setdefault(case_id, Counter())[_key(envelope.event)] += 1
        return aside

    def _settle(self, case_id: str, aside: Counter[bytes]) -> None:
        seen = self._cases[case_id]
        if aside or seen.aside:
            seen.balance.update({key: -count for key, count in aside.items()})
            seen.balance.update(seen.aside)
            seen.aside = aside
        if not seen.balance:
            return
        seen.balance.pop(b"", None)
        open_ = {key: count for key, count in seen.balance.items() if count}
        seen.balance.clear()
        for key, count in open_.items():
            ended = self._has_ended(case_id)
            # What was parked for a faulted case that is then cancelled waits in vain.
            if count > 0 and not (ended and seen.aside is not None and key not in aside):
                raise Violation("nothing accepted is lost", f"{case_id} {_shown(key)}")
            if count < 0 and seen.made[key] != -count:
                raise Violation("no transition twice", f"{case_id} {_shown(key)} was applied and still waits, or twice")

    def _has_ended(self, case_id: str) -> bool:
        case = self._store.case(case_id)
        return case is not None and case.ended

    # -- items ---------------------------------------------------------------------------------------------------

    def look_at_items(self, case_id: str) -> None:
        """The items of a case may have moved."""
        seen = self._cases.get(case_id)
        if seen is None:
            return
        for item in self._store.items_of(case_id):
            before = seen.items.get(item.id)
            if before is not None and before.version == item.version:
                demand(before == item, "an item changes with its version", f"{before} {item}")
                continue
            if before is not None:
                demand(item.version > before.version, "an item's version grows", f"{before} {item}")
                demand(item.state in LEGAL[before.state], "items move as they may", f"{before} {item}")
            seen.items[item.id] = item
            self.hold_to(item)

    def hold_to(self, item: WorkItem) -> None:
        """What was acknowledged of an item holds."""
        promised = self._ledger.completed.get(item.id)
        if promised is not None:
            kept = (item.state, item.owner, item.output) == (ItemState.COMPLETED, *promised)
            demand(kept, "what was acknowledged stays", f"{promised} {item}")

    def look_everywhere(self) -> None:
        """All of it, also what changed while nobody could look."""
        for shard in range(self._store.shards):
            self.look(shard, self._known[shard])


def _outcomes_made(commit: Commit) -> list[Event]:
    """The events of a commit that never were in a stream."""
    envelopes = [*commit.parked, *(letter.envelope for letter in commit.dead)]
    events = [*(entry.event for entry in commit.entries), *(envelope.event for envelope in envelopes)]
    return [each for each in events if isinstance(each, CallAnswered | CallFailed) and each.item in commit.made]


def _key(event: object) -> bytes:
    return codec.pack_envelope(Envelope("", event))  # type: ignore[arg-type]


def _shown(key: bytes) -> object:
    return codec.unpack_envelope(key).event


def mark_of(event: object) -> bytes:
    """What tells an event that comes once from every other one of its case."""
    match event:
        case CaseSubmitted():
            return b"submitted"
        case ItemCompleted(item):
            return f"completed {item}".encode()
        case ItemStarted(item):
            return f"started {item}".encode()
        case TimerFired(number, due):
            return f"timer {number} {due}".encode()
    raise AssertionError(f"{event} may come more than once")
