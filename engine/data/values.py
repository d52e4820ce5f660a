"""Which values a case may hold: JSON with integers of 64 bits, finite numbers and a bounded depth.

Everything that comes from outside (request bodies, answers of connectors) passes here once, so that nothing behind
this line can meet a value that it cannot store, compare or give back unchanged.
"""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from engine.errors import Problem

MAX_DEPTH = 64
LEAST_INTEGER = -(2**63)
GREATEST_INTEGER = 2**63 - 1


def problems_of(value: Any, path: str = "$") -> list[Problem]:
    """What keeps `value` from being held by a case, with the path of each; empty when nothing does."""
    return list(_problems(value, path, MAX_DEPTH))


def _problems(value: Any, path: str, depth: int) -> Iterator[Problem]:
    if value is None or value is True or value is False:
        return
    if depth == 0:
        yield Problem(path, f"is nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, str):
        yield from _text_problems(value, path)
    elif isinstance(value, int):
        if not LEAST_INTEGER <= value <= GREATEST_INTEGER:
            yield Problem(path, "is an integer beyond 64 bits; send it as a string")
    elif isinstance(value, float):
        if not isfinite(value):
            yield Problem(path, "is not a finite number")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _problems(element, f"{path}[{index}]", depth - 1)
    elif isinstance(value, dict):
        for key, element in value.items():
            if not isinstance(key, str):
                yield Problem(path, f"has the key {key!r}, which is not a string")
                continue
            yield from _text_problems(key, path)
            yield from _problems(element, f"{path}.{key}", depth - 1)
    else:
        yield Problem(path, f"is a {type(value).__name__}, which JSON does not have")


def _text_problems(text: str, path: str) -> Iterator[Problem]:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        yield Problem(path, "contains half of a surrogate pair, which is no character")
