"""The named transformations that a mapping may apply to a value. Each is pure; what it cannot do it refuses."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.data.values import problems_of


class TransformFailed(Exception):
    """A value cannot be transformed so."""


def _string(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TransformFailed(f"{value!r} is not a number")
    try:
        number = msgspec.json.decode(value.strip())
    except msgspec.DecodeError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or problems_of(number):
        raise TransformFailed(f"{value!r} is not a number")
    return number


def _integer(value: Any) -> int:
    number = _number(value)
    if isinstance(number, float) and not number.is_integer():
        raise TransformFailed(f"{value!r} is not a whole number")
    if problems_of(int(number)):
        raise TransformFailed(f"{value!r} is beyond 64 bits")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise TransformFailed(f"{value!r} is neither true nor false")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TransformFailed(f"{value!r} is not a string")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TransformFailed(f"{value!r} is not a list")
    return value


def _nonempty(value: Any) -> list[Any]:
    if not _list(value):
        raise TransformFailed("the list is empty")
    return _list(value)


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise TransformFailed(f"{value!r} has no size")
    return len(value)


def _sum(value: Any) -> int | float:
    total = sum(_number(each) for each in _list(value))
    if problems_of(total):
        raise TransformFailed("the sum is beyond 64 bits")
    return total


def _from_json(value: Any) -> Any:
    try:
        read = msgspec.json.decode(_text(value))
    except msgspec.DecodeError as error:
        raise TransformFailed(f"is not JSON: {error}") from None
    problems = problems_of(read)
    if problems:
        raise TransformFailed(f"{problems[0].path} {problems[0].message}")
    return read


TRANSFORMS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "trim": lambda value: _text(value).strip(),
    "size": _size,
    "first": lambda value: _nonempty(value)[0],
    "last": lambda value: _nonempty(value)[-1],
    "sum": _sum,
    "json": lambda value: msgspec.json.encode(value).decode(),
    "from_json": _from_json,
}
