"""Whether a marking of a reset net can be covered, decided backwards.

A set of markings that is closed upwards is kept as its minimal elements. Beginning with the targets, the least
markings from which one step leads into the set are added, until one lies below the present marking or nothing new is
found. This decides the question for every well-structured system (Abdulla, Cerans, Jonsson and Tsay, LICS 1996; Finkel
and Schnoebelen, TCS 2001). It ends, because of infinitely many markings two are always ordered (Dickson 1913); as it
may take long, the markings looked at are counted.

What makes it fast changes no answer:

- *Only what can fire.* A step whose inputs can never all be marked, even if nothing were ever taken away, is left out
  (`reach`). If that does not settle the question soon, tokens are counted (`counted`): steps that never get enough, and
  markings that ask for more than ever come to a place, are left out too.
- *One token at a time.* A marking lacks several tokens as a rule, and the order in which they came does not matter:
  where the last token of a place may as well have come last of all (`Search._comes_last`), only the steps that give it
  are gone back. This is the idea of stubborn sets (Valmari 1989) and keeps parallel branches from being interleaved.
- *No choice, no marking.* Where only one step can have given such a token, it is gone back at once.
- *Best first.* The next marking is the one from which a relaxed plan (Hoffmann and Nebel, JAIR 2001) has fewest steps.

Where few tokens go round in many ways, less can be reached from the present marking than lies behind the targets, and
where tokens abound, almost any way leads there: so the same is asked forwards too (`witness`), a little before the long
search, and to its bound after it.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from engine.net.packed_net import PackedNet, Reach, Step, counted
from engine.net.witness import Forwards

EASY_MARKINGS = 40
"""Markings looked at before it is worth while to work out how many tokens can come to each place."""

FEW_VISITED = 30
"""Markings looked at forwards before that: where tokens abound, a way there is found at once."""

MOST_MARKINGS = 1_000
"""Markings that the backward search may look at before it gives up."""

MOST_VISITED = 300
"""Markings that are looked at forwards in all."""

FORCED_IN_A_ROW = 100
"""Steps gone back without a choice before the marking is kept like any other: they might lead round in a circle."""


def coverable(net: PackedNet, within: Reach, present: int, targets: Sequence[int]) -> bool | None:
    """Whether one of the targets can be covered from the present marking; None when the search was given up."""
    found = Search(net, within, present, EASY_MARKINGS).run(targets)
    if found is not None:
        return found
    forwards = Forwards(net, present, targets)
    found = forwards.run(min(FEW_VISITED, MOST_VISITED))
    if found is None:
        found = Search(net, counted(net, within, present), present, MOST_MARKINGS).run(targets)
    return forwards.run(MOST_VISITED) if found is None else found


class _GivenUpError(Exception):
    """The bound was reached, or a field is too narrow."""


class Search:
    """One backward search.

    `_minimal` are the markings that are kept, none above another; `_open` those that are still to be gone back from.
    """

    def __init__(self, net: PackedNet, within: Reach, present: int, most_markings: int) -> None:
        self._net = net
        self._reach = within
        self._present = present
        self._guards = net.fields.guards
        self._spread = net.fields.width - 1
        self._minimal: dict[int, None] = {}
        self._open: list[tuple[int, int, int, Sequence[int] | None]] = []
        self._most_markings = most_markings
        self._looked_at = 0
        self._producers: dict[int, list[int]] = {}
        self._last: dict[int, bool] = {}

    def run(self, targets: Iterable[int]) -> bool | None:
        """Whether one of the targets can be covered; None when the search was given up."""
        try:
            return any(self._look_at(target) for target in targets) or self._go_back()
        except _GivenUpError:
            return None

    def _go_back(self) -> bool:
        while self._open:
            _, _, marking, choice = heappop(self._open)
            if marking not in self._minimal:
                continue
            for index in self._giving_any_of(marking) if choice is None else choice:
                earlier = self._before(marking, self._net.steps[index])
                if earlier is not None and self._look_at(earlier):
                    return True
        return False

    def _look_at(self, marking: int) -> bool:
        """Whether the present marking covers this one. If not, it is kept, unless nothing can come of it.

        Before, all steps are gone back that can be told without a choice.
        """
        guards, guarded = self._guards, self._present | self._guards
        places: list[int] = []
        choice: Sequence[int] | None = None
        for forced in range(FORCED_IN_A_ROW + 1):
            self._count(marking)
            lacking = (guarded - marking) & guards ^ guards
            if not lacking:
                return True
            if ((self._reach.most | guards) - marking) & guards != guards:
                return False
            places = self._net.fields.places(lacking)
            choice = self._choice(marking, places)
            if choice is not None and not choice:
                return False
            if choice is None or len(choice) > 1 or forced == FORCED_IN_A_ROW:
                break
            earlier = self._before(marking, self._net.steps[choice[0]])
            assert earlier is not None, "a step that comes last can be gone back"
            marking = earlier
        self._keep(marking, self._distance(marking, places), choice)
        return False

    def _count(self, marking: int) -> None:
        self._looked_at += 1
        if self._looked_at > self._most_markings or marking & self._guards:
            raise _GivenUpError

    def _distance(self, marking: int, lacking: Iterable[int]) -> int:
        """An estimate of the steps to a marking: those of one relaxed plan, and one for each further token lacking."""
        fields, present = self._net.fields, self._present
        plan, more = 0, 0
        for place in lacking:
            plan |= self._reach.plans[place]
            more += fields.count(marking, place) - fields.count(present, place) - 1
        return plan.bit_count() + more

    def _keep(self, marking: int, distance: int, choice: Sequence[int] | None) -> None:
        """Keeps a marking if it is minimal; those above it are no longer."""
        guards, guarded = self._guards, marking | self._guards
        for other in self._minimal:
            if (guarded - other) & guards == guards:
                return
        for other in [each for each in self._minimal if ((each | guards) - marking) & guards == guards]:
            del self._minimal[other]
        self._minimal[marking] = None
        heappush(self._open, (distance, self._looked_at, marking, choice))

    def _choice(self, marking: int, lacking: Iterable[int]) -> Sequence[int] | None:
        """The steps one of which must be the last on the way to this marking, as few as can be told; None: any.

        For a place that lacks a token and whose token comes last, these are the steps that give to it. A step that
        empties places must also be possible to go back: else another may have to follow it.
        """
        best: Sequence[int] | None = None
        for place in lacking:
            producers = self._giving_to(place)
            if not producers:
                return ()
            if (best is None or len(producers) < len(best)) and self._comes_last(place):
                steps = (self._net.steps[index] for index in producers)
                if all(not step.emptied or self._before(marking, step) is not None for step in steps):
                    best = producers
        return best

    def _comes_last(self, place: int) -> bool:
        """Whether the last token given to a place may be given last of all, whatever happened after it.

        Let a way lead to a marking that has more tokens in the place than there are at present, and let *t* be the last
        step on it that gives to the place. If *t* gives one token to it and nothing else, what follows *t* does not
        need that token: it takes at most what was there beside it, as the token is there in the end. It does not empty
        the place either, for the same reason. So *t* can be put off to the end, if only its inputs are not emptied
        meanwhile: that holds if whatever empties one of them also empties the place, or gives to it. And if *t* empties
        places itself, they must have no tokens in the marking, as then nothing that is needed is lost.
        """
        known = self._last.get(place)
        if known is None:
            producers = self._giving_to(place)
            harmless = {*self._net.emptiers[place], *producers}
            known = self._last[place] = all(
                self._net.steps[index].alone == place and self._keeps_inputs(index, harmless) for index in producers
            )
        return known

    def _keeps_inputs(self, index: int, harmless: set[int]) -> bool:
        emptiers = self._net.emptiers
        return all(
            emptier in harmless or emptier not in self._reach.firing
            for place, _ in self._net.steps[index].needs
            for emptier in emptiers[place]
        )

    def _giving_to(self, place: int) -> list[int]:
        """The steps that can fire and give to a place."""
        known = self._producers.get(place)
        if known is None:
            firing = self._reach.firing
            known = self._producers[place] = [index for index in self._net.producers[place] if index in firing]
        return known

    def _giving_any_of(self, marking: int) -> list[int]:
        """The steps that give a token which the marking has. Before any other, all its tokens are needed already."""
        places = self._net.fields.marked(marking)
        return list(dict.fromkeys(index for place in places for index in self._giving_to(place)))

    def _before(self, marking: int, step: Step) -> int | None:
        """The least marking from which the step leads to one that covers this marking; None if there is none.

        A place that the step empties has afterwards what the step gives it: if the marking has more, the step cannot
        have been the last one. Before, it may have had any number.
        """
        kept = ((marking | self._guards) - step.outputs) & (self._guards | self._net.fields.full)
        free = kept & self._guards
        rest = kept & (free - (free >> self._spread))
        return None if rest & step.emptied else step.inputs + rest
