"""The or-join: it waits while a token can still arrive at one of its empty places (WCP-38; WCP-7 and 37 fall out).

Decided by the analysis of Wynn, Edmond, van der Aalst and ter Hofstede, "Achieving a general, formal and decidable
approach to the OR-join in workflow using reset nets" (ICATPN 2005).
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from engine.net import reset_net
from engine.net.coverability import coverable
from engine.net.marking import Due
from engine.net.packed_net import Fields, PackedNet, Reach, Step, reach
from engine.net.reset_net import PlaceKey, ResetNet, Transition
from engine.spec.model import Net, Task

ANALYSES_KEPT = 256
"""Or-joins of which is kept what can be said without a marking."""

DECISIONS_KEPT = 256
"""Decisions that are kept of each of them: most steps of a case change nothing that concerns an or-join."""


class Decision(StrEnum):
    """What the analysis of an or-join says. `UNDECIDED`: the counted bound was reached before it was done."""

    ENABLED = "enabled"
    WAITS = "waits"
    UNDECIDED = "undecided"


def decide(
    net: Net, task: Task, marking: Mapping[str, int], busy: Mapping[str, int], due: Mapping[str, Due]
) -> Decision:
    """Whether an or-join can be taken.

    `marking` is `{place: tokens}` without zeros, `busy` the number of runs of each task that hold tokens, `due` what
    partial joins that have fired still swallow. The same question always gets the same answer.
    """
    marked = sum(place in marking for place in task.inputs)
    if marked == len(task.inputs):
        return Decision.ENABLED
    if marked == 0:
        return Decision.WAITS
    analysis = analysis_of(net, task)
    return analysis.decision(analysis.present(marking, busy, due))


def analysis_of(net: Net, task: Task) -> "Analysis":
    """What can be said of an or-join without a marking; worked out once."""
    return _analysis(_Identity(net), task.name)


class Analysis:
    """One or-join and the part of its net that may lead to its places, as a reset net.

    Left out are the starts of the or-join itself, and whatever no way leads from to its places: to cover a marking of
    them, no step is of use that gives no token to a place of this part (backward structural projection).
    """

    def __init__(self, net: ResetNet, task: Task) -> None:
        inputs: list[PlaceKey] = [("place", place) for place in task.inputs]
        relevant = _leading_to(inputs, [each for each in net.transitions if each.starts != task.name])
        keys = dict.fromkeys([*inputs, *(key for transition in relevant for key in transition.inputs)])
        self._reset_net = net
        self._places = {key: index for index, key in enumerate(keys)}
        self._inputs = [self._places[key] for key in inputs]
        self._net = _packed(relevant, self._places)
        self.decision = lru_cache(maxsize=DECISIONS_KEPT)(self.worked_out)

    def present(self, marking: Mapping[str, int], busy: Mapping[str, int], due: Mapping[str, Due]) -> int:
        """The packed marking of a state, as far as it concerns the or-join."""
        tokens, places = self._reset_net.tokens(marking, busy, due), self._places
        return self._net.fields.pack((places[key], count) for key, count in tokens.items() if key in places)

    def worked_out(self, present: int) -> Decision:
        """The decision in a marking in which some of the or-join's places have a token and some have none.

        It waits if for one of the empty places a marking can be covered in which that place has a token and those that
        have one now still do. What cannot be lost any more is not asked for.
        """
        net = self._net
        marked = net.fields.marked(present)
        within = reach(net, marked)
        awaited = [place for place in self._inputs if place in within.plans and place not in marked]
        if not awaited:
            return Decision.ENABLED
        held = [place for place in self._inputs if place in marked and _may_be_lost(net, within, place)]
        targets = [net.fields.pack((each, 1) for each in (*held, place)) for place in awaited]
        return _ANSWERS[coverable(net, within, present, targets)]


_ANSWERS = {True: Decision.WAITS, False: Decision.ENABLED, None: Decision.UNDECIDED}


class _Identity:
    """A net as a key: it is equal to itself only, and lives as long as the key does."""

    __slots__ = ("net",)

    def __init__(self, net: Net) -> None:
        self.net = net

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.net is other.net

    def __hash__(self) -> int:
        return id(self.net)


@lru_cache(maxsize=ANALYSES_KEPT)
def _analysis(identity: _Identity, name: str) -> Analysis:
    return Analysis(_translated(identity), identity.net.tasks[name])


@lru_cache(maxsize=ANALYSES_KEPT)
def _translated(identity: _Identity) -> ResetNet:
    return reset_net.translate(identity.net)


def _leading_to(places: list[PlaceKey], transitions: list[Transition]) -> list[Transition]:
    """The transitions from which tokens may get to the places, in their order."""
    producers: dict[PlaceKey, list[int]] = {}
    for index, transition in enumerate(transitions):
        for key in transition.outputs:
            producers.setdefault(key, []).append(index)
    found: set[int] = set()
    reached = set(places)
    fresh = list(places)
    for place in fresh:
        for index in producers.get(place, ()):
            if index not in found:
                found.add(index)
                new = [key for key in transitions[index].inputs if key not in reached]
                reached.update(new)
                fresh += new
    return [transitions[index] for index in sorted(found)]


def _packed(transitions: list[Transition], places: Mapping[PlaceKey, int]) -> PackedNet:
    """The net of these transitions and places; what is given to other places does not matter."""
    weights = (weight for each in transitions for weight in (*each.inputs.values(), *each.outputs.values()))
    fields = Fields(len(places), max(weights, default=1))
    steps = [
        Step.pack(
            fields,
            tuple((places[key], weight) for key, weight in each.inputs.items()),
            tuple((places[key], weight) for key, weight in each.outputs.items() if key in places),
            [places[key] for key in each.resets if key in places],
        )
        for each in transitions
    ]
    return PackedNet(fields, len(places), steps)


def _may_be_lost(net: PackedNet, within: Reach, place: int) -> bool:
    """Whether a token in a place can be taken or emptied. Else it stays, and need not be asked for."""
    return any(index in within.firing for index in (*net.consumers[place], *net.emptiers[place]))
