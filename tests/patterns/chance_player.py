"""Plays a case and all below it to its end, one thing after another, in an order that is left to chance.

What somebody gives who does a task is not: it follows from the task and from how often it was done before, so that two
ways to play one case differ in nothing but the order.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from typing import Any

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
        self._done: Counter[str] = Counter()

    def play(self, most_moves: int = MOST_MOVES) -> bool:
        """Does one thing after another. Whether nothing was left to do in the end."""
        return any(not self.move() for _ in range(most_moves))

    def move(self) -> bool:
        """Does one thing. Whether there was one."""
        possible = self.possible()
        if possible:
            self._chance.choice(possible)()
        return bool(possible)

    def possible(self) -> list[Callable[[], None]]:
        """What can be done, in the case and in all below it."""
        return self._possible(self.case, "")

    def _possible(self, case: Played, name: str) -> list[Callable[[], None]]:
        """`name` is that of the case, the same in whatever order the cases were begun."""
        if case.status is not CaseStatus.RUNNING:
            return []
        found: list[Callable[[], None]] = []
        for item in case.live:
            act = self._complete if item.state is ItemState.STARTED else self._start
            found.append(partial(act, case, name, item.id))
        for task in dict.fromkeys(case.called):
            found += [partial(self._answer, case, name, call) for call in case.calls(task)]
        for child in case.children():
            if not child.case.ended:
                task, instance = _origin(case, child.id.replace(".", ":"))
                found += self._possible(child, f"{name}/{task}/{instance}")
        return found

    def _start(self, case: Played, name: str, item: str) -> None:
        task, _ = _origin(case, item)
        try:
            case.start_item(item)
        except Conflict as refused:
            mutex = case.specification.nets[case.case.net].tasks[task].mutex
            assert refused.code == "mutex_held" and mutex in case.case.held, refused

    def _complete(self, case: Played, name: str, item: str) -> None:
        case.complete(item, **self._output(case, name, item))

    def _answer(self, case: Played, name: str, call: str) -> None:
        case.answer_call(call, **self._output(case, name, call))

    def _output(self, case: Played, name: str, item: str) -> dict[str, Any]:
        task, instance = _origin(case, item)
        key = f"{name}/{task}/{instance}"
        self._done[key] += 1
        random = Random(f"{self._seed}/{key}/{self._done[key]}")
        ways = [flow.target for flow in case.specification.nets[case.case.net].tasks[task].flows]
        if self._done[key] > MOST_ROUNDS:
            ways = [way for way in ways if way > task]
        return {"value": random.randrange(100), "go": "".join(f"{way};" for way in ways if random.random() < 0.5)}


def _origin(case: Played, item: str) -> tuple[str, int | None]:
    """The task that an item, call or case below belongs to, and which of several instances it is."""
    found = execution_of(case.case, number_of(item))
    assert found is not None, f"{item} belongs to nobody"
    return found.run.task, found.instance
