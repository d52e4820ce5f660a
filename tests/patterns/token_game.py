"""The token game of a net of human tasks, as a textbook plays it: what each event may lead to.

It knows nothing of the kernel: joins, splits and regions are those of `or_join_reference`, an or-join waits as long as
visiting every state shows that another of its places can still be marked, and items are counted by taking tokens until
it is no longer possible. Items and runs go by the numbers that the kernel gave them, so that both speak of the same.
"""

import re
from functools import lru_cache
from itertools import combinations

from engine.spec.model import END, Join, Net, Split, Task
from tests.patterns.or_join_reference import State, explore, marked_inputs, moves

MOST_VISITED = 3_000
"""States visited for one or-join. The nets of these tests have fewer."""

_TARGET = re.compile(r'"(\w+)"')


def waits(net: Net, task: Task, state: State) -> bool:
    """Whether an or-join with a token waits for another one."""
    graph = explore(net, state, MOST_VISITED)
    assert graph.complete, f"too many states behind {task.name}"
    return next(waiting for asked, waiting in graph.questions(task) if asked == state)


class Game:
    """The token game of one net. A state with a token in `end` is that of a completed case."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self._after_start = lru_cache(maxsize=None)(self._started)

    def times(self, name: str, state: State) -> int:
        """How often a task could be taken in succession, were no mutex held."""
        following = self._after_start(name, state)
        return max((1 + self.times(name, each) for each in following), default=0)

    def is_free(self, name: str, state: State) -> bool:
        """Whether nobody holds the mutex of a task, or it has none."""
        mutex = self.net.tasks[name].mutex
        busy = dict(state.busy)
        return mutex is None or not any(other.name in busy for other in self.net.mutexes[mutex])

    def starts(self, name: str, state: State) -> set[State]:
        """Where the start of a task may lead: none if it cannot start."""
        return self._after_start(name, state) if self.is_free(name, state) else set()

    def completions(self, name: str, state: State, go: str) -> set[State]:
        """Where the completion of a running task may lead, with what was given for its choice."""
        task = self.net.tasks[name]
        marking, busy, due = dict(state.marking), dict(state.busy), dict(state.due)
        busy[name] -= 1
        if task.cancels is not None:
            for place in task.cancels.places:
                marking.pop(place, None)
            for other in task.cancels.tasks:
                busy.pop(other, None)
                due.pop(other, None)
        for place in _chosen(task, go):
            marking[place] = marking.get(place, 0) + 1
        return self._settled(_state(marking, busy, tuple(sorted(due.items()))))

    def choices(self, name: str) -> list[str]:
        """What may be given for the choice of a task."""
        task = self.net.tasks[name]
        named = [_target(flow.when.source) for flow in task.flows if flow.when is not None]
        if task.split is Split.XOR:
            return [*named, ""]
        if task.split is Split.OR:
            return ["", *(" ".join(some) for size in range(1, len(named) + 1) for some in combinations(named, size))]
        return [""]

    def _started(self, name: str, state: State) -> set[State]:
        task = self.net.tasks[name]
        if task.join is Join.OR:
            return self._joined(task, state)
        mine = (move.state for move in moves(self.net, state) if move.starts == name)
        return {settled for each in mine for settled in self._settled(each)}

    def _joined(self, task: Task, state: State) -> set[State]:
        """An or-join takes a token from each place that has one, once no other place can get one."""
        marked = marked_inputs(task, state)
        if not marked or (len(marked) < len(task.inputs) and waits(self.net, task, state)):
            return set()
        marking = {place: count - (place in marked) for place, count in state.marking}
        busy = dict(state.busy)
        busy[task.name] = busy.get(task.name, 0) + 1
        return {_state(marking, busy, state.due)}

    def _settled(self, state: State) -> set[State]:
        """What is due is swallowed as soon as it is there."""
        swallowed = {move.state for move in moves(self.net, state) if _swallows(state, move.state, move.starts)}
        return {settled for each in swallowed for settled in self._settled(each)} if swallowed else {state}


def is_complete(state: State) -> bool:
    """Whether the case has come to its end."""
    return END in dict(state.marking)


def _chosen(task: Task, go: str) -> list[str]:
    """The places that get a token when `go` is given: a flow without a predicate is taken if no other one is."""
    every = [flow.place for flow in task.flows]
    if task.split not in (Split.XOR, Split.OR):
        return every * (task.threads if task.split is Split.THREADS else 1)
    named = go.split()
    chosen = [f.place for f in task.flows if f.when is not None and _target(f.when.source) in named]
    return chosen or [flow.place for flow in task.flows if flow.when is None]


def _target(predicate: str) -> str:
    found = _TARGET.search(predicate)
    assert found is not None, predicate
    return found[1]


def _swallows(before: State, after: State, starts: str | None) -> bool:
    return starts is None and before.busy == after.busy and before.due != after.due


def _state(marking: dict[str, int], busy: dict[str, int], due: tuple[tuple[str, int | tuple[str, ...]], ...]) -> State:
    return State(
        tuple(sorted((place, count) for place, count in marking.items() if count)),
        tuple(sorted((task, count) for task, count in busy.items() if count)),
        due,
    )
