"""Whether a concurrent history could have come about one call after another (Herlihy and Wing 1990).

The search is that of Wing and Gong (1993) with the memory of Lowe (2017): a call may be put next when no other one that
is still to be placed was answered before it was sent; a set of placed calls with the state they led to is tried once.
A call without an answer may be placed anywhere after it was sent, or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

MOST_CONFIGURATIONS = 1_000_000
"""Of one history. A history that needs more is too long for this search, which is a fault of the test."""

S = TypeVar("S")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Interval(Generic[C]):
    """A call with the moments between which it had its effect; `answered_at` is infinite where nobody knows."""

    call: C
    sent_at: float
    answered_at: float = inf


@dataclass(frozen=True, slots=True)
class Stuck(Generic[S, C]):
    """The longest order that was found: the state it leads to, and the calls none of which can come next."""

    order: tuple[C, ...]
    state: S
    impossible: tuple[C, ...]


class _Reached(Generic[S]):
    """A configuration: which calls are placed, the state, and how it came about."""

    __slots__ = ("before", "last", "placed", "state")

    def __init__(self, placed: int, state: S, before: "_Reached[S] | None", last: int) -> None:
        self.placed = placed
        self.state = state
        self.before = before
        self.last = last


def contradiction(
    intervals: Sequence[Interval[C]], initial: S, apply: Callable[[S, C], S | None]
) -> Stuck[S, C] | None:
    """None when the history is linearizable, else how far an order of its calls goes.

    `apply` gives the state after a call, or None when the call cannot have been answered so in that state. States are
    compared and hashed.
    """
    calls = sorted(intervals, key=lambda interval: interval.sent_at)
    needed = sum(1 << index for index, interval in enumerate(calls) if interval.answered_at < inf)
    start = _Reached(0, initial, None, -1)
    best, stack, tried = start, [start], {(0, initial)}
    while stack:
        reached = stack.pop()
        if reached.placed & needed == needed:
            return None
        if reached.placed.bit_count() > best.placed.bit_count():
            best = reached
        for index in reversed(_next(calls, reached.placed)):
            state = apply(reached.state, calls[index].call)
            placed = reached.placed | 1 << index
            if state is None or (placed, state) in tried:
                continue
            assert len(tried) < MOST_CONFIGURATIONS, f"{len(calls)} calls are too many for this search"
            tried.add((placed, state))
            stack.append(_Reached(placed, state, reached, index))
    return Stuck(_order(calls, best), best.state, tuple(calls[index].call for index in _next(calls, best.placed)))


def _next(calls: Sequence[Interval[C]], placed: int) -> list[int]:
    """The calls that may come next, in the order in which they were sent."""
    found: list[int] = []
    first_answer = inf
    for index, interval in enumerate(calls):
        if interval.sent_at > first_answer:
            break
        if not placed >> index & 1:
            found.append(index)
            first_answer = min(first_answer, interval.answered_at)
    # What was found before a quick answer was known may have been sent after it.
    return [index for index in found if calls[index].sent_at <= first_answer]


def _order(calls: Sequence[Interval[C]], reached: _Reached[S]) -> tuple[C, ...]:
    order = []
    at: _Reached[S] | None = reached
    while at is not None and at.before is not None:
        order.append(calls[at.last].call)
        at = at.before
    return tuple(reversed(order))
