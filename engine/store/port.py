"""The port of the case store: what the engine needs of the place where cases live.

A shard is a partition: all records of a case tree lie in one, and one drainer at a time holds its lease. Every
change is one commit: it compares what was read (the heads of the case and of its items, and a drainer's lease) and
writes everything, or nothing.

Times are milliseconds since 1970 by the store's own clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from msgspec import Struct, structs

from engine.case import Case, CaseStatus
from engine.effects import Call, KeepResult, RepeatCall
from engine.errors import RecordDamaged
from engine.events import CallAnswered, CallFailed, Envelope, TimerFired
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry
from engine.resources.history import Counter

LEASE_MS = 5_000
"""How long a drainer that says nothing more keeps others from its shard."""

TIMERS_PER_DRAIN = 256
"""Due timers of its own shard that a drainer makes events of when it takes the lease."""

BELL_MS = 2_000
"""How long a doorbell that was rung keeps others from ringing it again."""

ONCE_S = 24 * 3600
"""How long the repeat of a request is known."""

CALL_GRACE_MS = 5_000
"""How long past its total timeout a taken call is still its taker's."""


class Lease(NamedTuple):
    """The right to drain a shard. `strikes`: how many drainers in a row died over the event at its head."""

    shard: int
    number: int
    owner: str
    strikes: int


class Waiting(NamedTuple):
    """An event of a shard that is not yet handled, with its id in the stream and its time."""

    id: str
    at: int
    envelope: Envelope


def taken_at(made: int, now: int, envelope: Envelope) -> int:
    """The time of an event that was made at one moment and is read at another (ms since 1970).

    The ids of a stream go on where they were when the clock goes back; what is due after an event would be late by as
    much. Only a timer never fires before its moment.
    """
    at = min(made, now)
    return max(at, envelope.event.due) if isinstance(envelope.event, TimerFired) else at


class Incoming(NamedTuple):
    """The oldest events of a shard that wait, in order, and the store's time."""

    events: list[Waiting]
    at: int


class DeadLetter(Struct, array_like=True, frozen=True):
    """An event whose step raised, with the traceback."""

    at: int
    envelope: Envelope
    error: str
    traceback: str


class PackedCase(NamedTuple):
    """A case in two parts (what every step changes, and its data, which few steps do), with the digest of both."""

    body: bytes
    data: bytes
    digest: bytes


class Outcome(Enum):
    """What became of a commit. `CONFLICT`: somebody else changed what it had read. `FENCED`: the lease is lost."""

    DONE = "done"
    CONFLICT = "conflict"
    FENCED = "fenced"


@dataclass(slots=True)
class Commit:
    """All that changes together for one case.

    `before` is the case as it was read; `packed` the case after it, as `codec.CasePacker` gives it. `items` maps an id
    to what was read (None: it is new) and what it becomes. `handled` are the stream ids of the events that led here.
    `buried` dead letters are dead no longer, and the first `unparked` parked events were taken. `started` are child
    cases, whose first events come before what is `appended`; `results` what instances gave, `forgotten` the runs
    whose results are no longer needed. Timers are pairs of their number in the case and when they are due. `words` are
    those by which the case was found before, and is found from now on (None: the same). `claimed` are calls among those
    placed that are the drainer's from the start, with until when (ms since 1970); `made` are calls that it had claimed
    and whose outcomes led here, if they still are its own.
    """

    before: Case
    after: Case
    packed: PackedCase
    entries: list[Entry] = field(default_factory=list)
    items: dict[str, tuple[WorkItem | None, WorkItem]] = field(default_factory=dict)
    placed: list[Call] = field(default_factory=list)
    repeated: list[RepeatCall] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    appended: list[Envelope] = field(default_factory=list)
    handled: list[str] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    parked: list[Envelope] = field(default_factory=list)
    buried: list[DeadLetter] = field(default_factory=list)
    unparked: int = 0
    started: list["Submission"] = field(default_factory=list)
    results: list[KeepResult] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    timers_set: list[tuple[int, int]] = field(default_factory=list)
    timers_cleared: list[tuple[int, int]] = field(default_factory=list)
    words: tuple[frozenset[str], frozenset[str]] | None = None
    claimed: dict[str, int] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)


