"""Expressions and templates in CEL, the Common Expression Language: compiled once, evaluated over a net's variables.

Every declared variable exists, null while it is unset. An expression that fails is never false: it raises
`ExpressionFailed`, and the kernel makes a `constraint_violation` of it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import cel
import msgspec

from engine.data.values import problems_of

KEPT_EXPRESSIONS = 4_096
LONGEST_EXPRESSION = 4_000
"""Characters: what a person can read, and what the parser can hold."""

FUNCTIONS = frozenset(
    {
        "size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bytes", "type",
        "dyn", "timestamp", "duration", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate",
        "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    }
)  # fmt: skip
"""The functions there are, beside the macros `has`, `all`, `exists`, `exists_one`, `map` and `filter`."""

_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_TOKEN = re.compile(
    r"""(?P<text> (?:[bB]?[rR]|[rR][bB]) (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*' )
                | [bB]? (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                          | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
      | (?P<name> [A-Za-z_]\w* ) | (?P<number> [0-9][\w.]* ) | (?P<sign> \S )""",
    re.DOTALL | re.VERBOSE,
)
_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_UNEXPECTED = re.compile(
    r"(?:mismatched input|extraneous input|no viable alternative at input|token recognition error at:)"
    r" '(.*?)'(?: expecting.*)?$"
)
_UNDEFINED = re.compile(r"Undefined variable or function: '(.*?)'")

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
    """A compiled expression. `variables` are the names it needs from outside, `unknown` functions it calls in vain."""

    __slots__ = ("_program", "source", "unknown", "variables")

    def __init__(self, source: str, program: Any, variables: frozenset[str], unknown: frozenset[str]) -> None:
        self.source = source
        self._program = program
        self.variables = variables
        self.unknown = unknown

    def evaluate(self, data: Mapping[str, Any]) -> Any:
        """The value over `data`. Raises `ExpressionFailed`."""
        # Only what is referred to is handed over: converting it is most of the cost.
        known = {name: data[name] for name in self.variables if name in data}
        try:
            value = self._program.execute(known)
        except _FAILURES as failure:
            raise ExpressionFailed(self.source, _reason(failure)) from failure
        if value is None or isinstance(value, bool | str):
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
        raise ExpressionSyntax(f"it is longer than {LONGEST_EXPRESSION} characters", 1)
    if not text.strip():
        raise ExpressionSyntax("it is empty", 1)
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise _syntax_error(text, str(error)) from None
    called = (name for name in program.functions() if name[0].isalpha())
    return Expression(text, program, _free(text, program.variables()), frozenset(called) - FUNCTIONS)


def _syntax_error(text: str, report: str) -> ExpressionSyntax:
    found = _PLACE.search(report)
    if found is None:
        return ExpressionSyntax(_first_sentence(report), 1)
    line, column, reason = int(found[1]), int(found[2]), found[3]
    before = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    unexpected = _UNEXPECTED.match(reason)
    if unexpected is not None:
        # The parser lists all that could stand there, which helps nobody.
        reason = "it ends too early" if unexpected[1] == "<EOF>" else f"{unexpected[1].strip()!r} does not belong here"
    return ExpressionSyntax(reason, before + column)


def _free(text: str, names: Sequence[str]) -> frozenset[str]:
    """The variables that must come from outside. The library counts those that a macro binds among them.

    `lines.all(l, l.qty > 0)` needs `lines`; `l + lines.map(l, l.qty)[0]` needs `l` too.
    """
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    bound: list[tuple[int, str]] = []
    ever_bound: set[str] = set()
    free: set[str] = set()
    depth = 0
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
            while bound and bound[-1][0] > depth:
                bound.pop()
        elif before == "(" and index > 2 and tokens[index - 2] in _MACROS and tokens[index - 3] == ".":
            bound.append((depth, token))
            ever_bound.add(token)
        elif before != "." and token not in {name for _, name in bound}:
            free.add(token)
    return frozenset(name for name in names if name in free or name not in ever_bound)


def _reason(failure: BaseException) -> str:
    undefined = _UNDEFINED.match(str(failure))
    if undefined is not None:
        # The library says the same of a function whose arguments do not fit.
        return f"the function {undefined[1]} cannot take these values"
    if str(failure).startswith("No such overload"):
        return "an operation is not defined for values of these types (int and double do not mix: use double(x))"
    return f"there is no key {failure}" if isinstance(failure, KeyError) else _first_sentence(str(failure))


def _first_sentence(report: str) -> str:
    """The first sentence of what the library reports; the rest is advice on CEL in general."""
    return report.split("\n")[0].split(". ")[0].removesuffix(".")


class Template:
    """A JSON value with `{{ CEL }}` in its strings. A static one has none, and renders to the very value.

    Alone in a string an expression keeps its type; inside a longer one its value becomes text. In a `url` every value
    is percent-encoded. A mapping `{secret: NAME}` is left as it is: the worker resolves it.
    """

    __slots__ = ("_parsed", "expressions", "static", "value")

    def __init__(self, value: Any) -> None:
        """Raises `ExpressionSyntax` for a broken expression in it."""
        self.value = value
        self.expressions: list[Expression] = []
        self._parsed = self._parse(value)
        self.static = not self.expressions

    def render(self, data: Mapping[str, Any]) -> Any:
        """The value over `data`. Raises `TemplateFailed` where a value is null or cannot be had."""
        return self.value if self.static else _rendered(self._parsed, data, "$", in_url=False)

    def _parse(self, value: Any) -> Any:
        if isinstance(value, str):
            parts = _parts(value)
            self.expressions += [part for part in parts if isinstance(part, Expression)]
            return value if parts == (value,) or not parts else parts
        if isinstance(value, dict):
            return {key: self._parse(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._parse(each) for each in value]
        return value


def _parts(text: str) -> tuple[str | Expression, ...]:
    """A string as texts and expressions. A hole ends at the `}}` that closes it, not at one inside its strings."""
    parts: list[str | Expression] = []
    end = 0
    while (start := text.find("{{", end)) >= 0:
        if start > end:
            parts.append(text[end:start])
        end = _closed(text, start + 2)
        parts.append(compile_expression(text[start + 2 : end - 2].strip()))
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def _closed(text: str, start: int) -> int:
    """Where the hole ends that has begun before `start`."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + LONGEST_EXPRESSION + len("}}")):
        if token.group() == "{":
            depth += 1
        elif token.group() == "}" and depth:
            depth -= 1
        elif token.group() == "}" and text.startswith("}}", token.start()):
            return token.start() + 2
    within = f" within {LONGEST_EXPRESSION} characters" if len(text) - start > LONGEST_EXPRESSION else ""
    raise ExpressionSyntax(f"`{{{{` is not closed by `}}}}`{within}", 1)


def _rendered(value: Any, data: Mapping[str, Any], path: str, *, in_url: bool) -> Any:
    if isinstance(value, tuple):
        return _filled(value, data, path, in_url=in_url)
    if isinstance(value, dict):
        return {key: _rendered(each, data, f"{path}.{key}", in_url=key == "url") for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, data, f"{path}[{index}]", in_url=in_url) for index, each in enumerate(value)]
    return value


def _filled(parts: tuple[str | Expression, ...], data: Mapping[str, Any], path: str, *, in_url: bool) -> Any:
    alone = [part for part in parts if isinstance(part, Expression) or part.strip()]
    if len(alone) == 1 and not in_url:
        assert isinstance(alone[0], Expression), "a string without expressions is no template"
        return _no_secret(_value(alone[0], data, path), path)
    written = ""
    for part in parts:
        if isinstance(part, Expression):
            value = _text(_value(part, data, path))
            part = quote(value, safe="") if in_url else value
        written += part
    return written


def _value(expression: Expression, data: Mapping[str, Any], path: str) -> Any:
    try:
        value = expression.evaluate(data)
    except ExpressionFailed as failure:
        raise TemplateFailed(path, str(failure)) from failure
    if value is None:
        raise TemplateFailed(path, f"{expression.source!r} is null")
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
