"""Plays a case and all below it to its end, one thing after another, in an order that is left to chance.

What somebody gives who does a task is not: it follows from the task and from how often it was done before, so that two
ways to play one case differ in nothing but the order.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.executions import execution_of
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.spec.model import Specification
from engine.store.memory import MemoryStore
from tests.patterns.played import Played

MOST_MOVES = 500
MOST_ROUNDS = 2
"""How often a chooser leads back at most."""

FIRST_MS = 1_700_000_000_000


def begun(specification: Specification) -> Played:
    """A case in memory."""
    ticks = count(FIRST_MS)
    return Played.started(MemoryStore(1, lambda: next(ticks)), lambda: None, specification, {})


def tree(case: Played) -> list[Played]:
    """A case and all below it."""
    return [case, *(each for child in case.children() for each in tree(child))]


class ChancePlayer:
    """`seed` decides what tasks give, `chance` in which order things happen."""

    def __init__(self, case: Played, chance: Random, seed: int = 0) -> None:
        self.case = case
        self._chance = chance
        self._seed = seed
        self._done: Counter[tuple[str, str, int | None]] = Counter()

    def play(self, most_moves: int = MOST_MOVES) -> bool:
        """Does one thing after another. Whether nothing was left to do in the end."""
        return all(False for _ in range(most_moves) if self.move()) or not self.possible()

    def move(self) -> bool:
        """Does one thing. Whether there was one."""
        possible = self.possible()
        if possible:
            self._chance.choice(possible)()
        return bool(possible)

    def possible(self) -> list[Callable[[], None]]:
        """What can be done, in the case and in all below it."""
        found: list[Callable[[], None]] = []
        for case in tree(self.case):
            if case.status is CaseStatus.RUNNING:
                for item in case.live:
                    act = self._complete if item.state is ItemState.STARTED else self._start
                    found.append(partial(act, case, item.id, item.task))
                for task in dict.fromkeys(case.called):
                    found += [partial(self._answer, case, call, task) for call in case.calls(task)]
        return found

    def _start(self, case: Played, item: str, task: str) -> None:
        try:
            case.start_item(item)
        except Conflict as refused:
            mutex = case.specification.nets[case.case.net].tasks[task].mutex
            assert refused.code == "mutex_held" and mutex in case.case.held, refused

    def _complete(self, case: Played, item: str, task: str) -> None:
        case.complete(item, **self._output(case, item, task))

    def _answer(self, case: Played, call: str, task: str) -> None:
        case.answer_call(call, **self._output(case, call, task))

    def _output(self, case: Played, item: str, task: str) -> dict[str, int | str]:
        found = execution_of(case.case, number_of(item))
        instance = found.instance if found is not None else None
        key = (case.id, task, instance)
        self._done[key] += 1
        random = Random(f"{self._seed}/{key}/{self._done[key]}")
        ways = [flow.target for flow in case.specification.nets[case.case.net].tasks[task].flows]
        if self._done[key] > MOST_ROUNDS:
            ways = [way for way in ways if way > task]
        return {"value": random.randrange(100), "go": "".join(f"{way};" for way in ways if random.random() < 0.5)}
