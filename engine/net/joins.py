"""Joins: when a task may take tokens, how often in succession, and which ones it takes.

Each kind of join is a row of one table. `enabled` says whether the task can be taken; `take` takes it once: it
removes the tokens from the state and gives the places they came from. How often it can be taken in succession is
counted on a copy, unless a kind has a formula for it.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.net import marking, or_join
from engine.net.or_join import Decision
from engine.net.state import NetState
from engine.spec.model import Join, Partial, Task


class JoinRule(NamedTuple):
    """How a kind of join decides."""

    enabled: Callable[[Task, NetState], bool]
    take: Callable[[Task, NetState], tuple[str, ...]]
    times: Callable[[Task, NetState], int]


def enabled(task: Task, state: NetState) -> bool:
    """Whether the task can be taken."""
    return JOINS[task.join].enabled(task, state)


def take(task: Task, state: NetState) -> tuple[str, ...]:
    """Takes the tokens of one firing out of the state. The task must be enabled. Gives the places it took from."""
    return JOINS[task.join].take(task, state)


def times(task: Task, state: NetState) -> int:
    """How often the task could be taken in succession, if nothing else happened."""
    return JOINS[task.join].times(task, state)


def swallow(task: Task, state: NetState) -> bool:
    """Removes tokens that a partial join which has fired ignores. Whether it removed any."""
    due = state.due.get(task.name)
    if due is None:
        return False
    left, swallowed = _swallowed(task, state, due)
    if left:
        state.due[task.name] = left
    else:
        del state.due[task.name]
    return swallowed


def decide(task: Task, state: NetState) -> Decision:
    """What the analysis of an or-join says (WCP-7, 37, 38)."""
    return or_join.decide(state.net, task, state.marking, state.busy, state.due)


# -- and (WCP-3, 33): one token from each place; more of them stay -----------------------------------------------------


def _every_place(task: Task, state: NetState) -> bool:
    return all(map(state.marking.__contains__, task.inputs))


def _from_every(task: Task, state: NetState) -> tuple[str, ...]:
    return _remove(state, task.inputs)


def _smallest(task: Task, state: NetState) -> int:
    return min(state.marking.get(place, 0) for place in task.inputs)


# -- xor (WCP-5, 8): one token from one place --------------------------------------------------------------------------


def _any_place(task: Task, state: NetState) -> bool:
    return not state.marking.keys().isdisjoint(task.inputs)


def _from_first(task: Task, state: NetState) -> tuple[str, ...]:
    # The order of the document decides, so that a replay takes the same token.
    return _remove(state, (next(place for place in task.inputs if place in state.marking),))


def _total(task: Task, state: NetState) -> int:
    return sum(state.marking.get(place, 0) for place in task.inputs)


# -- or (WCP-7, 37, 38): one token from each marked place, when no other can get one any more --------------------------


def _no_more_to_come(task: Task, state: NetState) -> bool:
    return _any_place(task, state) and decide(task, state) is Decision.ENABLED


def _from_marked(task: Task, state: NetState) -> tuple[str, ...]:
    return _remove(state, tuple(place for place in task.inputs if place in state.marking))


# -- partial (WCP-9, 28 to 32): so many branches of all ----------------------------------------------------------------


def _branches(task: Task, state: NetState) -> tuple[str, ...]:
    return tuple(place for place in task.inputs if place in state.marking)


def _enough_branches(task: Task, state: NetState) -> bool:
    return task.name not in state.due and len(_branches(task, state)) >= task.needed


def _from_first_branches(task: Task, state: NetState) -> tuple[str, ...]:
    taken = _branches(task, state)[: task.needed]
    _remove(state, taken)
    if task.partial is Partial.CANCELLING:
        for place in task.inputs:
            state.marking.pop(place, None)
        return task.inputs
    left = [place for place in task.inputs if place not in taken]
    if left:
        state.due[task.name] = left if task.partial is Partial.BLOCKING else len(left)
        swallow(task, state)
    return task.inputs


def _swallowed(task: Task, state: NetState, due: int | list[str]) -> tuple[int | list[str], bool]:
    if isinstance(due, list):
        arrived = [place for place in due if place in state.marking]
        _remove(state, arrived)
        return [place for place in due if place not in arrived], bool(arrived)
    left = due
    for place in task.inputs:
        while left and place in state.marking:
            marking.remove(state.marking, place)
            left -= 1
    return left, left < due


# -- threads (WCP-41): so many tokens, wherever they are ---------------------------------------------------------------


def _enough_threads(task: Task, state: NetState) -> bool:
    return _total(task, state) >= task.needed


def _from_threads(task: Task, state: NetState) -> tuple[str, ...]:
    left = task.needed
    for place in task.inputs:
        while left and place in state.marking:
            marking.remove(state.marking, place)
            left -= 1
    return task.inputs


def _by_threads(task: Task, state: NetState) -> int:
    return _total(task, state) // task.needed


# ----------------------------------------------------------------------------------------------------------------------


def _in_succession(task: Task, state: NetState) -> int:
    if not enabled(task, state):
        return 0
    imagined, count = state.copy(), 0
    while enabled(task, imagined):
        take(task, imagined)
        imagined.busy[task.name] = imagined.busy.get(task.name, 0) + 1
        count += 1
    return count


def _remove(state: NetState, places: "tuple[str, ...] | list[str]") -> tuple[str, ...]:
    for place in places:
        marking.remove(state.marking, place)
    return tuple(places)


JOINS: dict[Join, JoinRule] = {
    Join.AND: JoinRule(_every_place, _from_every, _smallest),
    Join.XOR: JoinRule(_any_place, _from_first, _total),
    Join.OR: JoinRule(_no_more_to_come, _from_marked, _in_succession),
    Join.PARTIAL: JoinRule(_enough_branches, _from_first_branches, _in_succession),
    Join.THREADS: JoinRule(_enough_threads, _from_threads, _by_threads),
}
