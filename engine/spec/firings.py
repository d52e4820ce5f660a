"""What may happen next in a state of a net, whatever its data are: the firing rule that an analysis works with.

It is the rule of the kernel, with its joins, seen from outside. A task is two firings: it starts and takes tokens, it
completes and gives tokens; one that has nothing to wait for is a single one. Left open, so that every possibility is
visited: when anything happens, which way a choice takes, which token an xor-join takes, when a loop ends, whether an
outside event comes. Composite tasks and multiple instances are atomic; failures are not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from engine.net import joins, marking
from engine.net.state import NetState
from engine.spec.model import END, Join, Kind, Region, Split, Task

MOST_SETS = 256
"""Sets of flows of an or-split that are told apart; beyond, they are said to be too many (`TooManyWays`)."""


class Phase(StrEnum):
    """What a firing is of its task: `FIRES` is start and completion at once."""

    STARTS = "starts"
    COMPLETES = "completes"
    FIRES = "fires"


@dataclass(frozen=True, slots=True)
class Firing:
    """A task takes tokens from places, gives tokens to places, or both."""

    task: str
    phase: Phase
    took: tuple[str, ...] = ()
    gave: tuple[str, ...] = ()


class TooManyWays(Exception):
    """An or-split has more sets of flows than are told apart. It names the task."""


def moves(state: NetState) -> Iterator[tuple[Firing, NetState]]:
    """Every firing that is possible in a state, and where it leads. Raises `TooManyWays`."""
    for task in _takers(state):
        if _mutex_is_free(task, state) and joins.enabled(task, state):
            for took, taken in _takings(task, state):
                yield from _starts(task, took, taken)
    for name in sorted(state.busy):
        task, left = state.net.tasks[name], state.copy()
        marking.remove(left.busy, name)
        for gave, completed in _completions(task, left):
            yield Firing(name, Phase.COMPLETES, gave=gave), completed


def passes(task: Task) -> bool:
    """Whether a task completes in the step in which it starts."""
    return task.kind is Kind.ROUTING or (task.instances is not None and not task.instances.awaited)


def is_complete(state: NetState) -> bool:
    """Whether a case in this state is complete: `end` is marked, or nothing is left where that is enough."""
    if state.net.implicit_termination:
        return not state.busy and not any(place != END for place in state.marking)
    return END in state.marking


# -- start -------------------------------------------------------------------------------------------------------------


def _takers(state: NetState) -> list[Task]:
    consumers = state.net.consumers
    found = {task.index: task for place in state.marking for task in consumers.get(place, ())}
    return [found[index] for index in sorted(found)]


def _mutex_is_free(task: Task, state: NetState) -> bool:
    if task.mutex is None:
        return True
    return not any(other.name in state.busy for other in state.net.mutexes[task.mutex])


def _takings(task: Task, state: NetState) -> Iterator[tuple[tuple[str, ...], NetState]]:
    """Each way in which a task takes its tokens, and the state without them."""
    if task.join is Join.XOR:
        for place in task.inputs:
            if place in state.marking:
                taken = state.copy()
                marking.remove(taken.marking, place)
                yield (place,), taken
        return
    taken = state.copy()
    took = joins.take(task, taken)
    if task.resets is not None:
        _empty(task.resets, taken)
    yield tuple(place for place in took if place in state.marking), taken


def _starts(task: Task, took: tuple[str, ...], state: NetState) -> Iterator[tuple[Firing, NetState]]:
    if passes(task):
        for gave, fired in _completions(task, state):
            yield Firing(task.name, Phase.FIRES, took, gave), fired
    else:
        marking.add(state.busy, task.name)
        yield Firing(task.name, Phase.STARTS, took), state


# -- completion --------------------------------------------------------------------------------------------------------


def _completions(task: Task, state: NetState) -> Iterator[tuple[tuple[str, ...], NetState]]:
    """Each way in which a task completes whose run is out of the state already; tokens flow after regions are empty."""
    for forced in _completed_by_force(task.completes, state):
        if task.cancels is not None:
            _empty(task.cancels, forced)
        for gave in ways(task):
            completed = forced.copy()
            for place in gave:
                marking.add(completed.marking, place)
            for name in tuple(completed.due):
                joins.swallow(completed.net.tasks[name], completed)
            if completed.net.implicit_termination:
                completed.marking.pop(END, None)
            yield gave, completed


def _completed_by_force(names: tuple[str, ...], state: NetState) -> Iterator[NetState]:
    """The runs of these tasks complete at once; one whose instances are gathered first completes later, by itself."""
    for name in names:
        task = state.net.tasks[name]
        gathers = task.instances is not None and bool(task.instances.gathers)
        if name in state.busy and not gathers:
            left = state.copy()
            marking.remove(left.busy, name)
            for _, completed in _completions(task, left):
                yield from _completed_by_force(names, completed)
            return
    yield state.copy()


def ways(task: Task) -> list[tuple[str, ...]]:
    """The places that get tokens, for each way a task may go on."""
    places = tuple(flow.place for flow in task.flows)
    if task.split is Split.XOR and places:
        return [(place,) for place in dict.fromkeys(places)]
    if task.split is Split.OR and places:
        return _sets(task)
    return [places * (task.threads if task.split is Split.THREADS else 1)]


def _sets(task: Task) -> list[tuple[str, ...]]:
    """The default alone, or any of the flows that have a predicate."""
    chosen = [flow.place for flow in task.flows if flow.when is not None]
    if 2 ** len(chosen) > MOST_SETS:
        raise TooManyWays(task.name)
    defaults = [(flow.place,) for flow in task.flows if flow.when is None]
    sets = [places for size in range(1, len(chosen) + 1) for places in combinations(chosen, size)]
    return list(dict.fromkeys(defaults + sets))


def _empty(region: Region, state: NetState) -> None:
    """Empties a region: tokens, runs, and what partial joins in it still wait for."""
    for place in region.places:
        state.marking.pop(place, None)
    for name in region.tasks:
        state.busy.pop(name, None)
        state.due.pop(name, None)
