"""Nets by chance: blocks within blocks, and then something is changed, so that many of them are not sound."""

from random import Random
from typing import Any

import msgspec

from engine.spec.diagnostics import SpecificationInvalid
from engine.spec.model import Net, Specification
from engine.spec.read import read_specification

PERSON: dict[str, Any] = {"kind": "human", "offer": {"roles": ["clerk"]}, "output": {"go": "$.go"}}
"""A task of a person, who says which ways are taken next: names, each with a comma behind it."""

Tasks = dict[str, dict[str, Any]]

PLAIN = ("join", "split", "arc", "condition")
RICH = (*PLAIN, "cancels", "or_join", "partial", "threads", "mutex", "resets", "instances", "completes")


class RandomNet:
    """The document of a net; `block` gives the entry and the exit of a part of it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.tasks: Tasks = {}
        self.conditions: dict[str, dict[str, Any]] = {}

    def task(self, **keys: Any) -> str:
        name = f"t{len(self.tasks)}"
        kind = {"kind": "routing"} if self.chance.random() < 0.5 else PERSON
        self.tasks[name] = {**kind, "next": [], **keys}
        return name

    def block(self, depth: int) -> tuple[str, str]:
        kind = self.chance.choice(("task", "series", "and", "xor", "or", "loop", "choice") if depth else ("task",))
        if kind == "task":
            name = self.task()
            return name, name
        if kind == "series":
            (first, out), (into, last) = self.block(depth - 1), self.block(depth - 1)
            self.lead(out, into)
            return first, last
        if kind == "choice":
            entry, place, leave = self.task(), f"p{len(self.conditions)}", self.task(join="xor")
            self.conditions[place] = {"next": []}
            self.lead(entry, place)
            for _ in range(2):
                into, out = self.block(0)
                self.conditions[place]["next"].append(into)
                self.lead(out, leave)
            return entry, leave
        if kind == "loop":
            entry, leave = self.task(join="xor"), self.task(split="xor")
            into, out = self.block(depth - 1)
            self.lead(entry, into)
            self.lead(out, leave)
            self.lead(leave, entry)
            return entry, leave
        entry, leave = self.task(split=kind), self.task(join=kind)
        for _ in range(self.chance.randint(2, 3)):
            into, out = self.block(depth - 1)
            self.lead(entry, into)
            self.lead(out, leave)
        return entry, leave

    def lead(self, source: str, target: str) -> None:
        self.tasks[source]["next"].append(target)

    def change(self, what: str) -> None:
        """One thing becomes different, whether that makes sense or not."""
        chance, names = self.chance, list(self.tasks)
        one, other = self.tasks[chance.choice(names)], chance.choice(names)
        if what in ("join", "split"):
            one[what] = chance.choice(("and", "xor"))
        elif what == "or_join":
            one["join"] = "or"
        elif what == "arc":
            one["next"].append(chance.choice([*names, *self.conditions, "end"]))
        elif what == "condition":
            place = f"p{len(self.conditions)}"
            self.conditions[place] = {"next": [other]}
            one["next"].append(place)
        elif what == "cancels":
            one["cancels"] = chance.sample([*names, *names, *self.conditions, *self.implicit()], 2)
        elif what == "partial":
            one["join"] = chance.choice(({"partial": 1}, {"partial": 2}, {"partial": 1, "blocks": True}))
        elif what == "resets":
            one["join"] = {"partial": 1, "resets": chance.sample([*names, *names, *self.implicit()], 2)}
        elif what == "threads":
            one["split"], self.tasks[other]["join"] = {"threads": 2}, {"threads": 2}
        elif what == "mutex":
            one["mutex"] = self.tasks[other]["mutex"] = "m"
        elif what == "instances":
            self.make_instances(one, chance.choice(("all", "none")))
        elif what == "completes":
            self.make_instances(self.tasks[other], "all")
            one["completes"] = [other]

    def make_instances(self, task: dict[str, Any], threshold: str) -> None:
        task.pop("output", None)
        task |= {"kind": "human", "offer": PERSON["offer"], "instances": {"count": 2, "threshold": threshold}}

    def implicit(self) -> list[str]:
        return [
            f"{name}>{target}" for name, task in self.tasks.items() for target in task["next"] if target in self.tasks
        ]

    def document(self) -> dict[str, Any]:
        for task in self.tasks.values():
            targets = list(dict.fromkeys(task["next"]))
            task["next"] = targets
            if task.get("split") in ("xor", "or"):
                chosen = [{"to": to, "when": f'go != null && go.contains("{to},")'} for to in targets[:-1]]
                task["next"] = [*chosen, *({"to": to} for to in targets[-1:])]
            if len(targets) == 1 and not isinstance(task.get("split"), dict):
                task.pop("split", None)
        variables = {"go": {"input": True, "default": None}}
        return {"variables": variables, "tasks": self.tasks, "conditions": self.conditions}


def random_net(seed: int, changes: tuple[str, ...], *, implicit: bool = False) -> Specification:
    """A small net by chance; the same seed gives the same net. What makes no specification is tried again."""
    chance = Random(seed)
    while True:
        net = RandomNet(chance)
        first, last = net.block(2)
        for _ in range(chance.randint(0, 3)):
            net.change(chance.choice(changes))
        net.lead(last, "end")
        found = _specification(net, first, implicit=implicit)
        if found is not None:
            return found


def random_net_of(size: int, count: int, changes: tuple[str, ...], chance: Random) -> Net:
    """A net of about so many tasks, in which so many things were changed."""
    while True:
        net = RandomNet(chance)
        first, last = net.block(2)
        while len(net.tasks) < size:
            following, end = net.block(chance.randint(1, 3))
            net.lead(last, following)
            last = end
        for _ in range(count):
            net.change(chance.choice(changes))
        net.lead(last, "end")
        found = _specification(net, first) if len(net.tasks) < 1.2 * size else None
        if found is not None:
            return found.main


def _specification(net: RandomNet, first: str, *, implicit: bool = False) -> Specification | None:
    body = net.document() | {"start": first, "termination": "implicit" if implicit else "explicit"}
    document = {"specification": "by-chance", "version": "1", "nets": {"main": body}}
    try:
        return read_specification(msgspec.json.encode(document).decode())
    except SpecificationInvalid:
        return None
