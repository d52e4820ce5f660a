"""A smaller net that is sound exactly when a net is: what changes nothing is taken out before states are visited.

The rules are those of Petri nets (Berthelot 1987; Murata 1989, section V) in the form that Wynn, Verbeek, van der
Aalst, ter Hofstede and Edmond gave them for YAWL ("Reduction rules for YAWL workflows with cancellation regions and
OR-joins", 2009): nothing is touched that a region empties, a mutex guards, a task completes by force or a partial join
counts. They preserve whether there is a violation: a state that cannot complete, something that is left at the end, a
task that can never start, tokens that grow without end. They do not preserve which states show it, or how many.

| rule | what is taken out |
|---|---|
| series | two tasks with a place between them that nobody else knows: they become one |
| relay | a task that only hands tokens on from places that are its own: they go to where it leads |
| alternatives | two places of one xor-join that feed nothing else: they become one |
| companions | two places of one and-join that always get their tokens together: they become one |
| repetition | the way of an xor-split back to a place that only its own task takes from |
| twins | two tasks that take from the same places and lead to the same |
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine.spec.firings import passes
from engine.spec.model import END, START, Flow, Join, Kind, Net, Split, Task
from engine.spec.state_space import is_monotone

SINGLE = (Join.AND, Join.XOR, Join.OR)
"""The joins that mean the same where there is one place to take from."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A reduced net, in which a case begins with a token in `begin_in`.

    `stands_for` lists, for each of its tasks, the tasks of the whole net that became it, in the order they are done.
    """

    net: Net
    begin_in: str
    stands_for: Mapping[str, tuple[str, ...]]


def reduced(net: Net) -> Reduced:
    """The net without what changes nothing."""
    graph = _Graph(net)
    while any(rule(graph, name) for name in list(graph.tasks) for rule in _RULES if name in graph.tasks):
        pass
    return Reduced(graph.net(), graph.begin_in, {name: tuple(graph.stands_for[name]) for name in graph.tasks})


class _Graph:
    """A net whose tasks and places can be taken out. `producers` and `consumers` are by place."""

    def __init__(self, net: Net) -> None:
        self._whole = net
        self.begin_in = START
        # A task that compensates another one lies on no way, and moves no token.
        self.tasks = {task.name: _plain(task) for task in net.tasks.values() if task.inputs}
        self.stands_for = {name: [name] for name in self.tasks}
        self.producers: dict[str, dict[str, None]] = {place: {} for place in net.places}
        self.consumers: dict[str, dict[str, None]] = {place: {} for place in net.places}
        for task in self.tasks.values():
            self._enter(task)
        self._watched_tasks, self._watched_places = _watched(net)
        self._may_end_early = (
            not net.implicit_termination and is_monotone(net) and all(task.flows for task in self.tasks.values())
        )

    def may_touch(self, task: Task) -> bool:
        """Whether nothing else looks at a task but through its places."""
        return task.name not in self._watched_tasks

    def may_move(self, place: str) -> bool:
        """Whether nothing looks at a place but the tasks that take from it."""
        return place not in self._watched_places and place != END

    def may_receive(self, place: str) -> bool:
        """Whether tokens may come to a place earlier than they do.

        What `end` cuts off must not be able to vanish while it waits: in a Petri net whose tasks all lead on it cannot.
        """
        return self._may_end_early if place == END else self.may_move(place)

    def only_consumer(self, place: str) -> str | None:
        """The task that takes from a place, if there is just one."""
        consumers = self.consumers[place]
        return next(iter(consumers)) if len(consumers) == 1 else None

    def put(self, task: Task) -> None:
        """A task becomes another one of the same name."""
        if task.split is Split.XOR:
            task = replace(task, flows=tuple({flow.place: flow for flow in task.flows}.values()))
        self._leave(self.tasks[task.name])
        self.tasks[task.name] = task
        self._enter(task)

    def drop(self, name: str) -> None:
        """A task is taken out."""
        self._leave(self.tasks.pop(name))

    def redirect(self, place: str, other: str) -> None:
        """Tokens of a place go to another one instead."""
        for name in list(self.producers[place]):
            task = self.tasks[name]
            flows = tuple(replace(flow, place=other) if flow.place == place else flow for flow in task.flows)
            self.put(replace(task, flows=flows))

    def net(self) -> Net:
        """What is left."""
        places = [place for place in self.producers if self.producers[place] or self.consumers[place]]
        tasks = sorted(self.tasks.values(), key=lambda task: task.index)
        return replace(
            self._whole,
            tasks={task.name: task for task in tasks},
            places=tuple(dict.fromkeys([self.begin_in, END, *places])),
            consumers={place: tuple(task for task in tasks if place in task.inputs) for place in places},
            or_joins=tuple(task for task in tasks if task.join is Join.OR),
            mutexes={
                mutex: tuple(self.tasks[task.name] for task in sharing)
                for mutex, sharing in self._whole.mutexes.items()
            },
            triggers={},
        )

    def _enter(self, task: Task) -> None:
        for place in task.inputs:
            self.consumers[place][task.name] = None
        for flow in task.flows:
            self.producers[flow.place][task.name] = None

    def _leave(self, task: Task) -> None:
        for place in task.inputs:
            self.consumers[place].pop(task.name, None)
        for flow in task.flows:
            self.producers[flow.place].pop(task.name, None)


# -- the rules: each says whether it has changed something at a task ---------------------------------------------------


def _series(graph: _Graph, name: str) -> bool:
    first = graph.tasks[name]
    if len(first.flows) != 1 or first.split is Split.THREADS or not graph.may_touch(first):
        return False
    place = first.flows[0].place
    second = graph.tasks.get(graph.only_consumer(place) or "")
    if (
        second is None
        or second.name == name
        or place == graph.begin_in
        or not graph.may_move(place)
        or len(graph.producers[place]) != 1
        or second.inputs != (place,)
        or second.join not in SINGLE
        or not graph.may_touch(second)
    ):
        return False
    graph.drop(second.name)
    kind = Kind.ROUTING if passes(first) and passes(second) else Kind.AUTOMATED
    graph.put(replace(first, kind=kind, flows=second.flows, split=second.split, threads=second.threads))
    graph.stands_for[name] += graph.stands_for[second.name]
    return True


def _relay(graph: _Graph, name: str) -> bool:
    task = graph.tasks[name]
    if len(task.flows) != 1 or task.split is Split.THREADS or not graph.may_touch(task):
        return False
    target = task.flows[0].place
    if (
        not (task.join is Join.XOR or (task.join in SINGLE and len(task.inputs) == 1))
        or target in task.inputs
        or not graph.may_receive(target)
        or not all(graph.may_move(place) and graph.only_consumer(place) == name for place in task.inputs)
    ):
        return False
    if graph.begin_in in task.inputs:
        if target == END:
            return False
        graph.begin_in = target
    graph.drop(name)
    for place in task.inputs:
        graph.redirect(place, target)
    return True


def _alternatives(graph: _Graph, name: str) -> bool:
    task = graph.tasks[name]
    if task.join is not Join.XOR:
        return False
    own = [place for place in task.inputs if _is_own(graph, place, name)]
    if len(own) < 2:
        return False
    kept, *others = own
    graph.put(replace(task, inputs=tuple(place for place in task.inputs if place not in others)))
    for place in others:
        graph.redirect(place, kept)
    return True


def _companions(graph: _Graph, name: str) -> bool:
    task = graph.tasks[name]
    if task.join is not Join.AND:
        return False
    groups: dict[tuple[str, ...], list[str]] = {}
    for place in task.inputs:
        if _is_own(graph, place, name) and _always_together(graph, place):
            groups.setdefault(tuple(sorted(graph.producers[place])), []).append(place)
    others = {place for places in groups.values() for place in places[1:]}
    for place in others:
        for producer in list(graph.producers[place]):
            giving = graph.tasks[producer]
            graph.put(replace(giving, flows=tuple(flow for flow in giving.flows if flow.place != place)))
    if others:
        task = graph.tasks[name]
        graph.put(replace(task, inputs=tuple(place for place in task.inputs if place not in others)))
    return bool(others)


def _repetition(graph: _Graph, name: str) -> bool:
    task = graph.tasks[name]
    if task.join is not Join.XOR or task.split is not Split.XOR or not graph.may_touch(task):
        return False
    flows = tuple(flow for flow in task.flows if not (flow.place in task.inputs and _is_own(graph, flow.place, name)))
    if not flows or len(flows) == len(task.flows):
        return False
    own = {flow.place for flow in task.flows} - {flow.place for flow in flows}
    inputs = tuple(place for place in task.inputs if place not in own or len(graph.producers[place]) > 1)
    if not inputs:
        return False
    graph.put(replace(task, flows=flows, inputs=inputs))
    return True


def _twins(graph: _Graph, name: str) -> bool:
    task = graph.tasks[name]
    if not task.inputs or not graph.may_touch(task):
        return False
    for other in list(graph.consumers[task.inputs[0]]):
        twin = graph.tasks[other]
        if other != name and graph.may_touch(twin) and _manner(twin) == _manner(task):
            graph.drop(other)
            if not passes(twin):
                graph.put(replace(task, kind=Kind.AUTOMATED))
            return True
    return False


_RULES: tuple[Callable[[_Graph, str], bool], ...] = (
    _series,
    _relay,
    _alternatives,
    _companions,
    _repetition,
    _twins,
)


# ----------------------------------------------------------------------------------------------------------------------


def _plain(task: Task) -> Task:
    """A task without what an analysis does not look at."""
    if passes(task):
        return replace(task, kind=Kind.ROUTING, instances=None)
    return replace(task, kind=Kind.AUTOMATED)


def _watched(net: Net) -> tuple[set[str], set[str]]:
    """The tasks and places that something else than the flow of tokens looks at."""
    tasks, places = set[str](), set[str]()
    for task in net.tasks.values():
        for region in (task.cancels, task.resets):
            if region is not None:
                tasks |= {task.name, *region.tasks}
                places |= {*region.places}
        tasks |= {*task.completes, *([task.name] if task.completes or task.mutex is not None else ())}
        if task.join is Join.PARTIAL or (task.join is Join.THREADS and len(task.inputs) > 1):
            places |= {*task.inputs}
    return tasks, places


def _is_own(graph: _Graph, place: str, task: str) -> bool:
    return place != graph.begin_in and graph.may_move(place) and graph.only_consumer(place) == task


def _always_together(graph: _Graph, place: str) -> bool:
    """Whether whatever gives a token to a place does so each time it completes, and gives one."""
    return all(
        graph.tasks[producer].split is Split.AND and _count(graph.tasks[producer].flows, place) == 1
        for producer in graph.producers[place]
    )


def _count(flows: Iterable[Flow], place: str) -> int:
    return sum(flow.place == place for flow in flows)


def _manner(task: Task) -> tuple[object, ...]:
    """How a task takes and gives tokens, whatever else it does."""
    inputs: Iterator[str] | tuple[str, ...] = task.inputs if task.join is Join.PARTIAL else iter(sorted(task.inputs))
    flows = tuple(sorted((flow.place, flow.when is not None) for flow in task.flows))
    return tuple(inputs), task.join, task.needed, task.partial, task.split, task.threads, flows
