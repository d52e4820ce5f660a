"""Allocators: who of those who may do an item gets it.

An allocator gives each candidate a score, and the lowest wins; between equals the lot decides, drawn from the item and
the moment, so that the same question has the same answer. What is measured is the candidate's history with the very
task; a mean of nothing counts as 0, so whoever has none is tried first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from random import Random

from engine.resources.history import Counter, Histories
from engine.resources.index import Index
from engine.resources.organisation import Organisation

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Allocation:
    """What an allocator may look at. `capabilities` are those the item asks for; `at` is now (ms since 1970)."""

    specification: str
    task: str
    item: str
    at: int
    capabilities: tuple[str, ...]
    index: Index
    histories: Histories

    @property
    def organisation(self) -> Organisation:
        """The organisation as it is now."""
        return self.index.organisation

    def history(self, candidates: Sequence[str], *counters: Counter) -> Mapping[str, Mapping[Counter, int]]:
        """What is counted of the candidates for the task of the item."""
        return self.histories.history(self.specification, self.task, candidates, counters)


Allocator = Callable[[Sequence[str], Allocation], Sequence[float]]
"""Gives each candidate a score. It may ask the histories once, and must not change anything."""


class BuiltIn(StrEnum):
    """The allocators that are always there."""

    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    ROUND_ROBIN_BY_ALLOCATION = "round_robin_by_allocation"
    ROUND_ROBIN_BY_FREQUENCY = "round_robin_by_frequency"
    ROUND_ROBIN_BY_EXPERIENCE = "round_robin_by_experience"
    SHORTEST_QUEUE = "shortest_queue"
    FASTEST = "fastest"
    FASTEST_TO_ALLOCATE = "fastest_to_allocate"
    FASTEST_TO_START = "fastest_to_start"
    FASTEST_TO_COMPLETE = "fastest_to_complete"
    CHEAPEST = "cheapest"
    CAPABILITY_MATCH = "capability_match"


def best(candidates: Sequence[str], scores: Sequence[float], count: int, seed: str) -> tuple[str, ...]:
    """The candidates with the lowest scores, the best first. Raises `ValueError` unless there is one score for each."""
    if len(scores) != len(candidates):
        raise ValueError(f"{len(scores)} scores were given to {len(candidates)} candidates")
    if not candidates:
        return ()
    random = Random(seed)
    if count == 1:
        least = min(scores)
        tied = [name for name, score in zip(candidates, scores) if score == least]
        return (random.choice(tied),)
    threshold = max(scores) if count >= len(candidates) else nsmallest(count, scores)[-1]
    ahead = [(score, random.random(), name) for name, score in zip(candidates, scores) if score <= threshold]
    return tuple(name for _, _, name in sorted(ahead)[:count])


def seed_of(item: str, at: int) -> str:
    """What lots are drawn from: the item and the moment of the event that asks."""
    return f"{item}@{at}"


# -- the built-in ones ---------------------------------------------------------------------------------------------


def _random(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
    return [0.0] * len(candidates)


def _shortest_queue(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
    """Who has the fewest items in hand."""
    loads = given.histories.workloads(candidates)
    return [loads.get(name, 0) for name in candidates]


def _by(counter: Counter, sign: int = 1) -> Allocator:
    """Who has the least (or, with -1, the most) of what is counted."""

    def scores(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
        history = given.history(candidates, counter)
        return [sign * history.get(name, {}).get(counter, 0) for name in candidates]

    return scores


def _mean(total: Counter, times: Counter) -> Allocator:
    """Who took the least time on average."""

    def scores(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
        history = given.history(candidates, total, times)
        return [_average(history.get(name, {}), total, times) for name in candidates]

    return scores


def _average(history: Mapping[Counter, int], total: Counter, times: Counter) -> float:
    return history.get(total, 0) / max(history.get(times, 0), 1)


def _cheapest(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
    """Who costs least: an hour of him, times how long he takes. Who has no history takes as long as the others do."""
    history = given.history(candidates, Counter.COMPLETING_MS, Counter.COMPLETED)
    done = [known for known in history.values() if known.get(Counter.COMPLETED, 0)]
    everybody = sum(known.get(Counter.COMPLETING_MS, 0) for known in done)
    usual = everybody / sum(known[Counter.COMPLETED] for known in done) if done else HOUR_MS
    people, found = given.organisation.participants, []
    for name in candidates:
        known = history.get(name, {})
        his = _average(known, Counter.COMPLETING_MS, Counter.COMPLETED) if known.get(Counter.COMPLETED) else usual
        found.append(people[name].cost * his / HOUR_MS)
    return found


def _capability_match(candidates: Sequence[str], given: Allocation) -> Sequence[float]:
    """Who has the most of the capabilities the item asks for, and has them best."""
    people, found = given.organisation.participants, []
    for name in candidates:
        person, points = people[name], 0.0
        for capability in given.capabilities:
            level = given.index.level(name, capability)
            if isinstance(level, int | float):
                points += 1 + level
            elif level is not None or capability in person.capabilities:
                points += 1
        found.append(-points)
    return found


ALLOCATORS: dict[str, Allocator] = {
    BuiltIn.RANDOM: _random,
    BuiltIn.ROUND_ROBIN: _by(Counter.COMPLETED_AT),
    BuiltIn.ROUND_ROBIN_BY_ALLOCATION: _by(Counter.ALLOCATED_AT),
    BuiltIn.ROUND_ROBIN_BY_FREQUENCY: _by(Counter.COMPLETED),
    BuiltIn.ROUND_ROBIN_BY_EXPERIENCE: _by(Counter.COMPLETED, -1),
    BuiltIn.SHORTEST_QUEUE: _shortest_queue,
    BuiltIn.FASTEST: _mean(Counter.LASTING_MS, Counter.COMPLETED),
    BuiltIn.FASTEST_TO_ALLOCATE: _mean(Counter.ALLOCATING_MS, Counter.ALLOCATED),
    BuiltIn.FASTEST_TO_START: _mean(Counter.STARTING_MS, Counter.STARTED),
    BuiltIn.FASTEST_TO_COMPLETE: _mean(Counter.COMPLETING_MS, Counter.COMPLETED),
    BuiltIn.CHEAPEST: _cheapest,
    BuiltIn.CAPABILITY_MATCH: _capability_match,
}
