"""A case tree as it was at an earlier moment, made by its journals.

Each case is replayed up to its last entry at or before the moment. What stands beside a case follows from the effects
of those steps: its items, its calls, its timers, what its instances gave, and its children. Events that had come by
then and were not handled are there again: those that still wait, and those that a step of the tree had sent to
another case (or to itself) which took them later. What came from outside after the moment is left out.

Of a call it is not known whether somebody was making it. It waits, so it is made again, under the same key.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.backup.checking import completions, with_completions
from engine.case import Case, CaseStatus
from engine.case_words import words_of_case
from engine.definitions import Definitions
from engine.effects import Append, Call, DropCall, Effect, ForgetResults, KeepResult, PlaceCall, RepeatCall, StartChild
from engine.events import (
    CallAnswered,
    CallFailed,
    CaseFaulted,
    CaseRetried,
    CaseSubmitted,
    ClaimsAnswered,
    Distributed,
    DueAnswered,
    Envelope,
    Event,
    InstancesGathered,
    SharedAnswered,
    SpecificationAnswered,
    TimerFired,
)
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.replay import first_version, replay, stub_of
from engine.step import Step
from engine.store import codec
from engine.store.port import DeadLetter
from engine.store.tree import CallRecord, CaseRecord, Tree

ANSWERS = (Distributed, ClaimsAnswered, SpecificationAnswered, DueAnswered, InstancesGathered, SharedAnswered)

NOBODY = "restore"
"""Who made a call whose outcome is on its way."""


@dataclass(slots=True)
class _Past:
    """A case as it was, with what its steps had done by then, and the entries that came after."""

    record: CaseRecord
    case: Case
    entries: list[Entry]
    later: list[Entry]
    items: dict[str, WorkItem] = field(default_factory=dict)
    calls: dict[str, tuple[Call, int, int]] = field(default_factory=dict)
    results: dict[str, dict[int, bytes]] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    sent: list[tuple[int, Envelope]] = field(default_factory=list)

    def follow(self, entry: Entry, done: Step) -> None:
        """What a step had done."""
        for effect in done.effects:
            self._follow(effect, done)

    def _follow(self, effect: Effect, done: Step) -> None:
        match effect:
            case PlaceCall(call):
                self.calls[call.item] = call, 0, call.placed_at
            case RepeatCall(item, attempt, not_before):
                self.calls[item] = self.calls[item][0], attempt, not_before
            case DropCall(item):
                self.calls.pop(item, None)
            case KeepResult(run, index, values):
                self.results.setdefault(run, {})[index] = codec.pack_result(values)
            case ForgetResults(run):
                self.results.pop(run, None)
            case StartChild(child, specification, version, net, data):
                self.children.append(child)
                begins = CaseSubmitted(data, done.case.submitted_by, 0, specification, version, net, done.at)
                self.sent.append((done.at, Envelope(child, begins, done.case.correlation_id)))
            case Append(event, to):
                self.sent.append((done.at, Envelope(to or done.case.id, event, done.case.correlation_id)))


def as_of(tree: Tree, moment: int, definitions: Definitions) -> Tree | None:
    """The tree as it was; None when it had not begun. Raises `ReplayDiffers` where a journal does not fit."""
    records = {record.id: record for record in tree.cases}
    root = _past(records[tree.root], moment, definitions)
    if not root.entries and root.case.created_at > moment:
        return None
    pasts = {tree.root: root}
    level = [root]
    while level:
        level = [_past(records[child], moment, definitions) for past in level for child in past.children]
        pasts |= {past.case.id: past for past in level}
    parked = {case_id: tuple(_parked(past)) for case_id, past in pasts.items()}
    dead = tuple(letter for past in pasts.values() for letter in _dead(tree, past, moment))
    aside = [codec.unpack_dead_letter(letter).envelope for letter in dead]
    aside += [codec.unpack_envelope(packed) for packed_ones in parked.values() for packed in packed_ones]
    events = list(_on_their_way(tree, moment, pasts, aside))
    aside += [envelope for _, envelope in events]
    cases = [_record(past, parked[case_id], aside, definitions) for case_id, past in pasts.items()]
    waiting = tuple((at, codec.pack_envelope(envelope)) for at, envelope in events)
    return Tree(tree.root, moment, tuple(cases), waiting, dead)


def _past(record: CaseRecord, moment: int, definitions: Definitions) -> _Past:
    present = record.case()
    entries = [codec.unpack_entry(packed) for packed in record.journal]
    length = max((number for number, entry in enumerate(entries, 1) if entry.at <= moment), default=0)
    version = first_version(present, entries)
    past = _Past(record, present, entries[:length], entries[length:])
    replayed = replay(
        definitions.get(present.specification, version),
        stub_of(present, version),
        past.entries,
        lambda later: definitions.get(present.specification, later),
        past.follow,
    )
    past.case, past.items = replayed
    return past


def _on_their_way(
    tree: Tree, moment: int, pasts: dict[str, _Past], aside: Sequence[Envelope]
) -> list[tuple[int, Envelope]]:
    """The events that had come by then, were not handled and not set `aside`, in order."""
    handled = Counter(_sameness(case_id, entry.event) for case_id, past in pasts.items() for entry in past.entries)
    handled.update(_sameness(envelope.case_id, envelope.event) for envelope in aside)
    waiting: list[tuple[int, Envelope]] = []
    if not pasts[tree.root].entries:
        waiting += _submission(tree, pasts[tree.root])
    sent = sorted((each for past in pasts.values() for each in past.sent), key=lambda each: each[0])
    accounted = Counter(_sameness(each.case_id, each.event) for _, each in waiting)
    for at, envelope in sent:
        same = _sameness(envelope.case_id, envelope.event)
        if handled[same]:
            handled[same] -= 1
        else:
            waiting.append((at, envelope))
            accounted[same] += 1
    for at, packed in tree.events:
        envelope = codec.unpack_envelope(packed)
        same = _sameness(envelope.case_id, envelope.event)
        if accounted[same]:
            accounted[same] -= 1
        elif at <= moment and envelope.case_id in pasts:
            waiting.append((at, envelope))
    return sorted(waiting, key=lambda each: each[0])


def _submission(tree: Tree, root: _Past) -> Iterator[tuple[int, Envelope]]:
    """The event that a root case begins with, not handled yet: it is the first of its journal, or still waits."""
    for entry in root.later[:1]:
        yield root.case.created_at, Envelope(root.case.id, entry.event, entry.correlation_id)
    if not root.later:
        for at, packed in tree.events:
            envelope = codec.unpack_envelope(packed)
            if envelope.case_id == root.case.id and isinstance(envelope.event, CaseSubmitted):
                yield at, envelope


def _sameness(case_id: str, event: Event) -> tuple[str, bytes]:
    return case_id, codec.pack_envelope(Envelope(case_id, event))


def _dead(tree: Tree, past: _Past, moment: int) -> Iterator[bytes]:
    """What could not be handled by then. What was retried later is found again behind the retry."""
    for packed in tree.dead:
        letter = codec.unpack_dead_letter(packed)
        if letter.envelope.case_id == past.case.id and letter.at <= moment:
            yield packed
    retried = _retried(past)
    if retried:
        fault = next(entry for entry in reversed(past.entries) if isinstance(entry.event, CaseFaulted))
        assert isinstance(fault.event, CaseFaulted)
        envelope = Envelope(past.case.id, retried[0].event, fault.correlation_id)
        yield codec.pack_dead_letter(DeadLetter(fault.at, envelope, fault.event.error, ""))


def _parked(past: _Past) -> Iterator[bytes]:
    if past.case.status is not CaseStatus.FAULTED:
        return
    if not any(isinstance(entry.event, CaseRetried) for entry in past.later):
        yield from past.record.parked
    for entry in _retried(past)[1:]:
        yield codec.pack_envelope(Envelope(past.case.id, entry.event, entry.correlation_id))


def _retried(past: _Past) -> Sequence[Entry]:
    """Of a case that stood still: the entries of what had been set aside, if it was retried after the moment."""
    if past.case.status is not CaseStatus.FAULTED:
        return ()
    for number, entry in enumerate(past.later):
        if isinstance(entry.event, CaseRetried):
            if entry.event.drop:
                return ()
            following = [each for each in past.later[number + 1 :] if each.at == entry.at]
            return [each for each in following if not isinstance(each.event, (*ANSWERS, CaseFaulted))]
    return ()


def _record(past: _Past, parked: tuple[bytes, ...], aside: Sequence[Envelope], definitions: Definitions) -> CaseRecord:
    case = past.case
    net = definitions.get(case.specification, case.specification_version).nets[case.net]
    packed = codec.pack_case(case)
    items = with_completions(past.items, completions(aside))
    own: list[Any] = [each.event for each in aside if each.case_id == case.id] + list(case.kept)
    outcomes = {each.item: each for each in own if isinstance(each, CallAnswered | CallFailed) and not each.superseded}
    fired = {(each.number, each.due) for each in own if isinstance(each, TimerFired)}
    timers = {(number, timer.due) for number, timer in case.timers.items() if timer.due}
    return CaseRecord(
        case.id,
        packed.body,
        packed.data,
        past.record.journal[: len(past.entries)],
        tuple(map(codec.pack_item, items.values())),
        tuple(_call(call, attempts, due, outcomes.get(call.item)) for call, attempts, due in past.calls.values()),
        past.results,
        tuple(sorted(timers - fired)),
        parked,
        tuple(sorted(words_of_case(net, case.data))),
    )


def _call(call: Call, attempts: int, due: int, outcome: CallAnswered | CallFailed | None) -> CallRecord:
    """A call that waits, or one whose outcome is on its way and that nobody is to make again."""
    packed = codec.pack_call(call)
    if outcome is None:
        return CallRecord(packed, codec.waiting_call_head(attempts), due)
    if call.instance is not None:
        return CallRecord(packed, codec.reported_call_head(outcome.attempt), None)
    return CallRecord(packed, codec.taken_call_head(outcome.attempt, NOBODY), None)
