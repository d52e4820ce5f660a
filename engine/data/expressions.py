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

from engine.data.callbacks import looks_like_callback
from engine.data.values import problems_of

KEPT_EXPRESSIONS = 4_096
LONGEST_EXPRESSION = 4_000
"""Characters: what a person can read, and what the parser can hold."""

MOST_ROUNDS = 1_000_000
"""Rounds that macros within macros may make over the lists of the data: counted before, never timed."""

FUNCTIONS = frozenset(
    {
        "size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bytes", "type",
        "dyn", "timestamp", "duration", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate",
        "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    }
)  # fmt: skip
"""The functions there are, beside the macros `has`, `all`, `exists`, `exists_one`, `map` and `filter`."""

_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
_CHAIN = re.compile(r"""([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*|\[[0-9]{1,9}\]|\["[^"\\\n]*"\]|\['[^'\\\n]*'\])*)""")
_STEP = re.compile(r"""\.(\w+)|\[([0-9]+)\]|\[["'](.*?)["']\]""")
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
    """An expression could not be evaluated over the data as it is, or gave what JSON does not have.

    `undefined` says that it looked for a key or an index that is not there.
    """

    def __init__(self, source: str, reason: str, *, undefined: bool = False) -> None:
        super().__init__(f"{source!r}: {reason}")
        self.source = source
        self.reason = reason
        self.undefined = undefined


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

    __slots__ = ("_chain", "_mentioned", "_nesting", "_program", "source", "unknown", "variables")

    def __init__(
        self, source: str, program: Any, variables: frozenset[str], unknown: frozenset[str], nesting: int
    ) -> None:
        self.source = source
        self._program = program
        # A type may be meant by its name (`type(n) == int`), unless a variable is called so.
        self._mentioned = variables
        self.variables = variables - _TYPES
        self.unknown = unknown
        self._nesting = nesting
        self._chain = _chain(source)

    def evaluate(self, data: Mapping[str, Any]) -> Any:
        """The value over `data`. Raises `ExpressionFailed`."""
        if self._chain is not None and self._chain[0] in data:
            return self._walked(data)
        # Only what is referred to is handed over: converting it is most of the cost.
        known = {name: data[name] for name in self._mentioned if name in data}
        if self._nesting > 1 and _longest(known) ** self._nesting > MOST_ROUNDS:
            raise ExpressionFailed(self.source, f"its macros would go round more than {MOST_ROUNDS} times")
        try:
            value = self._program.execute(known)
        except _FAILURES as failure:
            undefined = isinstance(failure, LookupError)
            raise ExpressionFailed(self.source, _reason(failure), undefined=undefined) from failure
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

    def _walked(self, data: Mapping[str, Any]) -> Any:
        """The value of an expression that only goes into the data, without handing all of it to the library."""
        assert self._chain is not None, "only a chain is walked"
        root, steps = self._chain
        value = data[root]
        for step in steps:
            if isinstance(step, str) and isinstance(value, dict):
                if step not in value:
                    raise ExpressionFailed(self.source, f"there is no key {step!r}", undefined=True)
            elif isinstance(step, int) and isinstance(value, list):
                if step >= len(value):
                    raise ExpressionFailed(self.source, f"index out of bounds: {step}", undefined=True)
            else:
                what = f"key {step!r}" if isinstance(step, str) else f"index {step}"
                raise ExpressionFailed(self.source, f"{_kind(value)} has no {what}", undefined=True)
            value = value[step]
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
    variables, nesting = _free(text, program.variables())
    return Expression(text, program, variables, frozenset(called) - FUNCTIONS, nesting)


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


def _free(text: str, names: Sequence[str]) -> tuple[frozenset[str], int]:
    """The variables that must come from outside, and how deep macros stand within macros.

    The library counts the variables that a macro binds, and the names of types, among those from outside.

    `lines.all(l, l.qty > 0)` needs `lines`; `l + lines.map(l, l.qty)[0]` needs `l` too.
    """
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    bound: list[tuple[int, str]] = []
    ever_bound: set[str] = set()
    free: set[str] = set()
    depth = nesting = 0
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        if token == "{" and before.isidentifier() and before != "in":
            raise ExpressionSyntax(f"there is no message type {before}", text.find(before) + 1)
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
            while bound and bound[-1][0] > depth:
                bound.pop()
        elif before == "(" and index > 2 and tokens[index - 2] in _MACROS and tokens[index - 3] == ".":
            bound.append((depth, token))
            ever_bound.add(token)
            nesting = max(nesting, len(bound))
        elif before != "." and token not in {name for _, name in bound}:
            free.add(token)
    outside = frozenset(name for name in names if name in free or name not in ever_bound)
    return outside, nesting


def _chain(source: str) -> tuple[str, tuple[str | int, ...]] | None:
    """Root and steps of an expression that only goes into the data: `order.lines[0].sku`."""
    found = _CHAIN.fullmatch(source)
    if found is None or found[1] in ("true", "false", "null"):
        return None
    steps = (step.groups() for step in _STEP.finditer(found[2]))
    return found[1], tuple(name or (int(index) if index else key) for name, index, key in steps)


def _longest(value: Any) -> int:
    """The length of the longest list or mapping in a value."""
    if isinstance(value, dict):
        return max(len(value), *map(_longest, value.values())) if value else 0
    if isinstance(value, list):
        return max(len(value), *map(_longest, value)) if value else 0
    return 0


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


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
        """The value over `data`. Raises `TemplateFailed` for undefined or null, `ExpressionFailed` for what fails."""
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
        return _plain_data(_value(alone[0], data, path), path)
    written = ""
    for part in parts:
        if isinstance(part, Expression):
            value = _text(_value(part, data, path))
            part = _url_part(value, path) if in_url else value
        written += part
    return written


def _url_part(value: str, path: str) -> str:
    """A value percent-encoded. A lone `.` or `..` survives that, and would lead to another path on the server."""
    if value in (".", ".."):
        raise TemplateFailed(path, f"{value!r} may not stand in a URL")
    return quote(value, safe="")


def _value(expression: Expression, data: Mapping[str, Any], path: str) -> Any:
    try:
        value = expression.evaluate(data)
    except ExpressionFailed as failure:
        if failure.undefined:
            raise TemplateFailed(path, str(failure)) from failure
        raise
    if value is None:
        raise TemplateFailed(path, f"{expression.source!r} is null")
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _plain_data(value: Any, path: str) -> Any:
    """Refuses data that looks like `{secret: NAME}` or like the URL of a callback: whoever starts a case must not
    choose which secret is sent, nor whose call somebody may complete."""
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            raise TemplateFailed(path, "data may not name a secret; only a specification may")
        if looks_like_callback(value):
            raise TemplateFailed(path, "data may not ask for a callback URL; only a specification may")
        for each in value.values():
            _plain_data(each, path)
    elif isinstance(value, list):
        for each in value:
            _plain_data(each, path)
    return value
