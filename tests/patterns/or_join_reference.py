"""The or-join by brute force: every state that can be reached is visited, forwards, by the rules of the net language.

It knows nothing of reset nets. The meaning is that of Wynn et al. (ICATPN 2005): while one or-join is looked at, it
takes nothing, and every other one takes from any single place. A partial join swallows what is due at any time after
it fired. What cannot be visited within the bound is given up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, combinations_with_replacement
from random import Random
from typing import NamedTuple

from engine.net.marking import Due
from engine.spec.model import Join, Net, Partial, Region, Split, Task

Count = tuple[tuple[str, int], ...]
"""Names with how many there are, sorted, without zeros."""


class State(NamedTuple):
    """A state of a net. `due` holds, for each partial join in a round, a number or the places left."""

    marking: Count
    busy: Count
    due: tuple[tuple[str, int | tuple[str, ...]], ...] = ()


class Move(NamedTuple):
    """A move to another state; `starts` names the task that takes tokens with it."""

    starts: str | None
    state: State


@dataclass
class Graph:
    """All states that can be reached, and the moves between them. `complete` is False where the bound was reached."""

    states: dict[State, list[Move]]
    complete: bool

    def questions(self, task: Task) -> Iterator[tuple[State, bool]]:
        """The states in which an or-join has some but not all of its places marked, and whether a token can still come.

        That is so where a state can be reached, without the or-join taking anything, in which all places that are
        marked still are, and another one is.
        """
        before = self._before(task)
        groups: dict[frozenset[str], list[State]] = {}
        for state in self.states:
            groups.setdefault(marked_inputs(task, state), []).append(state)
        for held, states in groups.items():
            if 0 < len(held) < len(task.inputs):
                waiting = _leading_to((state for more in groups if more > held for state in groups[more]), before)
                yield from ((state, state in waiting) for state in states)

    def _before(self, task: Task) -> dict[State, list[State]]:
        before: dict[State, list[State]] = {}
        for state, following in self.states.items():
            for move in following:
                if move.starts != task.name:
                    before.setdefault(move.state, []).append(state)
        return before


def _leading_to(goals: Iterable[State], before: dict[State, list[State]]) -> set[State]:
    found = list(goals)
    seen = set(found)
    while found:
        fresh = set(before.get(found.pop(), ())) - seen
        seen |= fresh
        found += fresh
    return seen


def due_of(state: State) -> dict[str, Due]:
    """What partial joins still swallow, as a case keeps it."""
    return {task: list(due) if isinstance(due, tuple) else due for task, due in state.due}


def marked_inputs(task: Task, state: State) -> frozenset[str]:
    """The places before a task that have a token."""
    marking = dict(state.marking)
    return frozenset(place for place in task.inputs if place in marking)


def random_state(chance: Random, net: Net) -> State:
    """A new case, or any state with a few tokens, runs and rounds of partial joins under way."""
    if chance.random() < 0.3:
        return State((("start", 1),), ())
    partial = [place for task in net.tasks.values() if task.partial for place in task.inputs]
    places = chance.choices([*net.places, *partial * 3], k=chance.randint(1, 4 if partial else 3))
    tasks = chance.choices(list(net.tasks), k=1)
    changing = _Changing(State((), ()))
    changing.add(tuple(places))
    for name in tasks[: chance.randint(0, 1)]:
        changing.busy[name] = changing.busy.get(name, 0) + 1
    for task in net.tasks.values():
        left = len(task.inputs) - task.needed
        if left and task.partial in (Partial.STRUCTURED, Partial.BLOCKING) and chance.random() < 0.5:
            number = chance.randint(1, left)
            blocking = task.partial is Partial.BLOCKING
            changing.due[task.name] = tuple(chance.sample(task.inputs, number)) if blocking else number
    return changing.state()


def explore(net: Net, first: State, most: int) -> Graph:
    """Visits what can be reached from a state, up to `most` states."""
    states: dict[State, list[Move]] = {}
    waiting = [first]
    known = {first}
    while waiting:
        following: list[State] = []
        for state in waiting:
            if len(states) == most:
                return Graph(states, False)
            states[state] = list(moves(net, state))
            for move in states[state]:
                if move.state not in known:
                    known.add(move.state)
                    following.append(move.state)
        waiting = following
    return Graph(states, True)


def moves(net: Net, state: State) -> Iterator[Move]:
    """All moves from a state. An or-join takes from any single place."""
    for task in net.tasks.values():
        yield from _starts(net, task, state)
        if task.name in dict(state.busy):
            yield from _ends(net, task, state)
        yield from _swallows(task, state)


# -- moves -------------------------------------------------------------------------------------------------------------


class _Changing:
    """A state that is being changed."""

    def __init__(self, state: State) -> None:
        self.marking, self.busy, self.due = dict(state.marking), dict(state.busy), dict(state.due)

    def add(self, places: tuple[str, ...]) -> None:
        for place in places:
            self.marking[place] = self.marking.get(place, 0) + 1

    def take(self, places: tuple[str, ...]) -> bool:
        for place in places:
            self.marking[place] = self.marking.get(place, 0) - 1
        return all(self.marking[place] >= 0 for place in places)

    def empty(self, region: Region | None) -> None:
        if region is not None:
            for place in region.places:
                self.marking.pop(place, None)
            for task in region.tasks:
                self.busy.pop(task, None)
                self.due.pop(task, None)

    def state(self) -> State:
        return State(_count(self.marking), _count(self.busy), tuple(sorted(self.due.items())))


def _count(numbers: dict[str, int]) -> Count:
    return tuple(sorted((name, number) for name, number in numbers.items() if number))


def _starts(net: Net, task: Task, state: State) -> Iterator[Move]:
    if task.name in dict(state.due):
        return
    for places in dict.fromkeys(_ways_in(task)):
        changing = _Changing(state)
        if not changing.take(places):
            continue
        if task.partial is Partial.CANCELLING:
            for place in task.inputs:
                changing.marking[place] = 0
            changing.empty(task.resets)
        elif task.partial is Partial.BLOCKING and len(places) < len(task.inputs):
            changing.due[task.name] = tuple(place for place in task.inputs if place not in places)
        elif task.partial is Partial.STRUCTURED and len(places) < len(task.inputs):
            changing.due[task.name] = len(task.inputs) - len(places)
        changing.busy[task.name] = changing.busy.get(task.name, 0) + 1
        yield Move(task.name, changing.state())


def _ways_in(task: Task) -> Iterator[tuple[str, ...]]:
    if task.join is Join.AND:
        return iter([task.inputs])
    if task.join is Join.PARTIAL:
        return combinations(task.inputs, task.needed)
    if task.join is Join.THREADS:
        return combinations_with_replacement(task.inputs, task.needed)
    return combinations(task.inputs, 1)


def _ends(net: Net, task: Task, state: State) -> Iterator[Move]:
    for places in _ways_out(task):
        changing = _Changing(state)
        changing.busy[task.name] -= 1
        changing.empty(task.cancels)
        changing.add(places)
        yield Move(None, changing.state())


def _ways_out(task: Task) -> list[tuple[str, ...]]:
    places = tuple(flow.place for flow in task.flows)
    if task.split is Split.XOR:
        return [(place,) for place in places] or [()]
    if task.split is Split.OR:
        sizes = range(1, len(places) + 1)
        return list(chain.from_iterable(combinations(places, size) for size in sizes)) or [()]
    return [places * task.threads if task.split is Split.THREADS else places]


def _swallows(task: Task, state: State) -> Iterator[Move]:
    due = dict(state.due).get(task.name)
    if due is None:
        return
    for place in task.inputs if isinstance(due, int) else due:
        changing = _Changing(state)
        if changing.take((place,)):
            left = due - 1 if isinstance(due, int) else tuple(each for each in due if each != place)
            if left:
                changing.due[task.name] = left
            else:
                del changing.due[task.name]
            yield Move(None, changing.state())