class Loaded(NamedTuple):
    """Cases and items as they were at one moment; what does not exist is missing. `at` is the store's time.

    `data` holds the data of each case as it is packed, so that what does not change is not packed again. `damaged` says
    of cases and items whose record cannot be read what is wrong with it.
    """

    cases: Mapping[str, Case]
    items: Mapping[str, WorkItem]
    at: int
    data: Mapping[str, bytes]
    damaged: Mapping[str, str]

    def case(self, case_id: str) -> Case | None:
        """A case; None when it does not exist. Raises `RecordDamaged`."""
        if case_id in self.damaged:
            raise RecordDamaged(f"the record of case {case_id} cannot be read: {self.damaged[case_id]}")
        return self.cases.get(case_id)


class Repaired(NamedTuple):
    """A case as its journal tells it, to be written in place of a damaged record.

    `items` are those of its people, `entries` what is added to the journal, `appended` events behind those that wait.
    `unparked`: what was set aside for it is among them. By `words` it is found.
    """

    case: Case
    packed: PackedCase
    items: Sequence[WorkItem]
    entries: Sequence[Entry] = ()
    appended: Sequence[Envelope] = ()
    unparked: bool = False
    words: frozenset[str] = frozenset()


class Taken(NamedTuple):
    """A call that is now its taker's to make, for the n-th time."""

    call: Call
    attempt: int


def hold_ms(call: Call) -> int:
    """How long a taken call is its taker's."""
    return round(call.timeout_s * 1000) + CALL_GRACE_MS


class Reported(NamedTuple):
    """The outcome of a call, with the correlation id of the call, and whether it is one of several instances.

    Of several instances the store sees to it that only the first outcome of each counts: a run knows how many have
    ended, and not which. `uncommitted`: a drain made the call and does not know whether it has committed the outcome,
    which is kept only if it has not.
    """

    event: CallAnswered | CallFailed
    correlation_id: str
    instance: bool = False
    uncommitted: bool = False

    def superseded(self) -> CallAnswered | CallFailed:
        """The outcome of an attempt that no longer counts."""
        if isinstance(self.event, CallAnswered):
            return structs.replace(self.event, superseded=True)
        return structs.replace(self.event, retry_after_s=None, superseded=True)


class Awaited(NamedTuple):
    """A taken call that was made and whose outcome comes by callback, in `wait_ms` or (None) at any time."""

    item: str
    attempt: int
    wait_ms: int | None


class OpenCall(NamedTuple):
    """A call that still has no outcome, the attempt that a callback answers, and whether nothing but one is awaited."""

    call: Call
    attempt: int
    awaited: bool


class Submission(NamedTuple):
    """A new case: its stub, which a reader sees until its first step, and the event it begins with."""

    stub: Case
    envelope: Envelope


class Submitted(NamedTuple):
    """Whether a case was taken, and whether its shard's doorbell is to be rung.

    One that was not taken has an id that exists, or its shard is `full`.
    """

    accepted: bool
    ring: bool
    full: bool = False


class Once(NamedTuple):
    """The mark that a request leaves, so that its repeat does nothing: its name, and the digest of what it asks."""

    name: str
    digest: str


class Kept(Enum):
    """What became of events.

    They are kept; they were before (the same request); the mark stands for other ones; the shard is full.
    """

    NEW = "new"
    BEFORE = "before"
    OTHER = "other"
    FULL = "full"


class Appended(NamedTuple):
    """What became of events that were to be appended, and whether to ring."""

    kept: Kept
    ring: bool


class Moved(NamedTuple):
    """Whether an item was moved (False: it, or its case, is not what was read), and whether to ring."""

    done: bool
    ring: bool


class CalledBack(NamedTuple):
    """Whether a callback was the first outcome of its call, and whether to ring."""

    accepted: bool
    ring: bool


