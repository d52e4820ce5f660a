"""Nets that grow from the seed: blocks within blocks, with all the results that a case of such a net may have.

A result is a multiset of tasks, so that order does not matter where it is not determined, and number does.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.nets import Document, Scenario, call, human, routing, scenario_of

DEEPEST = 3
MOST_PARTS = 3
LEAF = 0.4

Results = frozenset[tuple[tuple[str, int], ...]]
"""The possible results, each as sorted pairs of a letter and how often it is seen."""


@dataclass
class _Net:
    """A net while it grows."""

    luck: Random
    tasks: Document = field(default_factory=dict)
    conditions: Document = field(default_factory=dict)

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.tasks) + len(self.conditions)}"

    def block(self, depth: int, following: str) -> tuple[str, Results]:
        """Grows a block that leads to an element; where it begins, and what it may result in."""
        if depth == 0 or self.luck.random() < LEAF:
            return self.leaf(following)
        grow = self.luck.choice((self.sequence, self.parallel, self.parallel, self.inclusive, self.choice, self.loop))
        return grow(depth, following)

    def leaf(self, following: str) -> tuple[str, Results]:
        name = self.name("t")
        make = self.luck.choice((human, human, call))
        self.tasks[name] = make(name, following)
        return name, _once(name)

    def sequence(self, depth: int, following: str) -> tuple[str, Results]:
        results = _once()
        for _ in range(self.luck.randint(2, MOST_PARTS)):
            following, more = self.block(depth - 1, following)
            results = _both(results, more)
        return following, results

    def parallel(self, depth: int, following: str) -> tuple[str, Results]:
        return self._split(depth, following, "and")

    def inclusive(self, depth: int, following: str) -> tuple[str, Results]:
        return self._split(depth, following, "or")

    def _split(self, depth: int, following: str, word: str) -> tuple[str, Results]:
        join, split = self.name("j"), self.name("s") + "s"
        self.tasks[join] = routing(following, join=word)
        self.tasks[split] = {}
        results, ways = _once(), list[str]()
        for _ in range(self.luck.randint(2, MOST_PARTS)):
            first, more = self.block(depth - 1, join)
            ways.append(first)
            results = _both(results, more)
        chosen = [{"to": way, "when": "size(seen) >= 0"} for way in ways[:-1]] + [{"to": ways[-1]}]
        if word == "or":
            # The last one is the default, taken when no other is: here never, so it is given a condition of its own.
            skipped = self.name("n") + "n"
            self.tasks[skipped] = routing(join)
            chosen = [{"to": way, "when": "size(seen) >= 0"} for way in ways] + [{"to": skipped}]
        self.tasks[split] = routing(ways if word == "and" else chosen, split=word)
        return split, results

    def choice(self, depth: int, following: str) -> tuple[str, Results]:
        place = self.name("p")
        self.conditions[place] = {}
        merge = self.name("m")
        self.tasks[merge] = routing(following)
        results, ways = frozenset[tuple[tuple[str, int], ...]](), list[str]()
        for _ in range(2):
            after, more = self.block(depth - 1, merge)
            first = self.name("c")
            # Who starts decides: each way begins with a person's task.
            self.tasks[first] = human(first, after)
            ways.append(first)
            results |= _both(_once(first), more)
        self.conditions[place] = {"next": ways}
        return place, results

    def loop(self, depth: int, following: str) -> tuple[str, Results]:
        name = self.name("l")
        rounds = self.luck.randint(1, 3)
        make = self.luck.choice((human, call))
        until = f"size(seen.filter(s, s == '{name}')) >= {rounds}"
        self.tasks[name] = make(name, following, loop={"until": until})
        return name, _once(*[name] * rounds)


def grown(luck: Random, name: str) -> Scenario:
    """A net that nobody drew."""
    net = _Net(luck)
    last, results = net.leaf("end")
    first, before = net.block(DEEPEST, last)
    results = _both(before, results)
    net.tasks["begin"] = routing(first)

    def right(data: Mapping[str, Any]) -> bool:
        return _result(Counter(data["seen"])) in results

    return scenario_of(name, "begin", net.tasks, net.conditions, right)


def _once(*letters: str) -> Results:
    return frozenset({_result(Counter(letters))})


def _both(one: Results, other: Results) -> Results:
    return frozenset(_result(Counter(dict(a)) + Counter(dict(b))) for a in one for b in other)


def _result(counted: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counted.items()))
