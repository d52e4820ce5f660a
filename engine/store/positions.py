"""Positions among the changes of items: how far each shard's have been seen, as one text."""

import re
from collections.abc import Sequence

from engine.errors import InvalidInput, Problem

FIRST = "0-0"
"""Before every change."""

_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


def written(seen: Sequence[str]) -> str:
    """The ids of the last change that was seen of each shard, as one text."""
    return ",".join(seen)


def read(text: str, shards: int) -> list[str]:
    """The ids of each shard. Raises `InvalidInput` (`invalid_position`)."""
    seen = text.split(",")
    if len(seen) != shards or not all(_ID.fullmatch(each) for each in seen):
        problem = Problem("Last-Event-ID", "is not the id of an event that was sent before")
        raise InvalidInput("the position is not valid", code="invalid_position", problems=(problem,))
    return seen


def is_before(one: str, other: str) -> bool:
    """Whether one id comes before another."""
    return _pair(one) < _pair(other)


def _pair(identifier: str) -> tuple[int, int]:
    milliseconds, _, sequence = identifier.partition("-")
    return int(milliseconds), int(sequence)
