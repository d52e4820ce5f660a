"""One round: cases are begun, their items competed for, and the histories checked."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from api.client import ApiProblem, ApiUnreachable, Client
from engine.events import ItemCompleted
from engine.items.work_item import ItemState
from tests.chaos.evidence import cases_of, records_of
from tests.chaos.history import Answer, Call, Operation, Record
from tests.chaos.linearizability.checker import Interval, Stuck, contradiction
from tests.chaos.linearizability.competition import PEOPLE, Entrant, compete, intervals_of
from tests.chaos.linearizability.item_model import Happening, Item, apply, written
from tests.chaos.site import DESK, Site

SPECIFICATION = "claimed"
TASK = "pick"

NETWORK_S = 0.003
"""What a message takes between the API and Redis: whoever looks before he writes is overtaken in that time."""


@dataclass(slots=True)
class Round:
    """What came of one round. `contradictions`, `missing` and `differing` are wrong, in words."""

    items: int
    happenings: list[Happening]
    contradictions: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        return [*self.contradictions, *self.missing, *self.differing]

    def count(self, answer: Answer, *operations: Operation) -> int:
        """How many calls of these kinds were answered so."""
        return sum(each.call.answer is answer and each.call.operation in operations for each in self.happenings)


def hold(site: Site, name: str, items: int, meanwhile: Callable[[], None] = lambda: None) -> Round:
    """Holds one round with so many items. `name` begins the ids of its cases."""
    for person in PEOPLE:
        site.hire(person)
    desk = site.client(DESK)
    wanted = _offered(site, desk, name, items)
    chance = Random(name)
    entrants = [
        Entrant(person, site.url, site.token(person), site.token(DESK), chance.randrange(2**32)) for person in PEOPLE
    ]
    initial = {item: Item("offered", None, frozenset(PEOPLE)) for item in wanted}
    happenings = compete(entrants, wanted, meanwhile)
    site.wait_until_ready()
    _finish(site, desk, name, wanted)
    intervals = intervals_of(happenings)
    for item in wanted:
        intervals.setdefault(item, []).append(_last_look(desk, item))
    records = records_of(site.parts, name)
    done = Round(len(wanted), happenings)
    done.contradictions = contradictions_in(intervals, initial)
    done.missing = missing_in([happening.call for happening in happenings], records)
    done.differing = [f"{case_id}: {record.differs}" for case_id, record in records.items() if record.differs]
    return done


def tally_of(held: Round) -> str:
    """One line about a round."""
    changes = (Operation.CLAIM, Operation.START, Operation.COMPLETE, Operation.REJECT, Operation.OFFER)
    counted = ", ".join(f"{held.count(answer, *changes)} {answer}" for answer in Answer)
    return (
        f"{held.items} items, {len(held.happenings)} calls (changes: {counted}), "
        f"{len(held.contradictions)} contradictions, {len(held.missing)} missing, {len(held.differing)} differ"
    )


def contradictions_in(intervals: Mapping[str, Sequence[Interval[Happening]]], initial: Mapping[str, Item]) -> list[str]:
    """The items whose history cannot have come about one call after another."""
    found = []
    for item, history in intervals.items():
        stuck = contradiction(history, initial[item], apply)
        if stuck is not None:
            found.append(f"the history of {item} is not linearizable: {_shown(stuck)}")
    return found


def missing_in(calls: Sequence[Call], records: Mapping[str, Record]) -> list[str]:
    """Completions that were acknowledged and are neither applied nor discarded."""
    missing = []
    items = {item.id: (item, record) for record in records.values() for item in record.items.values()}
    for call in calls:
        if call.operation is not Operation.COMPLETE or call.answer is not Answer.OK:
            continue
        item, record = items[call.subject]
        if item.state is not ItemState.COMPLETED or item.owner != call.client or item.output != call.output:
            missing.append(f"{call.client}'s completion of {call.subject} is gone: {item}")
        elif not _is_settled(call, record):
            missing.append(f"{call.client}'s completion of {call.subject} is neither applied nor discarded")
    return missing


def _is_settled(call: Call, record: Record) -> bool:
    """Whether the journal says of a completion that it was applied, or that it was discarded."""
    applied = record.items[call.subject].applied
    for entry in record.journal:
        if isinstance(entry.event, ItemCompleted) and entry.event.item == call.subject:
            discarded = any(note.what == "discarded" for note in entry.notes)
            return applied is (not discarded)
    return False


def _offered(site: Site, desk: Client, name: str, count: int) -> list[str]:
    """The items of as many new cases, once all are offered to everybody."""
    ids = [f"{name}-{number}" for number in range(count)]
    desk.start_cases([{"specification": SPECIFICATION, "case_id": each, "data": {"key": each}} for each in ids])
    found: dict[str, str] = {}

    def all_offered() -> bool:
        for case_id in ids:
            found.update((case_id, item.id) for item in site.parts.store.items_of(case_id) if item.task == TASK)
        return len(found) == count

    site.wait_until(all_offered, "the items")
    for case_id, item_id in found.items():
        offered = site.parts.store.items_of(case_id)[0].offered_to
        assert set(offered) == set(PEOPLE), f"{item_id} is offered to {offered}"
    return [found[case_id] for case_id in ids]


def _finish(site: Site, desk: Client, name: str, items: Sequence[str]) -> None:
    """Waits until nothing moves any more: what nobody completed stands still, everything else has ended."""
    at_rest = {"offered", "created", "allocated", "started"}

    def is_over() -> bool:
        cases = {case.id: case for case in cases_of(site.parts, name)}
        waiting = sum(work.undrained for work in site.parts.store.work())
        views = [desk.item(item) for item in items]
        return not waiting and all(cases[view["case_id"]].ended or view["state"] in at_rest for view in views)

    def is_over_if_anybody_answers() -> bool:
        try:
            return is_over()
        except (ApiProblem, ApiUnreachable):
            return False

    site.wait_until(is_over_if_anybody_answers, "the end of the cases")


def _last_look(desk: Client, item: str) -> Interval[Happening]:
    """What stands when all is over."""
    sent_at = time.monotonic()
    view = desk.item(item)
    seen = Item(view["state"], view["owner"], frozenset(view["offered_to"]), written(view["output"]))
    call = Call(DESK, Operation.READ, item, sent_at, time.monotonic(), Answer.OK, 200, "")
    return Interval(Happening(call, seen), sent_at, call.answered_at)


def _shown(stuck: Stuck[Item, Happening]) -> str:
    """Where a history contradicts itself, for people."""
    order = "; ".join(_line(happening) for happening in stuck.order)
    return f"after [{order}] it is {stuck.state}, and none of these fits: {[_line(each) for each in stuck.impossible]}"


def _line(happening: Happening) -> str:
    call = happening.call
    said = call.answer if call.answer is not Answer.REFUSED else f"{call.status} {call.code}"
    seen = f" showing {happening.seen}" if happening.seen is not None else ""
    return f"{call.client} {call.operation} {call.sent_at:.4f}-{call.answered_at:.4f}: {said}{seen}"
