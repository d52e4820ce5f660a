"""The states of a net, explored breadth first up to a bound, so that the way to each of them is a shortest one.

Whether a net has finitely many states can be decided for Petri nets by the tree of Karp and Miller (1969): a state that
covers an earlier one on its own way can be pumped. With regions that are emptied, or-joins or partial joins it cannot
(Dufourd, Finkel and Schnoebelen 1998; van der Aalst et al. 2011, "Soundness of workflow nets: classification,
decidability, and analysis"), so there a bound on the tokens of one place stands in.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.net import joins
from engine.net.or_join import Decision
from engine.net.state import NetState
from engine.spec.firings import Firing, TooManyWays, is_complete, moves
from engine.spec.model import START, Join, Net

MOST_STATES = 10_000
"""States of one net that are visited: a second of work at most, but for or-joins that are hard to decide."""

MOST_TOKENS = 24
"""Tokens in one place, or runs of one task, beyond which a net that is no Petri net counts as unbounded."""

Key = tuple[frozenset[tuple[str, int]], frozenset[tuple[str, int]], frozenset[tuple[str, int | tuple[str, ...]]]]


Enough = Callable[["StateSpace", int], bool]


class Way(NamedTuple):
    """How a state was first reached: from which, and by what."""

    source: int
    firing: Firing


@dataclass(slots=True)
class StateSpace:
    """What was explored. States are numbered in the order they were found; 0 is the one a case begins in.

    `totals` are their tokens and runs; `edges` lists where the firings of each state lead. `cut` are states whose
    firings were not looked at: for want of room, or because they belong to something without end. `grown` are those
    that show it, with the place or task whose count has no end. `undecided` counts the states in which the search of
    an or-join was given up, by task: it waits there.
    """

    net: Net
    states: list[NetState]
    ways: list[Way | None]
    totals: list[int]
    edges: list[tuple[int, ...]]
    fired: set[str] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)
    grown: dict[int, str] = field(default_factory=dict)
    undecided: dict[str, int] = field(default_factory=dict)
    bound_reached: bool = False
    too_many_ways: str | None = None

    @property
    def whole(self) -> bool:
        """Whether every state there is was visited."""
        return not self.cut

    def trace(self, state: int) -> tuple[Firing, ...]:
        """A shortest sequence of firings that leads to a state."""
        firings: list[Firing] = []
        while (way := self.ways[state]) is not None:
            firings.append(way.firing)
            state = way.source
        return tuple(reversed(firings))

    def complete(self) -> list[int]:
        """The states in which a case is complete."""
        return [number for number, state in enumerate(self.states) if is_complete(state)]

    def dead(self) -> list[int]:
        """The states that are not complete, and in which nothing can happen."""
        return [number for number in range(len(self.states)) if self.is_dead(number)]

    def is_dead(self, number: int) -> bool:
        """Whether nothing can happen in a state whose firings were looked at, though it is not complete."""
        return not self.edges[number] and number not in self.cut and not is_complete(self.states[number])

    def leading_to(self, states: set[int]) -> set[int]:
        """The states from which one of these can be reached."""
        before: list[list[int]] = [[] for _ in self.states]
        for source, following in enumerate(self.edges):
            for target in following:
                before[target].append(source)
        found, left = set(states), list(states)
        while left:
            for source in before[left.pop()]:
                if source not in found:
                    found.add(source)
                    left.append(source)
        return found


def is_monotone(net: Net) -> bool:
    """Whether more tokens never make less possible: then a state that covers an earlier one proves endless growth."""
    return all(
        task.cancels is None
        and task.resets is None
        and not task.completes
        and (task.join in (Join.AND, Join.XOR) or (task.join is Join.THREADS and len(task.inputs) == 1))
        for task in net.tasks.values()
    )


def explore(
    net: Net, most_states: int = MOST_STATES, *, begin_in: str = START, enough: Enough | None = None
) -> StateSpace:
    """The states of a net, at most so many. `begin_in` is the place in which a case begins.

    `enough` is asked after each state whether the search may stop there.
    """
    begin = NetState(net, {begin_in: 1})
    space = StateSpace(net, [begin], [None], [1], [()])
    known = {_key(begin): 0}
    monotone = is_monotone(net)
    waiting = deque([0])
    while waiting:
        number = waiting.popleft()
        if is_complete(space.states[number]):
            pass
        elif _grows(space, number, monotone=monotone):
            space.cut.add(number)
        elif len(space.states) >= most_states:
            space.bound_reached = True
            space.cut.add(number)
        else:
            _expand(space, number, known, waiting)
        if enough is not None and enough(space, number):
            break
    space.cut.update(waiting)
    return space


def _expand(space: StateSpace, number: int, known: dict[Key, int], waiting: deque[int]) -> None:
    following: dict[int, None] = {}
    for task in space.net.or_joins:
        if joins.decide(task, space.states[number]) is Decision.UNDECIDED:
            space.undecided[task.name] = space.undecided.get(task.name, 0) + 1
    try:
        for firing, reached in moves(space.states[number]):
            space.fired.add(firing.task)
            key = _key(reached)
            target = known.get(key)
            if target is None:
                target = known[key] = len(space.states)
                space.states.append(reached)
                space.ways.append(Way(number, firing))
                space.totals.append(_total(reached))
                space.edges.append(())
                waiting.append(target)
            following[target] = None
    except TooManyWays as too_many:
        space.too_many_ways = str(too_many)
        space.cut.add(number)
    space.edges[number] = tuple(following)


def _grows(space: StateSpace, number: int, *, monotone: bool) -> bool:
    """Whether a state shows that something grows without end, or far beyond what anybody means."""
    state = space.states[number]
    highest = max((*state.marking.values(), *state.busy.values()), default=0)
    if highest < 2:
        return False
    grown = _covered(space, number) if monotone else None
    if grown is None and highest > _most_tokens(space.net):
        counts = {**state.marking, **state.busy}
        grown = max(counts, key=counts.__getitem__)
    if grown is None:
        return False
    space.grown[number] = grown
    return True


def growth(space: StateSpace) -> tuple[int, str] | None:
    """The first state that shows growth without end, with the place or task that grows."""
    if not is_monotone(space.net):
        return next(iter(space.grown.items()), None)
    if space.whole:
        return None
    # The states that stopped the search have a second token somewhere; one before them may show it already.
    growing = ((number, _covered(space, number)) for number in range(len(space.states)))
    return next(((number, grown) for number, grown in growing if grown is not None), None)


def _covered(space: StateSpace, number: int) -> str | None:
    """The place or task that has more in this state than in an earlier one on its way that it covers."""
    state, way = space.states[number], space.ways[number]
    if is_complete(state):
        return None
    while way is not None:
        earlier = space.states[way.source]
        if space.totals[way.source] < space.totals[number] and _covers(state, earlier):
            return next(
                name
                for counts, before in ((state.marking, earlier.marking), (state.busy, earlier.busy))
                for name, count in counts.items()
                if count > before.get(name, 0)
            )
        way = space.ways[way.source]
    return None


def _covers(state: NetState, earlier: NetState) -> bool:
    return (
        all(state.marking.get(place, 0) >= count for place, count in earlier.marking.items())
        and all(state.busy.get(task, 0) >= count for task, count in earlier.busy.items())
        # A run that holds a mutex makes less possible, not more.
        and all(
            state.busy.get(task.name, 0) == earlier.busy.get(task.name, 0)
            for tasks in state.net.mutexes.values()
            for task in tasks
        )
    )


def _most_tokens(net: Net) -> int:
    return MOST_TOKENS + max((max(task.threads, task.needed) for task in net.tasks.values()), default=0)


def _total(state: NetState) -> int:
    return sum(state.marking.values()) + sum(state.busy.values())


def _key(state: NetState) -> Key:
    return (
        frozenset(state.marking.items()),
        frozenset(state.busy.items()),
        frozenset((task, tuple(due) if isinstance(due, list) else due) for task, due in state.due.items()),
    )
