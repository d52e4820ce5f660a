"""Four processes that want the same items, over the real API, and what each asked and was answered.

They walk through the items together, a few at a time, and do with them what comes to mind: claim, start, complete and
reject them, offer them again, cancel their cases, and look at them. Nothing is agreed between them but where they are.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from time import sleep
from typing import Any

from api.client import Client
from tests.chaos.clients import Ask, Recorder
from tests.chaos.history import Answer, History, Operation
from tests.chaos.linearizability.checker import Interval
from tests.chaos.linearizability.item_model import Happening, Item, written

PEOPLE = ("ann", "bob", "cy", "eve")

ITEMS_AT_ONCE = 2
CALLS_EACH = 8
"""What each process does with the items of one moment, before all go on together."""

PAUSE_S = 0.2
"""What a client waits when it got no answer."""

TOGETHER_WITHIN_S = 60.0
ENDED_WITHIN_S = 300.0

CHANCES: Mapping[Operation, float] = {
    Operation.CLAIM: 4,
    Operation.START: 3,
    Operation.COMPLETE: 4,
    Operation.READ: 3,
    Operation.REJECT: 0.3,
    Operation.OFFER: 1.5,
    Operation.CANCEL: 0.1,
}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One process: who it is, where the API answers, its own token and that of who administers items."""

    person: str
    url: str
    token: str
    desk_token: str
    seed: int


def compete(entrants: Sequence[Entrant], items: Sequence[str], meanwhile: Callable[[], None]) -> list[Happening]:
    """Lets them compete for these items; all that happened. `meanwhile` is done here while they do."""
    context = get_context("spawn")
    barrier = context.Barrier(len(entrants))
    told: Queue[list[Happening]] = context.Queue()
    processes = [context.Process(target=_take_part, args=(each, tuple(items), barrier, told)) for each in entrants]
    for process in processes:
        process.start()
    try:
        meanwhile()
        return [happening for _ in processes for happening in told.get(timeout=ENDED_WITHIN_S)]
    finally:
        for process in processes:
            process.join(ENDED_WITHIN_S)


def intervals_of(happenings: Sequence[Happening]) -> dict[str, list[Interval[Happening]]]:
    """The calls on each item. The cancellation of a case comes some time after its answer."""
    found: dict[str, list[Interval[Happening]]] = {}
    for happening in happenings:
        call = happening.call
        open_end = call.answer is Answer.UNKNOWN or (call.operation is Operation.CANCEL and call.answer is Answer.OK)
        interval = Interval(happening, call.sent_at, inf if open_end else call.answered_at)
        found.setdefault(call.subject, []).append(interval)
    return found


def _take_part(entrant: Entrant, items: Sequence[str], barrier: Barrier, told: "Queue[list[Happening]]") -> None:
    """One process."""
    contestant = _Contestant(entrant)
    happened: list[Happening] = []
    for first in range(0, len(items), ITEMS_AT_ONCE):
        barrier.wait(TOGETHER_WITHIN_S)
        for _ in range(CALLS_EACH):
            happening = contestant.does_something(items[first : first + ITEMS_AT_ONCE])
            happened.append(happening)
            if happening.call.answer is Answer.UNKNOWN:
                sleep(PAUSE_S)
    told.put(happened)


class _Contestant:
    def __init__(self, entrant: Entrant) -> None:
        self._me = entrant.person
        self._chance = random.Random(entrant.seed)
        # Only what is returned counts here.
        self._recorder = Recorder(self._me, Client(entrant.url, entrant.token), History())
        self._desk = Recorder("desk", Client(entrant.url, entrant.desk_token), History())
        self._started: str | None = None

    def does_something(self, items: Sequence[str]) -> Happening:
        """One call. Who has just started an item mostly completes it next."""
        item, operation = self._chance.choice(items), self._chance.choices(list(CHANCES), list(CHANCES.values()))[0]
        if self._started in items and self._chance.random() < 0.5:
            item, operation = str(self._started), Operation.COMPLETE
        happening = self._asks(operation, item)
        if operation is Operation.START and happening.call.answer is Answer.OK:
            self._started = item
        return happening

    def _asks(self, operation: Operation, item: str) -> Happening:
        if operation is Operation.OFFER:
            people = frozenset(self._chance.sample(PEOPLE, self._chance.randint(2, len(PEOPLE))))
            call, _ = self._desk.ask(operation, item, lambda client: client.offer(item, sorted(people)))
            return Happening(call, people=people)
        if operation is Operation.CANCEL:
            case_id = item.partition(":")[0]
            return Happening(self._desk.ask(operation, item, lambda client: client.cancel_case(case_id))[0])
        output = {"by": self._me} if operation is Operation.COMPLETE else None
        call, document = self._recorder.ask(operation, item, self._way(operation, item, output), output)
        return Happening(call, _seen(document) if operation is Operation.READ and document else None)

    def _way(self, operation: Operation, item: str, output: Any) -> Ask:
        ways: dict[Operation, Ask] = {
            Operation.CLAIM: lambda client: client.claim(item),
            Operation.START: lambda client: client.start(item),
            Operation.COMPLETE: lambda client: client.complete(item, output, idempotency_key=f"{self._me}:{item}"),
            Operation.REJECT: lambda client: client.reject_offer(item),
            Operation.READ: lambda client: client.item(item),
        }
        return ways[operation]


def _seen(view: Mapping[str, Any]) -> Item:
    return Item(view["state"], view["owner"], frozenset(view["offered_to"]), written(view["output"]))
