"""Whether a marking of a reset net can be covered, decided forwards: a way there is looked for, until none is left.

- *Best first.* From each marking a relaxed plan is made: steps that would do if no token were ever taken away (Hoffmann
  and Nebel, JAIR 2001). Where there is none, nothing can come of the marking. The shorter the plan, the sooner it is
  gone on from there.
- *Looking ahead.* Of a plan as many steps as can be are fired at once, and only then the next plan is made (Vidal,
  ICAPS 2004). Where tokens abound, a few plans are the whole way.
- *No interleaving.* Of steps that nothing else can disturb or be disturbed by, only these are tried
  (`PackedNet.undisturbed`), unless they lead to nothing new: a persistent set (Godefroid 1996) with the proviso that
  nothing is put off for ever.

A way that is found proves that the marking can be covered. If all that was to be looked at was looked at, it cannot.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

from engine.net.packed_net import PackedNet, Step, reach


class Forwards:
    """One search forwards, which can be gone on with.

    `_open` are the markings to go on from, best first, `_known` all that were ever among them.
    """

    def __init__(self, net: PackedNet, present: int, targets: Sequence[int]) -> None:
        fields = net.fields
        self._net = net
        self._guards = fields.guards
        self._targets = targets
        self._wanted = [fields.marked(target) for target in targets]
        self._kept = {place for wanted in self._wanted for place in wanted}
        self._complete = all(fields.count(present, place) < fields.most for place in fields.marked(present))
        self._looked_at = 0
        self._known = {present}
        self._open = [(0, 0, present)]

    def run(self, most_markings: int) -> bool | None:
        """Whether one of the targets can be covered; None when so many markings were looked at in all."""
        while self._open:
            if self._looked_at >= most_markings:
                return None
            self._looked_at += 1
            _, _, marking = heappop(self._open)
            if self._go_on(marking):
                return True
        return False if self._complete else None

    def _go_on(self, marking: int) -> bool:
        """Whether a target is covered by one of the markings that are gone to from here."""
        plan = self._plan(marking)
        if plan is None:
            return False
        distance = plan.bit_count()
        ahead, fired = self._carried_out(marking, plan)
        if self._covers(ahead):
            return True
        self._put(ahead, distance - fired)
        return any(self._covers(self._after(marking, self._net.steps[index])) for index in self._next(marking, plan))

    def _next(self, marking: int, plan: int) -> Iterator[int]:
        """The steps that are to be tried from a marking. What they lead to is put among what is open."""
        distance = plan.bit_count()
        enabled = [index for index in self._touched(marking) if self._enabled(marking, self._net.steps[index])]
        for few in (self._undisturbed(enabled), enabled):
            fresh = False
            for index in few:
                yield index
                farther = 0 if plan >> index & 1 else 1
                fresh |= self._put(self._after(marking, self._net.steps[index]), distance + farther)
            if fresh:
                return

    def _undisturbed(self, enabled: Iterable[int]) -> Sequence[int]:
        """Steps that suffice, if some are known."""
        for index in enabled:
            steps = self._net.undisturbed[index]
            if steps and self._kept.isdisjoint(place for place, _ in self._net.steps[index].needs):
                return steps
        return ()

    def _put(self, marking: int, distance: int) -> bool:
        """Puts a marking among what is open. Whether it was not known before."""
        if marking & self._guards:
            self._complete = False
            return False
        if marking in self._known:
            return False
        self._known.add(marking)
        heappush(self._open, (distance, len(self._known), marking))
        return True

    def _plan(self, marking: int) -> int | None:
        """The shortest of the relaxed plans to the targets; None if there is none."""
        plans = reach(self._net, self._net.fields.marked(marking)).plans
        best: int | None = None
        for wanted in self._wanted:
            if all(place in plans for place in wanted):
                plan = 0
                for place in wanted:
                    plan |= plans[place]
                if best is None or plan.bit_count() < best.bit_count():
                    best = plan
        return best

    def _carried_out(self, marking: int, plan: int) -> tuple[int, int]:
        """The marking after as many steps as can be, each once, and their number. Last are those that empty places."""
        waiting = sorted((self._net.steps[index] for index in _bits(plan)), key=lambda step: step.emptied != 0)
        fired = 0
        while not marking & self._guards:
            step = next((step for step in waiting if self._enabled(marking, step)), None)
            if step is None:
                break
            waiting.remove(step)
            marking = self._after(marking, step)
            fired += 1
        return marking, fired

    def _touched(self, marking: int) -> list[int]:
        """The steps that take a token which is there."""
        places = self._net.fields.marked(marking)
        return list(dict.fromkeys(index for place in places for index in self._net.consumers[place]))

    def _covers(self, marking: int) -> bool:
        guards, guarded = self._guards, marking | self._guards
        return any((guarded - target) & guards == guards for target in self._targets)

    def _enabled(self, marking: int, step: Step) -> bool:
        return ((marking | self._guards) - step.inputs) & self._guards == self._guards

    def _after(self, marking: int, step: Step) -> int:
        return (marking - step.inputs & ~step.emptied) + step.outputs


def _bits(plan: int) -> Iterator[int]:
    while plan:
        lowest = plan & -plan
        yield lowest.bit_length() - 1
        plan ^= lowest
