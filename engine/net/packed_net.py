"""A reset net whose markings are integers, and what can be said of it at once by looking forwards.

A marking has a field for each place, whose highest bit stays free: so comparing and subtracting markings is a few
operations on integers, however many places there are (Lamport 1975).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

SPARE_BITS = 4
"""A field has so many bits more than the greatest weight of an arc needs, one of them the free one."""

MOST_COUNTED = 32
"""Tokens that come to a place are counted up to here at most."""

Weights = tuple[tuple[int, int], ...]
"""Places with a number of tokens each."""


class Fields:
    """How the markings of a net of `places` places are packed, if no arc has a greater weight than `heaviest`."""

    def __init__(self, places: int, heaviest: int) -> None:
        ones = sum(1 << place * (heaviest.bit_length() + SPARE_BITS) for place in range(places))
        self.heaviest = heaviest
        self.width = heaviest.bit_length() + SPARE_BITS
        self.most = (1 << (self.width - 1)) - 1
        self.guards = ones << (self.width - 1)
        self.full = ones * self.most

    def pack(self, tokens: Iterable[tuple[int, int]]) -> int:
        """A marking from the tokens of its places. What is too great for its field becomes the greatest that is not.

        That is exact for a marking others are compared with: one that would need more is not looked at (`Search`).
        """
        return sum(min(count, self.most) << place * self.width for place, count in tokens)

    def count(self, marking: int, place: int) -> int:
        """The tokens of a place."""
        return marking >> place * self.width & self.most

    def marked(self, marking: int) -> list[int]:
        """The places that have a token."""
        return self.places((marking + self.full) & self.guards)

    def places(self, guards: int) -> list[int]:
        """The places whose highest bit is set."""
        found = []
        while guards:
            lowest = guards & -guards
            found.append(lowest.bit_length() // self.width - 1)
            guards ^= lowest
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, packed: it takes `inputs`, empties the fields whose bits are set in `emptied`, gives `outputs`.

    `needs` and `gives` say the same as `inputs` and `outputs`. `alone` is the one place to which it gives one token
    and nothing else, or -1.
    """

    inputs: int
    outputs: int
    emptied: int
    needs: Weights
    gives: Weights
    alone: int

    @classmethod
    def pack(cls, fields: Fields, needs: Weights, gives: Weights, emptied: Iterable[int]) -> "Step":
        """A transition of a net whose markings are packed like this."""
        alone = gives[0][0] if len(gives) == 1 and gives[0][1] == 1 else -1
        mask = fields.pack((place, fields.most) for place in emptied)
        return cls(fields.pack(needs), fields.pack(gives), mask, needs, gives, alone)


class PackedNet:
    """A reset net: its steps, and for each place those that take from it, give to it and empty it."""

    def __init__(self, fields: Fields, places: int, steps: Sequence[Step]) -> None:
        self.fields = fields
        self.steps = steps
        self.many = min(fields.heaviest + 1, MOST_COUNTED)
        self.consumers: list[list[int]] = [[] for _ in range(places)]
        self.producers: list[list[int]] = [[] for _ in range(places)]
        self.emptiers: list[list[int]] = [[] for _ in range(places)]
        for index, step in enumerate(steps):
            for place, _ in step.needs:
                self.consumers[place].append(index)
            for place, _ in step.gives:
                self.producers[place].append(index)
            for place in fields.marked(step.emptied):
                self.emptiers[place].append(index)

    @cached_property
    def undisturbed(self) -> list[Sequence[int]]:
        """For each step those that take the same, if it does not matter what else is fired before one of them.

        Nothing else takes from their places, they empty nothing, and what they give is not emptied by anything. So a
        way on which one of them is fired later leads as far if it is fired at once; and to fire any of them on a way
        without them only leaves more tokens, except where they take theirs from.
        """
        return [self._alike(step) for step in self.steps]

    def _alike(self, step: Step) -> Sequence[int]:
        alike = self.consumers[step.needs[0][0]] if step.needs else []
        for index in alike:
            other = self.steps[index]
            given = any(self.emptiers[place] for place, _ in other.gives)
            if other.inputs != step.inputs or other.emptied or given:
                return ()
        return alike if all(self.consumers[place] == alike for place, _ in step.needs) else ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What could be marked and fire if no token were ever taken away.

    `plans` holds for each place that could be marked a set of steps, as bits, that together would mark it: none for one
    that is marked already. `firing` are the steps that could fire. `most` is the greatest marking there could be.
    """

    plans: Mapping[int, int]
    firing: frozenset[int]
    most: int


def reach(net: PackedNet, marked: Iterable[int]) -> Reach:
    """Forward projection from the places that are marked: every token stays, and one is as good as many."""
    missing = [len(step.needs) for step in net.steps]
    plans = dict.fromkeys(marked, 0)
    firing = set()
    fresh = list(plans)
    for place in fresh:
        for index in net.consumers[place]:
            missing[index] -= 1
            if missing[index] == 0:
                firing.add(index)
                plan = 1 << index
                for needed, _ in net.steps[index].needs:
                    plan |= plans[needed]
                for given, _ in net.steps[index].gives:
                    if given not in plans:
                        plans[given] = plan
                        fresh.append(given)
    return Reach(plans, frozenset(firing), net.fields.full)


def counted(net: PackedNet, within: Reach, present: int) -> Reach:
    """The same with the number of tokens each place could hold: those it has and all that could ever be given to it.

    A step fires at most as often as its inputs get tokens. This is followed until nothing changes; from `many` on, a
    number counts as any number, so each place and each step changes at most so many times.
    """
    fields, steps, many = net.fields, net.steps, net.many
    totals = {place: min(fields.count(present, place), many) for place in fields.marked(present)}
    fired: dict[int, int] = {}
    fresh = list(totals)
    for place in fresh:
        for index in net.consumers[place]:
            before, times = fired.get(index, 0), _times(steps[index], totals, many)
            if times > before:
                fired[index] = times
                for given, weight in steps[index].gives:
                    total = totals.get(given, 0)
                    if total < many:
                        more = many if times == many else (times - before) * weight
                        totals[given] = min(total + more, many)
                        fresh.append(given)
    most = fields.pack((place, fields.most if total == many else total) for place, total in totals.items())
    return Reach(within.plans, frozenset(fired), most)


def _times(step: Step, totals: Mapping[int, int], many: int) -> int:
    times = many
    for place, weight in step.needs:
        total = totals.get(place, 0)
        if total < many:
            times = min(times, total // weight)
    return times
