"""Expressions and templates in CEL, the Common Expression Language: compiled once, evaluated over a net's variables.

Every declared variable exists, null while it is unset. An expression that fails is never false: it raises
`ExpressionFailed`, and the kernel makes a `constraint_violation` of it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import cel
import msgspec

from engine.data.values import problems_of

KEPT_EXPRESSIONS = 4_096
LONGEST_EXPRESSION = 4_000
"""Characters: what a person can read. It also bounds what evaluating one can cost."""

_BINDS = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_HOLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

# What the library raises when an expression cannot be evaluated: a wrong type, a missing key or index, an overflow,
# a division by zero, a function that does not exist for these arguments.
_FAILURES = (TypeError, LookupError, ArithmeticError, ValueError, RuntimeError)


class ExpressionFailed(Exception):
    """An expression could not be evaluated over the data as it is, or gave what JSON does not have."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source!r}: {reason}")
        self.source = source
        self.reason = reason


class ExpressionSyntax(Exception):
    """A text is not CEL. `column` counts from 1 within the text."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column


class TemplateFailed(Exception):
    """A template could not be filled in. `path` is the place within the configuration (`$.headers.x`)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Expression:
    """A compiled expression. `variables` are the names it needs from outside."""

    __slots__ = ("_program", "source", "variables")

    def __init__(self, source: str, program: Any, variables: frozenset[str]) -> None:
        self.source = source
        self._program = program
        self.variables = variables

    def evaluate(self, data: Mapping[str, Any]) -> Any:
        """The value over `data`. Raises `ExpressionFailed`."""
        # Only what is referred to is handed over: converting it is most of the cost.
        known = {name: data[name] for name in self.variables if name in data}
        try:
            value = self._program.execute(known)
        except _FAILURES as failure:
            raise ExpressionFailed(self.source, str(failure)) from failure
        if value is None or isinstance(value, bool | str | int):
            return value
        if isinstance(value, datetime | timedelta | bytes):
            raise ExpressionFailed(
                self.source, f"gives a {type(value).__name__}, which JSON does not have; use string(...)"
            )
        problems = problems_of(value)
        if problems:
            raise ExpressionFailed(
                self.source, f"gives what JSON does not have: {problems[0].path} {problems[0].message}"
            )
        return value

    def holds(self, data: Mapping[str, Any]) -> bool:
        """Whether it is true. Raises `ExpressionFailed`, also for a value that is neither true nor false."""
        value = self.evaluate(data)
        if isinstance(value, bool):
            return value
        raise ExpressionFailed(self.source, f"is neither true nor false but {value!r}")


@lru_cache(KEPT_EXPRESSIONS)
def compile_expression(text: str) -> Expression:
    """The expression of a text, parsed once and kept. Raises `ExpressionSyntax`."""
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionSyntax(f"is longer than {LONGEST_EXPRESSION} characters", 1)
    try:
        program = cel.compile(text)
    except ValueError as error:
        found = _PLACE.search(str(error))
        if found is None:
            raise ExpressionSyntax(str(error), 1) from None
        raise ExpressionSyntax(found.group(3), int(found.group(2))) from None
    # A macro's own variable (`lines.all(l, l.qty > 0)`) is not needed from outside.
    bound = set(_BINDS.findall(text))
    return Expression(text, program, frozenset(name for name in program.variables() if name not in bound))


class Template:
    """A JSON value with `{{ CEL }}` in its strings. A static one has none, and renders to the very value.

    Alone in a string an expression keeps its type; inside a longer one its value becomes text. In a `url` every value
    is percent-encoded. A mapping `{secret: NAME}` is left as it is: the worker resolves it.
    """

    __slots__ = ("static", "value", "variables")

    def __init__(self, value: Any) -> None:
        """Raises `ExpressionSyntax` for a broken expression in it."""
        self.value = value
        expressions = list(_expressions(value))
        self.static = not expressions
        self.variables = frozenset[str]().union(*(expression.variables for expression in expressions))

    def render(self, data: Mapping[str, Any]) -> Any:
        """The value over `data`. Raises `TemplateFailed` where a value is null or cannot be had."""
        return self.value if self.static else _rendered(self.value, data, "$", in_url=False)


def _expressions(value: Any) -> list[Expression]:
    if isinstance(value, str):
        return [compile_expression(hole.strip()) for hole in _HOLE.findall(value)]
    if isinstance(value, dict):
        return [found for each in value.values() for found in _expressions(each)]
    if isinstance(value, list):
        return [found for each in value for found in _expressions(each)]
    return []


def _rendered(value: Any, data: Mapping[str, Any], path: str, *, in_url: bool) -> Any:
    if isinstance(value, str):
        return _filled(value, data, path, in_url=in_url)
    if isinstance(value, dict):
        return {key: _rendered(each, data, f"{path}.{key}", in_url=key == "url") for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, data, f"{path}[{index}]", in_url=in_url) for index, each in enumerate(value)]
    return value


def _filled(text: str, data: Mapping[str, Any], path: str, *, in_url: bool) -> Any:
    alone = _HOLE.fullmatch(text.strip())
    if alone is not None and not in_url and "}}" not in alone.group(1):
        return _no_secret(_value(alone.group(1), data, path), path)

    def written(hole: re.Match[str]) -> str:
        value = _text(_value(hole.group(1), data, path))
        return quote(value, safe="") if in_url else value

    return _HOLE.sub(written, text)


def _value(source: str, data: Mapping[str, Any], path: str) -> Any:
    try:
        value = compile_expression(source.strip()).evaluate(data)
    except ExpressionFailed as failure:
        raise TemplateFailed(path, str(failure)) from failure
    if value is None:
        raise TemplateFailed(path, f"{source.strip()!r} is null")
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _no_secret(value: Any, path: str) -> Any:
    """Refuses data that looks like `{secret: NAME}`: whoever starts a case must not choose which secret is sent."""
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            raise TemplateFailed(path, "data may not name a secret; only a specification may")
        for each in value.values():
            _no_secret(each, path)
    elif isinstance(value, list):
        for each in value:
            _no_secret(each, path)
    return value
