"""Nets grown from blocks, as people draw them, for facts that hold for every net.

`blocks` is a strategy of Hypothesis. What is made of its blocks alone is sound: `drawn` gives its document. `disturbed`
changes joins and adds arcs and regions to one, so that tokens pile up, meet, and are taken away.

A choice is made by the `go` that its task gives back: the names of the tasks to go on with, each followed by `;`. Other
tasks may give a `value`. Either is kept in a variable of the task's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.spec.model import Specification
from engine.spec.read import read_specification

Document = dict[str, Any]

KINDS: dict[str, Document] = {
    "human": {"kind": "human", "offer": {"roles": ["clerk"]}},
    "automated": {"kind": "automated", "connector": "echo"},
    "composite": {"kind": "composite", "net": "below"},
    "routing": {"kind": "routing"},
}
NUMBER = {"schema": {"type": ["integer", "null"]}, "output": True}
BELOW = {
    "variables": {"value": NUMBER},
    "start": "X",
    "tasks": {"X": {**KINDS["human"], "output": {"value": "$.value"}, "next": "end"}},
}
"""What composite tasks run."""


@dataclass(frozen=True)
class Block:
    """A leaf, which is a task of a kind, or a word over its parts."""

    word: str = "leaf"
    parts: tuple["Block", ...] = ()
    kind: str = "routing"
    instances: int | None = None
    threshold: int | str = "all"
    on_threshold: str = "cancel"
    rounds: int = 0
    mutex: bool = False


def blocks(words: Iterable[str], leaf: st.SearchStrategy[Block], leaves: int) -> st.SearchStrategy[Block]:
    """Blocks of up to so many leaves, put together by some of `seq`, `and`, `xor`, `or`, `choice` and `loop`."""

    def combined(parts: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
        return st.one_of([st.builds(Block, st.just(word), _parts(word, parts)) for word in words])

    return st.recursive(leaf, combined, max_leaves=leaves)


def _parts(word: str, parts: st.SearchStrategy[Block]) -> st.SearchStrategy[tuple[Block, ...]]:
    return parts.map(lambda part: (part,)) if word == "loop" else st.lists(parts, min_size=2, max_size=3).map(tuple)


PLAIN = st.builds(Block, kind=st.sampled_from(["human", "human", "automated", "routing"]))
"""Leaves that are done once."""

SEVERAL = st.builds(
    Block,
    kind=st.sampled_from(["human", "automated", "composite"]),
    instances=st.integers(0, 3),
    threshold=st.sampled_from(["all", "all", 1, "none"]),
    on_threshold=st.sampled_from(["cancel", "keep"]),
)
"""Leaves of multiple instances."""

REPEATED = st.builds(
    Block,
    kind=st.sampled_from(["human", "automated", "composite"]),
    rounds=st.integers(0, 2),
    mutex=st.booleans(),
)
"""Leaves that may be done in rounds, or may exclude each other."""


def drawn(block: Block) -> Document:
    """The document of a block. It is sound."""
    drawing = _Drawing()
    first, last = drawing.draw(block)
    drawing.tasks[last]["next"].append({"to": "end"})
    main = {
        "variables": drawing.variables,
        "start": first,
        "conditions": drawing.conditions,
        "tasks": drawing.tasks,
    }
    return {"specification": "drawn", "version": "1", "nets": {"main": main, "below": BELOW}}


def disturbed(document: Document, chance: Random, changes: int, *, regions: bool) -> Document:
    """The same net after so many changes: tokens may meet that were apart, and stay where nobody fetches them."""
    main = document["nets"]["main"]
    main["termination"] = "implicit"
    names = list(main["tasks"])
    for _ in range(changes):
        task, other = main["tasks"][chance.choice(names)], chance.choice(names)
        what = chance.choice(("join", "arc", "region") if regions else ("join", "arc"))
        if what == "join":
            task["join"] = chance.choice(("and", "xor"))
        elif what == "region":
            task["cancels"] = chance.sample(names, min(2, len(names)))
        elif "split" not in task and all(way["to"] != other for way in task["next"]):
            task["next"].append({"to": other})
    return document


def compiled(document: Document) -> Specification:
    """The specification of a document."""
    return read_specification(msgspec.json.encode(document).decode())


@dataclass
class _Drawing:
    tasks: dict[str, Document] = field(default_factory=dict)
    conditions: dict[str, Document] = field(default_factory=dict)
    variables: dict[str, Document] = field(default_factory=dict)

    def draw(self, block: Block) -> tuple[str, str]:
        """Draws a block; its first and its last task."""
        match block.word:
            case "leaf":
                name = self.leaf(block)
                return name, name
            case "seq":
                return self.sequence(block)
            case "loop":
                return self.loop(block)
            case "choice":
                return self.choice(block)
            case _:
                return self.branches(block)

    def task(self, kind: str, **keys: Any) -> str:
        name = f"T{len(self.tasks):03}"
        self.tasks[name] = {**KINDS[kind], **keys, "next": []}
        return name

    def leaf(self, block: Block) -> str:
        name = self.task(block.kind)
        task, variable = self.tasks[name], f"v{name}"
        if block.kind == "routing":
            return name
        self.variables[variable] = {}
        if block.instances is not None:
            gather = {"variable": variable, "from": "$.value"}
            task["instances"] = {"count": block.instances, "threshold": block.threshold, "gather": gather}
            if block.threshold != "none":
                task["instances"]["on_threshold"] = block.on_threshold
        else:
            task["output"] = {variable: "$.value"}
        if block.rounds:
            self.variables[f"r{name}"] = {**NUMBER, "default": 0}
            task["output"][f"r{name}"] = {"expr": f"r{name} + 1"}
            task["loop"] = {"until": f"r{name} >= {block.rounds}"}
        if block.mutex:
            task["mutex"] = "m"
        return name

    def sequence(self, block: Block) -> tuple[str, str]:
        ends = [self.draw(part) for part in block.parts]
        for (_, last), (first, _) in zip(ends, ends[1:], strict=False):
            self.lead(last, first)
        return ends[0][0], ends[-1][1]

    def branches(self, block: Block) -> tuple[str, str]:
        word = block.word
        first = self.task("routing", split="and") if word == "and" else self.chooser(word)
        ends = [self.draw(part) for part in block.parts]
        last = self.task("routing", join=word)
        for head, tail in ends:
            self.lead(first, head, chosen=word != "and" and head != ends[-1][0])
            self.lead(tail, last)
        return first, last

    def choice(self, block: Block) -> tuple[str, str]:
        first, last = self.task("routing"), self.task("routing")
        condition = f"c{len(self.conditions)}"
        self.conditions[condition] = {"next": []}
        self.tasks[first]["next"].append({"to": condition})
        for part in block.parts:
            # What begins by itself would win before anybody is asked.
            rival = self.task("human")
            head, tail = self.draw(part)
            self.conditions[condition]["next"].append(rival)
            self.lead(rival, head)
            self.lead(tail, last)
        return first, last

    def loop(self, block: Block) -> tuple[str, str]:
        first = self.task("routing")
        head, tail = self.draw(block.parts[0])
        last = self.chooser("xor")
        self.lead(first, head)
        self.lead(tail, last)
        self.lead(last, first, chosen=True)
        return first, last

    def chooser(self, word: str) -> str:
        name = self.task("human", split=word)
        self.tasks[name]["output"] = {f"go{name}": "$.go"}
        self.variables[f"go{name}"] = {"schema": {"type": "string"}, "default": ""}
        return name

    def lead(self, source: str, target: str, *, chosen: bool = False) -> None:
        flow = {"to": target, "when": f"go{source}.contains('{target};')"} if chosen else {"to": target}
        self.tasks[source]["next"].append(flow)
