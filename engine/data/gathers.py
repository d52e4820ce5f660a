"""How what many instances gave becomes one value. Values come in the order of the instances, whoever was first."""

from collections.abc import Callable, Sequence
from math import fsum
from typing import Any, Final

from engine.data.values import problems_of


class GatherFailed(Exception):
    """The values cannot be joined so."""


def _sum(values: Sequence[Any]) -> int | float:
    numbers = _numbers(values)
    total = sum(numbers) if all(isinstance(number, int) for number in numbers) else fsum(numbers)
    if problems_of(total):
        raise GatherFailed("the sum is beyond what JSON holds")
    return total


def _average(values: Sequence[Any]) -> float | None:
    return fsum(_numbers(values)) / len(values) if values else None


def _least(values: Sequence[Any]) -> Any:
    return min(_comparable(values), default=None)


def _greatest(values: Sequence[Any]) -> Any:
    return max(_comparable(values), default=None)


def _merge(values: Sequence[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for value in values:
        if not isinstance(value, dict):
            raise GatherFailed(f"{value!r} is no object that could be merged")
        merged |= value
    return merged


def _numbers(values: Sequence[Any]) -> Sequence[int | float]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise GatherFailed(f"{value!r} is not a number")
    return values


def _comparable(values: Sequence[Any]) -> Sequence[Any]:
    if values and all(isinstance(value, str) for value in values):
        return values
    return _numbers(values)


GATHERS: Final[dict[str, Callable[[Sequence[Any]], Any]]] = {
    "list": list,
    "sum": _sum,
    "count": len,
    "min": _least,
    "max": _greatest,
    "avg": _average,
    "merge": _merge,
}
"""By name. Of nothing: `[]`, 0, 0, null, null, null and `{}`. `min` and `max` compare numbers, or strings."""
