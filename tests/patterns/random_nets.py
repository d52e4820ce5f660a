"""Random nets, the same for the same seed: blocks within blocks, then disturbed.

A net is grown from blocks (sequences, and-, or- and xor-blocks, loops), as people draw them; then arcs are added, joins
and splits are changed, and regions are laid over it, so that most nets are no longer sound.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from engine.spec.model import END, START, Flow, Join, Kind, Net, Partial, Region, Split, Task

JOINS = (Join.XOR, Join.AND, Join.OR, Join.OR, Join.PARTIAL, Join.PARTIAL, Join.THREADS)
SPLITS = (Split.XOR, Split.AND, Split.OR)


@dataclass
class Sketch:
    """A task while its net is drawn. `ways` are the tasks and conditions it leads to."""

    join: Join = Join.XOR
    split: Split = Split.AND
    ways: list[str] = field(default_factory=list)
    needed: int = 1
    partial: Partial | None = None
    threads: int = 0
    cancels: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)


def random_net(chance: Random, size: int, disturbed: float = 0.3, unusual: float = 0.0) -> Net:
    """A net of about `size` tasks; `disturbed` says how many changes are made to it, as a share of its tasks.

    `unusual` is the probability of each join to be of any kind, and of each task to have a region.
    """
    drawing = _Drawing(chance)
    first, last = drawing.block(size)
    drawing.tasks[last].ways.append(END)
    for _ in range(round(len(drawing.tasks) * disturbed)):
        drawing.disturb()
    for name in drawing.tasks:
        if drawing.arrivals(name) > 1 and chance.random() < unusual:
            drawing.set_join(name)
        if chance.random() < unusual:
            drawing.tasks[name].cancels = drawing.some_elements()
    drawing.ensure_or_join()
    return drawing.net(first)


class _Drawing:
    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.tasks: dict[str, Sketch] = {}
        self.conditions: dict[str, list[str]] = {}

    # -- blocks ------------------------------------------------------------------------------------------------------

    def block(self, size: int) -> tuple[str, str]:
        """Draws a block of about `size` tasks; its first and its last task."""
        if size <= 1:
            name = self.task()
            return name, name
        if size <= 3 or self.chance.random() < 0.35:
            return self.sequence(size)
        kind = self.chance.choice(("and", "or", "or", "xor", "loop", "choice"))
        return self.loop(size) if kind == "loop" else self.branches(size, kind)

    def task(self, join: Join = Join.XOR, split: Split = Split.AND) -> str:
        name = f"T{len(self.tasks)}"
        self.tasks[name] = Sketch(join, split)
        return name

    def sequence(self, size: int) -> tuple[str, str]:
        cut = self.chance.randint(1, size - 1)
        first, middle = self.block(cut)
        following, last = self.block(size - cut)
        self.tasks[middle].ways.append(following)
        return first, last

    def branches(self, size: int, kind: str) -> tuple[str, str]:
        first = self.task(split=Split(kind) if kind != "choice" else Split.AND)
        last = self.task(join=Join(kind) if kind != "choice" else Join.XOR)
        count = self.chance.randint(2, min(4, max(2, size - 2)))
        heads = []
        for _ in range(count):
            head, tail = self.block(max(1, (size - 2) // count))
            heads.append(head)
            self.tasks[tail].ways.append(last)
        if kind == "choice":
            condition = self.condition(heads)
            self.tasks[first].ways.append(condition)
        else:
            self.tasks[first].ways += heads
        return first, last

    def loop(self, size: int) -> tuple[str, str]:
        first, middle = self.block(max(1, size - 2))
        head, last = self.task(join=self.chance.choice((Join.XOR, Join.XOR, Join.OR))), self.task(split=Split.XOR)
        self.tasks[head].ways.append(first)
        self.tasks[middle].ways.append(last)
        self.tasks[last].ways.append(head)
        return head, last

    def condition(self, ways: list[str]) -> str:
        name = f"c{len(self.conditions)}"
        self.conditions[name] = ways
        return name

    # -- disturbances ------------------------------------------------------------------------------------------------

    def disturb(self) -> None:
        self.chance.choice((self.add_arc, self.add_arc, self.change_join, self.change_split, self.add_region))()

    def some_task(self) -> str:
        return self.chance.choice(list(self.tasks))

    def add_arc(self) -> None:
        source, target = self.some_task(), self.chance.choice([*self.tasks, *self.conditions])
        sketch = self.tasks[source]
        if target not in sketch.ways and target != source:
            sketch.ways.insert(0, target)
            if len(sketch.ways) == 2:
                sketch.split = self.chance.choice(SPLITS)
            if target in self.tasks and self.tasks[target].join is Join.XOR:
                self.set_join(target)

    def change_join(self) -> None:
        many = [name for name in self.tasks if self.arrivals(name) > 1]
        if many:
            self.set_join(self.chance.choice(many))

    def set_join(self, name: str) -> None:
        sketch = self.tasks[name]
        sketch.join = self.chance.choice(JOINS)
        sketch.needed = self.chance.randint(1, max(1, self.arrivals(name) - self.chance.randint(0, 1)))
        sketch.partial = self.chance.choice(list(Partial)) if sketch.join is Join.PARTIAL else None
        sketch.resets = self.some_elements() if sketch.partial is Partial.CANCELLING else []

    def ensure_or_join(self) -> None:
        """Makes one of the joins an or-join if none is one; where there is no join, one is made."""
        joins = [name for name in self.tasks if self.arrivals(name) > 1]
        if not joins:
            names = list(self.tasks)
            joins = [names[-1]]
            self.tasks[names[0]].ways.insert(0, names[-1])
            self.tasks[names[0]].split = self.chance.choice(SPLITS)
        if all(self.tasks[name].join is not Join.OR for name in joins):
            chosen = self.tasks[self.chance.choice(joins)]
            chosen.join, chosen.partial, chosen.resets = Join.OR, None, []

    def change_split(self) -> None:
        sketch = self.tasks[self.some_task()]
        if len(sketch.ways) > 1:
            sketch.split = self.chance.choice(SPLITS)
        elif self.chance.random() < 0.5:
            sketch.split, sketch.threads = Split.THREADS, self.chance.randint(1, 2)

    def add_region(self) -> None:
        self.tasks[self.some_task()].cancels = self.some_elements()

    def some_elements(self) -> list[str]:
        """Tasks that lie near each other, as in a region people draw; the places before some of them."""
        names = list(self.tasks)
        begin = self.chance.randrange(len(names))
        return names[begin : begin + self.chance.randint(1, 4)]

    def arrivals(self, name: str) -> int:
        arcs = [*(sketch.ways for sketch in self.tasks.values()), *self.conditions.values()]
        return sum(ways.count(name) for ways in arcs)

    # -- the net -----------------------------------------------------------------------------------------------------

    def net(self, first: str) -> Net:
        inputs: dict[str, list[str]] = {name: [] for name in self.tasks}
        inputs[first].append(START)
        for condition, ways in self.conditions.items():
            for way in ways:
                inputs[way].append(condition)
        for name, sketch in self.tasks.items():
            for way in sketch.ways:
                if way in self.tasks:
                    inputs[way].append(f"{name}>{way}")
        return net_of(
            self.compiled(name, index, sketch, tuple(inputs[name]), inputs)
            for index, (name, sketch) in enumerate(self.tasks.items())
        )

    def compiled(
        self, name: str, index: int, sketch: Sketch, inputs: tuple[str, ...], all_inputs: dict[str, list[str]]
    ) -> Task:
        ways = sketch.ways[:1] if sketch.split is Split.THREADS else sketch.ways
        return Task(
            name,
            index,
            Kind.HUMAN,
            sketch.join,
            sketch.split,
            inputs,
            tuple(Flow(f"{name}>{way}" if way in self.tasks else way, way) for way in ways),
            needed=min(sketch.needed, len(inputs)) if sketch.join is Join.PARTIAL else sketch.needed,
            partial=sketch.partial,
            threads=sketch.threads,
            resets=self.region(sketch.resets, all_inputs) if sketch.partial is Partial.CANCELLING else None,
            cancels=self.region(sketch.cancels, all_inputs) if sketch.cancels else None,
        )

    def region(self, names: list[str], inputs: dict[str, list[str]]) -> Region:
        places = [place for name in names for place in inputs[name] if self.chance.random() < 0.6]
        tasks = [name for name in names if self.chance.random() < 0.8]
        return Region(tuple(tasks), tuple(dict.fromkeys(places)))


def net_of(tasks: Iterable[Task]) -> Net:
    """The net that tasks make up: its places are those the tasks take from and give to."""
    by_name = {task.name: task for task in tasks}
    places = dict.fromkeys([START, END])
    consumers: dict[str, tuple[Task, ...]] = {}
    for task in by_name.values():
        places.update(dict.fromkeys(task.inputs))
        places.update(dict.fromkeys(flow.place for flow in task.flows))
        for place in task.inputs:
            consumers[place] = (*consumers.get(place, ()), task)
    or_joins = tuple(task for task in by_name.values() if task.join is Join.OR)
    return Net("main", {}, by_name, tuple(places), consumers, frozenset(), {}, or_joins=or_joins)