class ShardWork(NamedTuple):
    """What a shard has to do: events that wait while nobody drains, calls that are due, and timers.

    `events` are all that wait, drained or not.
    """

    shard: int
    undrained: int
    due_calls: int
    due_timers: int
    events: int


class Fired(NamedTuple):
    """How many due timers were made events of, and whether to ring for them."""

    timers: int
    ring: bool


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases are listed, newest first. `after` is the cursor of a page before.

    `handling`: only those in which something is being done about an exception.
    """

    status: CaseStatus | None = None
    specification: str | None = None
    created_after: int | None = None
    parent: str | None = None
    words: tuple[str, ...] = ()
    handling: bool = False
    limit: int = 50
    after: str | None = None

    def wants(self, case: Case) -> bool:
        """Whether a case is of those asked for."""
        return (
            (self.specification is None or case.specification == self.specification)
            and (self.status is None or case.status is self.status)
            and (self.created_after is None or case.created_at > self.created_after)
            and (self.parent is None or case.parent == self.parent)
            and (not self.handling or bool(case.handling))
        )


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which live items are listed, the most urgent first (with `due_before` what is due first).

    Of one person (offered to or owned), of a state, of a case, a task, a specification; due before a moment (ms since
    1970); found by all of some words.
    """

    person: str | None = None
    state: ItemState | None = None
    case_id: str | None = None
    task: str | None = None
    specification: str | None = None
    due_before: int | None = None
    words: tuple[str, ...] = ()
    limit: int = 50
    after: str | None = None

    def wants(self, item: WorkItem) -> bool:
        """Whether an item is of those asked for."""
        offered = item.state is ItemState.OFFERED and self.person in item.offered_to
        return (
            item.state in LIVE
            and (self.state is None or item.state is self.state)
            and (self.person is None or item.owner == self.person or offered)
            and (self.case_id is None or item.case_id == self.case_id)
            and (self.task is None or item.task == self.task)
            and (self.specification is None or item.specification == self.specification)
            and (self.due_before is None or 0 < item.due_at < self.due_before)
            and all(word in item.words for word in self.words)
        )


class CasePage(NamedTuple):
    """A page of cases, and the cursor of the next one."""

    cases: list[Case]
    next: str | None


class ItemPage(NamedTuple):
    """A page of items, and the cursor of the next one."""

    items: list[WorkItem]
    next: str | None


class Change(NamedTuple):
    """An item was changed: how it stood after, and which of its versions that was."""

    item: str
    state: ItemState
    version: int


class Changes(NamedTuple):
    """Changes of items, each shard's in order, and the position behind them."""

    changes: list[Change]
    position: str


CHANGES_KEPT = 10_000
"""Changes of items that a shard keeps for those who listen."""


