"""Nets grown from blocks, as people draw them, for facts that hold for every net.

`blocks()` is a strategy of Hypothesis. What is made of its blocks alone is sound: `structured` makes the specification.
`disturbed` then changes joins and adds arcs and regions, so that tokens pile up, meet and are taken away.

A choice is made by `go`, which the task that makes it gives back: the names of the tasks to go on with, each followed
by `;`. Every other task may give a `value`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.spec.model import Specification
from engine.spec.read import read_specification

HUMAN = {"kind": "human", "offer": {"roles": ["clerk"]}}
AUTOMATED = {"kind": "automated", "connector": "echo"}
COMPOSITE = {"kind": "composite", "net": "below"}
ROUTING = {"kind": "routing"}
KINDS = {"human": HUMAN, "automated": AUTOMATED, "composite": COMPOSITE, "routing": ROUTING}

BELOW = {
    "variables": {"value": {"schema": {"type": ["integer", "null"]}, "output": True}},
    "start": "X",
    "tasks": {"X": {**HUMAN, "output": {"value": "$.value"}, "next": "end"}},
}
"""What composite tasks run."""


@dataclass(frozen=True)
class Block:
    """A leaf (a task of `kind`, perhaps with `instances`, a `loop` or a `mutex`) or a `word` over its parts."""

    word: str = "leaf"
    parts: tuple["Block", ...] = ()
    kind: str = "routing"
    instances: dict[str, Any] | None = None
    rounds: int = 0
    mutex: bool = False


def blocks(words: Iterable[str], leaves: int, kinds: Iterable[str] = KINDS) -> st.SearchStrategy[Block]:
    """Blocks with up to so many leaves, put together by some of the words `seq`, `and`, `xor`, `or`, `choice`, `loop`."""
    several = st.lists(st.deferred(lambda: strategy), min_size=2, max_size=3).map(tuple)
    combined = {word: st.builds(Block, st.just(word), several) for word in words}
    if "loop" in combined:
        combined["loop"] = st.builds(Block, st.just("loop"), st.tuples(st.deferred(lambda: strategy)))
    leaf = _leaves(list(kinds))
    strategy = st.recursive(leaf, lambda parts: st.one_of([_combined(word, parts) for word in words]), max_leaves=leaves)
    return strategy


def _combined(word: str, parts: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    count = 1 if word == "loop" else 2
    several = st.lists(parts, min_size=count, max_size=1 if word == "loop" else 3)
    return st.builds(Block, st.just(word), several.map(tuple))
