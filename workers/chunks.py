"""Chunks: how many calls of one multiple-instance task are divided among workers."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from engine import names
from engine.effects import Call

FEWEST = 1_024
"""From so many calls of one task on they are divided. Fewer are taken sooner than the messages of a chord come.

Measured with `python -m tests.performance.fan_out`.
"""

CHUNK = 256
"""Calls of one chunk: what one process takes of quick calls at once."""


class Numbers(NamedTuple):
    """A chunk as a message carries it: the case, the numbers of its items that are called, and by which connector."""

    case_id: str
    connector: str
    numbers: tuple[int, ...]

    @property
    def items(self) -> list[str]:
        """The ids of the items."""
        return [names.item_id(self.case_id, number) for number in self.numbers]


def divided(calls: Sequence[Call]) -> tuple[list[list[Numbers]], list[Call]]:
    """The chunks of each task that has enough calls among these, and the calls of the others."""
    by_task: dict[tuple[str, str], list[Call]] = {}
    rest: list[Call] = []
    for call in calls:
        if call.instance is None:
            rest.append(call)
        else:
            by_task.setdefault((names.case_of(call.item), call.task), []).append(call)
    tasks = []
    for (case_id, _), of_task in by_task.items():
        if len(of_task) < FEWEST:
            rest += of_task
            continue
        numbers = tuple(names.number_of(call.item) for call in of_task)
        connector = of_task[0].connector
        tasks.append([Numbers(case_id, connector, numbers[at : at + CHUNK]) for at in range(0, len(numbers), CHUNK)])
    return tasks, rest


class Chunk:
    """A chunk in the room of a worker: what of it is not yet taken, and what is being called.

    `done` is called once, when nothing of either is left. It need not be: the worker may die before.
    """

    def __init__(self, shard: int, numbers: Numbers, done: Callable[[], None]) -> None:
        self.shard = shard
        self.connector = numbers.connector
        self._untaken = numbers.items[::-1]
        self._called: set[str] = set()
        self._done = done
        self._lock = Lock()
        self._is_done = False

    def next(self, limit: int) -> list[str]:
        """The next items to be taken; from now on they count as being called."""
        with self._lock:
            some = [self._untaken.pop() for _ in range(min(limit, len(self._untaken)))]
            self._called.update(some)
            return some

    @property
    def is_taken(self) -> bool:
        """Whether nothing is left to be taken."""
        return not self._untaken

    def settle(self, items: Sequence[str]) -> None:
        """These are called no longer: answered, given back, or somebody else's."""
        with self._lock:
            self._called.difference_update(items)
            if self._untaken or self._called or self._is_done:
                return
            self._is_done = True
        self._done()
