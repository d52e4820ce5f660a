"""What the function connector calls in its tests."""

import math
from decimal import Decimal
from os.path import basename as imported
from typing import Any

NOT_A_FUNCTION = 1
_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)
_RESULTS: dict[str, Any] = {
    "json": {"a": [1, 2.5, "x", None, True]},
    "nan": math.nan,
    "decimal": Decimal(1),
    "set": {1},
    "tuple": (1,),
    "bytes": b"x",
    "keys": {1: "x"},
    "nested": {"a": [{"b": Decimal(1)}]},
    "cycle": _CYCLE,
    "half": "\ud800",
}


def add(a: int, b: int) -> int:
    return a + b


def fail(text: str) -> None:
    raise LookupError(text)


def give(what: str) -> Any:
    return _RESULTS[what]


def _private() -> str:
    return imported("private")