class Store(Protocol):
    """Where cases live. Every method may raise `Unavailable`: nothing was changed then, or the change is whole."""

    @property
    def shards(self) -> int:
        """How many shards there are, for ever."""

    def now(self) -> int:
        """The store's time."""

    def submit(self, submissions: Sequence[Submission], most_waiting: int | None = None) -> list[Submitted]:
        """Begins cases, each for itself: the stub and the event, or nothing.

        A shard in which so many events and calls wait already is full.
        """

    def fire_timers(self, shards: Sequence[int], limit: int) -> list[Fired]:
        """Makes events of timers that are due, each once and in order, `limit` of each shard at most."""

    def append(
        self, shard: int, envelopes: Sequence[Envelope], once: Once | None = None, most_waiting: int | None = None
    ) -> Appended:
        """Puts events behind those that wait, unless their mark says that it was done before or the shard is full."""

    def is_kept(self, shard: int, once: Once) -> bool:
        """Whether there is such a mark."""

    def acquire(self, shard: int, owner: str) -> Lease | None:
        """Takes the lease of a shard that nobody drains."""

    def release(self, lease: Lease, *, unfinished: bool = False) -> bool:
        """Gives a lease back; False while events wait (it is kept then), unless the drainer leaves it `unfinished`."""

    def read(self, shard: int, limit: int) -> Incoming:
        """The oldest events that wait, in order."""

    def load(self, case_ids: Iterable[str], item_ids: Iterable[str]) -> Loaded:
        """Cases and items by id, in one round trip for each shard."""

    def commit(self, commits: Sequence[Commit], lease: Lease | None = None) -> list[Outcome]:
        """Commits each for itself, in one round trip."""

    def park(self, lease: Lease, waiting: Sequence[Waiting]) -> None:
        """Sets events aside whose cases cannot be read, in their order, until these are repaired."""

    def repair(self, lease: Lease, repaired: Repaired) -> bool:
        """Writes a case anew in place of a damaged record; False when the lease was lost."""

    def discard(self, lease: Lease, handled: Sequence[str]) -> None:
        """Removes events whose case no longer exists."""

    def move(self, before: WorkItem, after: WorkItem, entry: Entry | None, envelope: Envelope | None = None) -> Moved:
        """Moves an item of a running case, with its journal entry and the event it makes."""

    def take_calls(self, shard: int, owner: str, limit: int, known: Sequence[Call] = ()) -> list[Taken]:
        """Takes calls that wait (`known` first, without looking for them) or whose taker's time is over.

        Those whose callback did not come in time are not taken but fail: their events are among those that wait.
        """

    def take_named(self, shard: int, owner: str, items: Sequence[str], *, paused: bool = False) -> list[Taken]:
        """Takes those of these calls that wait, or whose taker's time is over; with `paused` also those that wait for
        a later moment."""

    def report(self, shard: int, owner: str, outcomes: Sequence[Reported]) -> bool:
        """Reports outcomes of taken calls; whether to ring."""

    def renew(self, shard: int, owner: str, taken: Sequence[Taken]) -> list[str]:
        """Puts off the deadline of calls that are still their taker's. The items of the others."""

    def hand_back(self, shard: int, owner: str, taken: Sequence[Taken], pause_ms: int = 0) -> None:
        """Gives calls back that were taken but not begun, to be taken again at once or after a pause."""

    def await_callbacks(self, shard: int, owner: str, awaited: Sequence[Awaited]) -> None:
        """Lets taken calls wait for their callbacks; those that are gone or no longer this taker's stay as they are."""

    def call_of(self, item_id: str) -> OpenCall | None:
        """A call that still has no outcome."""

    def callback(self, shard: int, reported: Reported) -> CalledBack:
        """Reports an outcome that came from outside, unless the call is gone or has an outcome already."""

    def case(self, case_id: str) -> Case | None:
        """One case."""

    def item(self, item_id: str) -> WorkItem | None:
        """One item."""

    def items_of(self, case_id: str) -> list[WorkItem]:
        """All items a case ever had for people, in order."""

    def results(self, run: str) -> Mapping[int, dict[str, Any]]:
        """What the instances of a run gave, by index, as far as it is kept."""

    def calls_of(self, case_id: str) -> list[Call]:
        """The calls a case waits for."""

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]:
        """Entries of a case's journal from the `start`-th on."""

    def cases(self, query: CaseQuery) -> CasePage:
        """Lists cases."""

    def items(self, query: ItemQuery) -> ItemPage:
        """Lists live items."""

    def changes(self, position: str | None, limit: int, wait_ms: int) -> Changes:
        """What was changed behind a position, `limit` of each shard at most; None: nothing but the position of now.

        Waits up to `wait_ms` while there is nothing. Raises `InvalidInput` (`invalid_position`).
        """

    def missed(self, position: str) -> bool:
        """Whether changes behind a position are kept no longer. Raises `InvalidInput` (`invalid_position`)."""

    def workloads(self, people: Sequence[str]) -> Mapping[str, int]:
        """How many items each has in hand; who is missing has none."""

    def history(
        self, specification: str, task: str, people: Sequence[str], counters: Sequence[Counter]
    ) -> Mapping[str, Mapping[Counter, int]]:
        """What was counted of each person's items of a task, by the commits that moved them; what is missing is 0."""

    def work(self) -> list[ShardWork]:
        """What every shard has to do."""

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        """Events that could not be handled."""

    def parked(self, case_id: str) -> list[Envelope]:
        """What came for a case after an event of it could not be handled, in order."""
