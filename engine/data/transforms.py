"""The named transformations that a mapping may apply to a value. Each is pure; what it cannot do it refuses.

Some stand by their name alone (`upper`), others are given something (`{split: ","}`). A list of them is applied in its
order. `docs/data.md` has an example of each.
"""

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import ceil, floor
from typing import Any, Final, NamedTuple

import msgspec

from engine.data import moment_texts
from engine.data.expressions import ExpressionFailed, ExpressionSyntax, compile_expression
from engine.data.moments import MomentInvalid, duration, moment
from engine.data.values import problems_of
from engine.data.xml_text import XmlInvalid, read_xml, write_xml

VALUE = "value"
"""Under this name the expression of a transform sees what it is to change."""

MOST_TRANSFORMS = 20
"""Transforms that one value may go through."""

MOST_DIGITS = 15

Change = Callable[[Any], Any]


class TransformFailed(Exception):
    """A value cannot be transformed so."""


class TransformInvalid(Exception):
    """What a transform is given makes no sense to it. `place` leads there within what was written."""

    def __init__(self, reason: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class Transform(NamedTuple):
    """A transform as it was written, ready for use."""

    name: str
    change: Change

    def of(self, value: Any) -> Any:
        """The value, changed. Raises `TransformFailed`, which names the transform."""
        try:
            changed = self.change(value)
        except (TransformFailed, MomentInvalid, XmlInvalid, ExpressionFailed) as failure:
            raise TransformFailed(f"transform {self.name}: {failure}") from None
        problems = problems_of(changed)
        if problems:
            raise TransformFailed(f"transform {self.name}: {problems[0].path} {problems[0].message}")
        return changed


def compile_transforms(written: Any) -> tuple[Transform, ...]:
    """The transforms of a mapping's `transform`, of the right shape. Raises `TransformInvalid`."""
    if not isinstance(written, list):
        return (_compiled(written, ()),)
    if len(written) > MOST_TRANSFORMS:
        raise TransformInvalid(f"a value goes through {MOST_TRANSFORMS} transforms at most, not {len(written)}")
    return tuple(_compiled(each, (index,)) for index, each in enumerate(written))


def _compiled(written: str | Mapping[str, Any], place: tuple[str | int, ...]) -> Transform:
    if isinstance(written, str):
        return Transform(written, TRANSFORMS[written])
    names = [key for key in written if key != "else"]
    if len(names) != 1:
        raise TransformInvalid("names one transform and what it is given: {round: 2}", place)
    [name] = names
    try:
        if name == "lookup":
            return Transform(name, _lookup(written[name], written))
        if "else" in written:
            raise TransformInvalid("`else` is for a lookup", ("else",))
        return Transform(name, GIVEN[name](written[name]))
    except TransformInvalid as invalid:
        raise TransformInvalid(invalid.reason, (*place, *(invalid.place or (name,)))) from None
    except MomentInvalid as invalid:
        raise TransformInvalid(str(invalid), (*place, name)) from None


# -- by their name alone -----------------------------------------------------------------------------------------------


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


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TransformFailed(f"{value!r} is not a mapping")
    return value


def _nonempty(value: Any) -> list[Any]:
    if not _list(value):
        raise TransformFailed("the list is empty")
    return _list(value)


def _comparable(value: Any) -> list[Any]:
    """A list whose elements have an order: numbers, or strings."""
    elements = _list(value)
    if not all(isinstance(each, str) for each in elements):
        for each in elements:
            if isinstance(each, bool) or not isinstance(each, int | float):
                raise TransformFailed(f"{each!r} has no place in the order of the others: numbers, or strings")
    return elements


def _greatest(value: Any) -> Any:
    return max(_comparable(_nonempty(value)))


def _least(value: Any) -> Any:
    return min(_comparable(_nonempty(value)))


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise TransformFailed(f"{value!r} has no size")
    return len(value)


def _sum(value: Any) -> int | float:
    total = sum(_number(each) for each in _list(value))
    if problems_of(total):
        raise TransformFailed("the sum is beyond 64 bits")
    return total


def _unique(value: Any) -> list[Any]:
    """Each element once, where it stood first. `1`, `1.0` and `true` are not the same."""
    found: dict[bytes, Any] = {}
    for each in _list(value):
        found.setdefault(msgspec.json.encode(each, order="deterministic"), each)
    return list(found.values())


def _flat(value: Any) -> list[Any]:
    return [each for element in _list(value) for each in (element if isinstance(element, list) else [element])]


def _whole(rounded: Callable[[int | float], int]) -> Change:
    return lambda value: rounded(_number(value))


def _from_json(value: Any) -> Any:
    try:
        read = msgspec.json.decode(_text(value))
    except msgspec.DecodeError as error:
        raise TransformFailed(f"is not JSON: {error}") from None
    problems = problems_of(read)
    if problems:
        raise TransformFailed(f"{problems[0].path} {problems[0].message}")
    return read


TRANSFORMS: Final[dict[str, Change]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "trim": lambda value: _text(value).strip(),
    "size": _size,
    "absolute": lambda value: abs(_number(value)),
    "floor": _whole(floor),
    "ceiling": _whole(ceil),
    "first": lambda value: _nonempty(value)[0],
    "last": lambda value: _nonempty(value)[-1],
    "sum": _sum,
    "min": _least,
    "max": _greatest,
    "sort": lambda value: sorted(_comparable(value)),
    "reverse": lambda value: _list(value)[::-1],
    "unique": _unique,
    "flatten": _flat,
    "keys": lambda value: list(_mapping(value)),
    "values": lambda value: list(_mapping(value).values()),
    "date": lambda value: moment_texts.day(_text(value)),
    "to_timestamp": lambda value: moment(_text(value)),
    "from_timestamp": lambda value: moment_texts.from_timestamp(_integer(value)),
    "json": lambda value: msgspec.json.encode(value).decode(),
    "from_json": _from_json,
    "xml": write_xml,
    "from_xml": lambda value: read_xml(_text(value)),
}


# -- with something given ----------------------------------------------------------------------------------------------


def _lookup(table: Any, written: Mapping[str, Any]) -> Change:
    """A table from what is found to what is given; a number or a truth value is looked up by its JSON."""
    if not isinstance(table, dict) or not table:
        raise TransformInvalid("must be a table: a mapping that is not empty")

    def looked_up(value: Any) -> Any:
        key = _string(value)
        if key in table:
            return table[key]
        if "else" in written:
            return written["else"]
        raise TransformFailed(f"{value!r} is not in the table")

    return looked_up


def _expression(text: Any) -> Change:
    try:
        expression = compile_expression(_given_text(text))
    except ExpressionSyntax as error:
        raise TransformInvalid(f'"{text}" is not CEL at character {error.column}: {error.reason}') from None
    for name in sorted(expression.variables - {VALUE}):
        raise TransformInvalid(f'no variable named "{name}": there is only {VALUE}')
    for name in sorted(expression.unknown):
        raise TransformInvalid(f'no function named "{name}"')
    return lambda value: expression.evaluate({VALUE: value})


def _round(digits: Any) -> Change:
    """Half away from zero, as people do it."""
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= MOST_DIGITS:
        raise TransformInvalid(f"must be a number of digits, 0 to {MOST_DIGITS}")
    last = Decimal(1).scaleb(-digits)

    def rounded(value: Any) -> int | float:
        number = _number(value)
        if isinstance(number, int):
            return number
        try:
            found = Decimal(repr(number)).quantize(last, ROUND_HALF_UP)
        except InvalidOperation:
            return number  # It has no digits there.
        return int(found) if digits == 0 else float(found)

    return rounded


def _split(separator: Any) -> Change:
    at = _given_text(separator)
    if not at:
        raise TransformInvalid("must not be empty")
    return lambda value: _text(value).split(at)


def _join(separator: Any) -> Change:
    between = _given_text(separator)
    return lambda value: between.join(_string(each) for each in _list(value))


def _replace(table: Any) -> Change:
    """Each text of the table by the one beside it, from left to right, the longest first."""
    if not isinstance(table, dict) or not table or "" in table:
        raise TransformInvalid("must be a mapping of texts to the texts that stand in their place")
    for new in table.values():
        _given_text(new)
    found = re.compile("|".join(re.escape(old) for old in sorted(table, key=len, reverse=True)))
    return lambda value: found.sub(lambda match: str(table[match[0]]), _text(value))


def _part(bounds: Any) -> Change:
    whole = isinstance(bounds, list) and len(bounds) == 2
    if not whole or not all(isinstance(each, int) and not isinstance(each, bool) for each in bounds):
        raise TransformInvalid("must be [from, to]: two whole numbers, counted from 0, negative ones from the end")
    start, end = bounds

    def part(value: Any) -> Any:
        if not isinstance(value, str | list):
            raise TransformFailed(f"{value!r} is neither a string nor a list")
        return value[start:end]

    return part


def _format(form: Any) -> Change:
    wanted = moment_texts.check_form(_given_text(form))
    return lambda value: moment_texts.written(_text(value), wanted)


def _parse(form: Any) -> Change:
    wanted = moment_texts.check_form(_given_text(form))
    return lambda value: moment_texts.read(_text(value), wanted)


def _add(text: Any) -> Change:
    duration(_given_text(text))
    return lambda value: moment_texts.moved(_text(value), text)


def _offset(text: Any) -> Change:
    where = moment_texts.offset(_given_text(text))
    return lambda value: moment_texts.in_offset(_text(value), where)


def _given_text(given: Any) -> str:
    if not isinstance(given, str):
        raise TransformInvalid("must be a string")
    return given


GIVEN: Final[dict[str, Callable[[Any], Change]]] = {
    "expr": _expression,
    "round": _round,
    "split": _split,
    "join": _join,
    "replace": _replace,
    "part": _part,
    "format_date": _format,
    "parse_date": _parse,
    "add": _add,
    "offset": _offset,
}
"""Transforms that are given something, beside `lookup`, which may have an `else`."""
