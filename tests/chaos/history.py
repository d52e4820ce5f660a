"""What clients asked and were answered, and whether it agrees with what the installation holds in the end.

A call whose outcome is unknown (no answer, 5xx) may have had its effect or not, and both are right. What was answered
holds: an accepted case is there, a claim, a start and a completion stand in the journal. The rest is asked of the
journals themselves: nothing ended twice, no run completed twice, no case stands still, and replay gives the state.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Any, NamedTuple

from engine.case import Case, CaseStatus
from engine.events import ItemCompleted, ItemMoved, ItemStarted, TimerFired
from engine.items.moves import Move
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry


class Operation(StrEnum):
    """What a client asks for."""

    SUBMIT = "submit"
    CLAIM = "claim"
    START = "start"
    COMPLETE = "complete"
    LIST = "list"
    READ = "read"
    OFFER = "offer"
    REJECT = "reject"
    CANCEL = "cancel"


class Answer(StrEnum):
    """`UNKNOWN`: nobody answered, or the answer leaves open whether anything was changed."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who asked for what on which subject (a key, an item), when (monotonic seconds), and the answer.

    `status` is that of HTTP, 0 without an answer; `given` is the case id of a submission.
    """

    client: str
    operation: Operation
    subject: str
    sent_at: float
    answered_at: float
    answer: Answer
    status: int
    code: str
    given: str = ""
    output: Any = None

    @property
    def took_s(self) -> float:
        """How long the client waited."""
        return self.answered_at - self.sent_at


class History:
    """The calls of all clients, in the order of their answers."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = Lock()

    def add(self, call: Call) -> None:
        """Keeps a call."""
        with self._lock:
            self._calls.append(call)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(tuple(self._calls))

    def acknowledged(self, operation: Operation) -> list[Call]:
        """The calls of a kind that were answered with success."""
        return [call for call in self if call.operation is operation and call.answer is Answer.OK]


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store holds of one case in the end. `differs` says how its replay comes out, if otherwise."""

    case: Case
    journal: list[Entry]
    items: Mapping[str, WorkItem]
    differs: str | None


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was acknowledged at a moment (monotonic seconds) and is not there."""

    what: str
    answered_at: float


class Span(NamedTuple):
    """A time whose acknowledgements may be lost (monotonic seconds)."""

    since: float
    until: float

    def has(self, moment: float) -> bool:
        """Whether a moment lies in it."""
        return self.since <= moment <= self.until


NOTHING_AT_STAKE = Span(0.0, 0.0)


@dataclass(slots=True)
class Verdict:
    """What is wrong, in words. `wrong`: cases that ended otherwise than they must, or whose replay differs."""

    losses: list[Loss] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.losses or self.doubles or self.stuck or self.wrong)


def check(
    history: Iterable[Call],
    records: Mapping[str, Record],
    expected: Mapping[str, Mapping[str, Any]],
    at_stake: Span = NOTHING_AT_STAKE,
) -> Verdict:
    """Holds a history against what the store has in the end. `expected` are the results of each specification.

    Who wins a claim that may be lost wins nothing that others could not win again. All losses are given, also those.
    """
    verdict = Verdict()
    calls = [call for call in history if call.answer is Answer.OK]
    _check_submissions(calls, records, verdict)
    _check_moves(calls, records, verdict)
    _check_claims([call for call in calls if not at_stake.has(call.answered_at)], verdict)
    for case_id, record in records.items():
        verdict.doubles += [f"{case_id}: {what}" for what in doubles_in(record)]
        _check_end(case_id, record, expected, verdict)
    return verdict


def doubles_in(record: Record) -> list[str]:
    """What a journal says was done twice."""
    notes = [note for entry in record.journal for note in entry.notes]
    ended = sum(note.what == "ended" for note in notes)
    found = [f"ended {ended} times"] if ended > 1 else []
    runs = Counter((note.task, note.number) for note in notes if note.what == "completed")
    found += [f"{task} #{number} was completed {times} times" for (task, number), times in runs.items() if times > 1]
    items = Counter(entry.event.item for entry in record.journal if isinstance(entry.event, ItemCompleted))
    found += [f"the completion of {item} came {times} times" for item, times in items.items() if times > 1]
    timers = Counter(entry.event for entry in record.journal if isinstance(entry.event, TimerFired))
    found += [f"timer {timer.number} fired {times} times" for timer, times in timers.items() if times > 1]
    return found


def _check_submissions(calls: list[Call], records: Mapping[str, Record], verdict: Verdict) -> None:
    by_key: dict[str, list[str]] = defaultdict(list)
    for case_id, record in records.items():
        if record.case.parent is None:
            by_key[str(record.case.data.get("key", case_id))].append(case_id)
    verdict.doubles += [f"{key} began the cases {cases}" for key, cases in by_key.items() if len(cases) > 1]
    for call in calls:
        if call.operation is Operation.SUBMIT and call.given not in records:
            verdict.losses.append(Loss(f"case {call.given}", call.answered_at))


def _check_moves(calls: list[Call], records: Mapping[str, Record], verdict: Verdict) -> None:
    """Every move that was answered with success stands in the journal, and a completion on its item too."""
    told = {move for record in records.values() for move in _moves_of(record)}
    for call in calls:
        if call.operation in (Operation.SUBMIT, Operation.LIST):
            continue
        if (call.operation, call.subject, call.client) not in told:
            verdict.losses.append(Loss(f"{call.client}'s {call.operation} of {call.subject}", call.answered_at))
        elif call.operation is Operation.COMPLETE:
            item = next(record.items[call.subject] for record in records.values() if call.subject in record.items)
            if item.state is not ItemState.COMPLETED or item.owner != call.client or item.output != call.output:
                verdict.losses.append(Loss(f"the output of {call.subject}: {item}", call.answered_at))
            elif item.applied is None:
                verdict.stuck.append(f"item {item.id} is completed, and its completion neither applied nor discarded")


def _moves_of(record: Record) -> Iterator[tuple[Operation, str, str]]:
    for entry in record.journal:
        match entry.event:
            case ItemMoved(item, move, by) if move == Move.CLAIM:
                yield Operation.CLAIM, item, by
            case ItemStarted(item, by):
                yield Operation.START, item, by
            case ItemCompleted(item, _, by):
                yield Operation.COMPLETE, item, by


def _check_claims(calls: list[Call], verdict: Verdict) -> None:
    """Nobody gives an item back in this workload, so each is won once."""
    won = Counter((call.operation, call.subject) for call in calls if call.operation is not Operation.COMPLETE)
    for (operation, item), times in won.items():
        if operation in (Operation.CLAIM, Operation.START) and times > 1:
            who = sorted({call.client for call in calls if (call.operation, call.subject) == (operation, item)})
            verdict.doubles.append(f"the {operation} of {item} was won {times} times, by {who}")


def _check_end(case_id: str, record: Record, expected: Mapping[str, Mapping[str, Any]], verdict: Verdict) -> None:
    case = record.case
    if record.differs is not None:
        verdict.wrong.append(f"the replay of {case_id} differs: {record.differs}")
    if not case.ended:
        last = record.journal[-1] if record.journal else None
        verdict.stuck.append(f"case {case_id} of {case.specification} is {case.status}; last came {last}")
    elif case.status is not CaseStatus.COMPLETED:
        verdict.wrong.append(f"case {case_id} is {case.status}: {case.failure}")
    elif case.parent is None:
        results = {name: case.data.get(name) for name in expected[case.specification]}
        if results != expected[case.specification]:
            verdict.wrong.append(f"case {case_id} of {case.specification} gave {results}")
