"""A notation for small nets: `net("i -> A -> and(B!, C!) -> D -> o")` is a compiled specification.

| written | means |
|---|---|
| `i`, `o` | the conditions `start` and `end` |
| `A` | a routing task; `A!` is done by a person, `A*` by the connector echo |
| `p` (small letters) | an explicit condition |
| `X -> and(B, C -> D) -> E` | X splits, E joins what the branches end in; `xor(...)` and `or(...)` choose by `go` |
| `p -> choice(B!, C!)` | a deferred choice: several tasks take from one condition |
| `xor:E` | a join unlike that of the group before it |
| `B -> xor(A, C)` with A already named | a loop: a name means the same element wherever it stands |
| `...; p -> F` | more ways through elements, apart from each other |

A flow of an xor-split is taken when `go` is the name of the element it leads to, one of an or-split when `go` contains
that name; the last one is the default. `go` is a variable, given when the case starts, and by the output `{"go": ...}`
of what a person or a call does.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from engine.spec.model import Specification
from engine.spec.read import read_specification

_TOKEN = re.compile(r"\s*(->|[(),;]|(?:(?:and|xor|or):)?[A-Za-z_]\w*[!*]?)")
_KINDS = {"!": "human", "*": "automated"}
PREDICATES = {"xor": 'go == "{}"', "or": 'go != null && go.contains("{}")'}
_ENDS = {"i": "start", "o": "end"}


@dataclass
class _Net:
    tokens: list[str]
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    start: list[str] = field(default_factory=list)

    def chains(self) -> Iterator[tuple[list[str], list[str]]]:
        """The heads and tails of each way up to the closing bracket."""
        yield self.chain()
        while self.tokens and self.tokens[0] in (",", ";"):
            self.tokens.pop(0)
            yield self.chain()

    def chain(self) -> tuple[list[str], list[str]]:
        heads, tails, word = self.step()
        first = heads
        while self.tokens and self.tokens[0] == "->":
            self.tokens.pop(0)
            split, (heads, following, next_word) = word, self.step()
            for tail in tails:
                self.lead(tail, heads, next_word)
            if split in ("and", "or") and heads[0] in self.tasks:
                self.tasks[heads[0]].setdefault("join", split)
            tails, word = following, next_word
        return first, tails

    def step(self) -> tuple[list[str], list[str], str | None]:
        """The heads and tails of one element, or of a group with its word."""
        name = self.tokens.pop(0)
        if self.tokens and self.tokens[0] == "(":
            self.tokens.pop(0)
            ways = list(self.chains())
            assert self.tokens.pop(0) == ")", "a bracket is not closed"
            return [head for heads, _ in ways for head in heads], [tail for _, tails in ways for tail in tails], name
        element = self.element(name)
        return [element], [element], None

    def element(self, written: str) -> str:
        join, _, name = written.rpartition(":")
        bare = name.rstrip("!*")
        if bare in _ENDS:
            return _ENDS[bare]
        if bare.islower():
            self.conditions.setdefault(bare, {"next": []})
            return bare
        task = self.tasks.setdefault(bare, {"kind": "routing", "next": []})
        if bare != name:
            task |= {"kind": _KINDS[name[-1]], "output": {"go": "$.go"}}
            task |= {"connector": "echo"} if name[-1] == "*" else {"offer": {"roles": ["clerk"]}}
        if join:
            task["join"] = join
        return bare

    def lead(self, tail: str, heads: list[str], word: str | None) -> None:
        if tail == "start":
            self.start += heads
        elif tail in self.conditions:
            self.conditions[tail]["next"] += heads
        else:
            self.tasks[tail]["next"] += [
                {"to": head, "when": PREDICATES[word].format(head)}
                if word in ("xor", "or") and head != heads[-1]
                else {"to": head}
                for head in heads
            ]
            if word is not None:
                self.tasks[tail]["split"] = word


def net(
    text: str,
    *,
    implicit: bool = False,
    variables: Mapping[str, Any] | None = None,
    nets: Mapping[str, str] | None = None,
    **changes: dict[str, Any],
) -> Specification:
    """The specification of a net; `changes` are further keys of tasks by name. Raises `SpecificationInvalid`.

    `variables` are there beside `go`, in every net. `nets` are further nets in the same notation, for composite tasks;
    the tasks of all nets have names of their own.
    """
    texts = {"main": text, **(nets or {})}
    left = dict(changes)
    bodies = {name: _body(each, implicit, variables or {}, left) for name, each in texts.items()}
    assert not left, f"no tasks to change: {list(left)}"
    document = {"specification": "net", "version": "1", "nets": bodies}
    return _compiled(msgspec.json.encode(document).decode())


@lru_cache(maxsize=1_000)
def _compiled(text: str) -> Specification:
    """Each test is run on several stores, and what it draws never changes."""
    return read_specification(text, name="net")


def _body(text: str, implicit: bool, variables: Mapping[str, Any], changes: dict[str, dict[str, Any]]) -> Any:
    read = _Net(_TOKEN.findall(text))
    list(read.chains())
    assert not read.tokens, f"not understood: {read.tokens}"
    for name in [name for name in changes if name in read.tasks]:
        read.tasks[name] |= changes.pop(name)
    for task in read.tasks.values():
        if not task["next"]:
            del task["next"]
        if "instances" in task:
            # What many instances give is gathered.
            task.pop("output", None)
    return {
        "variables": {"go": {"schema": {"type": ["string", "null"]}, "input": True, "default": None}, **variables},
        "start": read.start,
        "conditions": read.conditions,
        "tasks": read.tasks,
        "termination": "implicit" if implicit else "explicit",
    }
