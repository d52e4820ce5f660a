"""A workflow net as a reset net: a Petri net with arcs that empty a place (Dufourd, Finkel, Schnoebelen, ICALP 1998).

The translation is that of Wynn, Edmond, van der Aalst and ter Hofstede (ICATPN 2005), carried on to the joins of
newYAWL. A place stays a place. A task is a place for its executing runs, between transitions that start it and
transitions that end it; composite tasks and multiple instances are atomic. Predicates and triggers are not looked at:
whatever they may decide is possible.

| in the workflow net | in the reset net |
|---|---|
| and-join | one start, that takes a token from each place |
| xor-join, or-join | a start for each place |
| join of n threads | a start for each way to take n tokens |
| partial join, n of m | a start for each n of the m places, and places for what the round has left (see `_starts_*`) |
| and-split, or-split, n threads | one end |
| xor-split | an end for each flow |
| region | arcs of the end (`Task.cancels`) or the start (`Task.resets`) that empty its places and its tasks |

An or-split is one end that takes every flow, though the published translation has one for each set of flows. The
question put to this net is only what can be *covered*, and reset nets are monotone: from a greater marking the same
transitions can fire and lead to a greater marking. So whatever a smaller set of flows leads to is covered by what all
of them lead to. For the same reason an or-join may be read as an xor-join: it takes one token where it could take
more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, combinations_with_replacement
from math import comb

from engine.net.marking import Due
from engine.spec.model import Join, Net, Partial, Region, Split, Task

MOST_WAYS = 128
"""Ways to choose the places one start takes from, beyond which these are not told apart (`_starts_from_pool`)."""

PlaceKey = tuple[str, ...]
"""What a place of the reset net stands for: `("place", name)`, `("busy", task)`, or a part of a partial join."""

Tokens = dict[PlaceKey, int]


@dataclass(frozen=True, slots=True)
class Transition:
    """Takes its inputs, empties what it resets, gives its outputs, in this order. `starts` names the task it starts."""

    inputs: Tokens
    outputs: Tokens
    resets: frozenset[PlaceKey] = frozenset()
    starts: str | None = None


@dataclass(frozen=True, slots=True)
class ResetNet:
    """The transitions of a net. `rounds` are the partial joins that have places of their own."""

    transitions: tuple[Transition, ...]
    rounds: tuple[Task, ...]

    def tokens(self, marking: Mapping[str, int], busy: Mapping[str, int], due: Mapping[str, Due]) -> Tokens:
        """The marking of the reset net in a state of the workflow net."""
        tokens: Tokens = {("place", place): count for place, count in marking.items()}
        tokens.update({("busy", task): count for task, count in busy.items()})
        for task in self.rounds:
            tokens.update(_round_under_way(task, due[task.name]) if task.name in due else _ready(task))
        return tokens


def translate(net: Net) -> ResetNet:
    """The reset net of a workflow net."""
    transitions: list[Transition] = []
    for task in net.tasks.values():
        transitions += _STARTS[task.join](net, task)
        transitions += _ends(net, task)
    return ResetNet(tuple(transitions), tuple(task for task in net.tasks.values() if _has_rounds(task)))


# -- ends --------------------------------------------------------------------------------------------------------------


def _ends(net: Net, task: Task) -> Iterator[Transition]:
    emptied = _emptied(net, task.cancels)
    for places in _ways_out(task):
        outputs = dict(emptied.renewed)
        for place in places:
            _put(outputs, ("place", place))
        yield Transition({("busy", task.name): 1}, outputs, emptied.resets)


def _ways_out(task: Task) -> Iterable[tuple[str, ...]]:
    places = tuple(flow.place for flow in task.flows)
    if task.split is Split.XOR and places:
        return [(place,) for place in dict.fromkeys(places)]
    return [places * (task.threads if task.split is Split.THREADS else 1)]


# -- starts ------------------------------------------------------------------------------------------------------------


def _starts_from_all(net: Net, task: Task) -> Iterator[Transition]:
    yield _start(task, task.inputs)


def _starts_from_one(net: Net, task: Task) -> Iterator[Transition]:
    for place in task.inputs:
        yield _start(task, (place,))


def _starts_of_threads(net: Net, task: Task) -> Iterator[Transition]:
    if comb(len(task.inputs) + task.needed - 1, task.needed) > MOST_WAYS:
        yield from _starts_from_pool(task, _Round())
        return
    for places in combinations_with_replacement(task.inputs, task.needed):
        yield _start(task, places)


def _starts_of_partial(net: Net, task: Task) -> Iterator[Transition]:
    if task.partial is Partial.CANCELLING:
        yield from _starts_cancelling(net, task)
    elif not _has_rounds(task):
        yield from _starts_from_all(net, task)
    elif task.partial is Partial.BLOCKING:
        yield from _starts_blocking(task)
    else:
        yield from _starts_structured(task)


def _starts_cancelling(net: Net, task: Task) -> Iterator[Transition]:
    """The join takes its tokens, then empties the rest of its places and its region: no round goes on."""
    emptied = _emptied(net, task.resets)
    resets = emptied.resets | {("place", place) for place in task.inputs}
    around = _Round(outputs=emptied.renewed, resets=resets)
    if comb(len(task.inputs), task.needed) > MOST_WAYS:
        yield from _starts_from_pool(task, around)
        return
    for places in combinations(task.inputs, task.needed):
        yield _start(task, places, around)


def _starts_structured(task: Task) -> Iterator[Transition]:
    """`ready` or, while a round goes on, `due` and `swallowed` tokens, as many as branches were left.

    Because the sum is constant, `swallowed` shows when none is due any more without a test for zero.
    """
    ready, due, swallowed = ("ready", task.name), ("due", task.name), ("swallowed", task.name)
    left = len(task.inputs) - task.needed
    around = _Round(inputs={ready: 1}, outputs={due: left})
    if comb(len(task.inputs), task.needed) > MOST_WAYS:
        yield from _starts_from_pool(task, around)
    else:
        for places in combinations(task.inputs, task.needed):
            yield _start(task, places, around)
    for place in task.inputs:
        yield Transition({("place", place): 1, due: 1}, {swallowed: 1})
    yield Transition({swallowed: left}, {ready: 1})


def _starts_blocking(task: Task) -> Iterator[Transition]:
    """For each branch `swallowed`, or `due` until its token has come; the join is ready when all are `swallowed`."""
    due: dict[str, PlaceKey] = {place: ("due", task.name, place) for place in task.inputs}
    swallowed: dict[str, PlaceKey] = {place: ("swallowed", task.name, place) for place in task.inputs}
    if comb(len(task.inputs), task.needed) > MOST_WAYS:
        # Which branches are left is not told apart either: each of them may be.
        around = _Round(dict.fromkeys(swallowed.values(), 1), dict.fromkeys(swallowed.values(), 1))
        yield from _starts_from_pool(task, around)
        ways: Iterable[tuple[str, ...]] = ()
    else:
        ways = combinations(task.inputs, task.needed)
    for places in ways:
        after: Tokens = {swallowed[place] if place in places else due[place]: 1 for place in task.inputs}
        yield _start(task, places, _Round(dict.fromkeys(swallowed.values(), 1), after))
    for place in task.inputs:
        yield Transition({("place", place): 1, due[place]: 1}, {swallowed[place]: 1})


def _starts_from_pool(task: Task, around: "_Round") -> Iterator[Transition]:
    """Tokens of all branches are laid together and taken from there.

    More can happen so than in the workflow net: a branch may give two tokens where one from each was meant, and what
    is laid together escapes a region. An or-join may then wait for what cannot come; never the other way round.
    """
    pool = ("pool", task.name)
    for place in task.inputs:
        yield Transition({("place", place): 1}, {pool: 1})
    inputs = {**around.inputs, pool: task.needed}
    yield Transition(inputs, {**around.outputs, ("busy", task.name): 1}, around.resets, task.name)


_STARTS: dict[Join, Callable[[Net, Task], Iterator[Transition]]] = {
    Join.AND: _starts_from_all,
    Join.XOR: _starts_from_one,
    Join.OR: _starts_from_one,
    Join.PARTIAL: _starts_of_partial,
    Join.THREADS: _starts_of_threads,
}


@dataclass(frozen=True, slots=True)
class _Round:
    """What a start takes and gives beside the tokens of its branches and its run, and what it empties."""

    inputs: Tokens = field(default_factory=dict)
    outputs: Tokens = field(default_factory=dict)
    resets: frozenset[PlaceKey] = frozenset()


def _start(task: Task, places: Iterable[str], around: _Round = _Round()) -> Transition:  # noqa: B008 (frozen)
    inputs, outputs = dict(around.inputs), dict(around.outputs)
    for place in places:
        _put(inputs, ("place", place))
    _put(outputs, ("busy", task.name))
    return Transition(inputs, outputs, around.resets, task.name)


# -- partial joins and regions -----------------------------------------------------------------------------------------


def _has_rounds(task: Task) -> bool:
    """Whether a firing of the join leaves branches whose tokens it still swallows."""
    return task.join is Join.PARTIAL and task.partial is not Partial.CANCELLING and len(task.inputs) > task.needed


def _ready(task: Task) -> Tokens:
    if task.partial is Partial.BLOCKING:
        return {("swallowed", task.name, place): 1 for place in task.inputs}
    return {("ready", task.name): 1}


def _round_under_way(task: Task, due: Due) -> Tokens:
    if isinstance(due, int):
        left = len(task.inputs) - task.needed
        return {("due", task.name): due, ("swallowed", task.name): left - due}
    return {("due" if place in due else "swallowed", task.name, place): 1 for place in task.inputs}


@dataclass(frozen=True, slots=True)
class _Emptied:
    """The places a region empties, and those that get a token again: a join that is emptied is ready."""

    resets: frozenset[PlaceKey] = frozenset()
    renewed: Tokens = field(default_factory=dict)


def _emptied(net: Net, region: Region | None) -> _Emptied:
    if region is None:
        return _Emptied()
    resets: set[PlaceKey] = {("place", place) for place in region.places}
    renewed: Tokens = {}
    for name in region.tasks:
        resets.add(("busy", name))
        if _has_rounds(net.tasks[name]):
            resets.update(_places_of_rounds(net.tasks[name]))
            renewed.update(_ready(net.tasks[name]))
    return _Emptied(frozenset(resets), renewed)


def _places_of_rounds(task: Task) -> Iterator[PlaceKey]:
    if task.partial is Partial.BLOCKING:
        for place in task.inputs:
            yield ("due", task.name, place)
            yield ("swallowed", task.name, place)
    else:
        yield ("ready", task.name)
        yield ("due", task.name)
        yield ("swallowed", task.name)


def _put(tokens: Tokens, key: PlaceKey) -> None:
    tokens[key] = tokens.get(key, 0) + 1
