"""JSONPath in two dialects: jsonpath-rw (the default) and RFC 9535 (python-jsonpath, strict). Parsed once and kept.

A path without wildcard, slice, union, filter or descent is definite: it means one value. Definite paths of names and
indexes are walked directly, which gives what the library gives in a tenth of its time.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Final

import cel
from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import IndexSelector, NameSelector
from jsonpath_rw import jsonpath as rw
from jsonpath_rw import parse as parse_rw

KEPT_PATHS = 4_096
LONGEST_PATH = 1_000

# What both dialects and CEL agree on, and nearly every path is. jsonpath-rw builds its parser anew for each path.
_PLAIN = re.compile(r"\$(?:\.(?!where\b)[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8})\])*")
_PARSING = Lock()
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class _Missing:
    """What a definite path gives where there is nothing. Null is a value, so it cannot be None."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()

Step = str | int


class PathSyntax(Exception):
    """A text is not a path of its dialect."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Path:
    """A parsed path. `definite`: it means one value; any other gives a list, also of none or one.

    `first` is the name it begins with (`order` of `$.order.lines[*]`), None where it begins otherwise.
    """

    __slots__ = ("_find_all", "_steps", "definite", "first", "source")

    def __init__(
        self,
        source: str,
        steps: tuple[Step, ...] | None,
        find_all: Callable[[Any], list[Any]],
        *,
        definite: bool,
        first: Step | None,
    ) -> None:
        self.source = source
        self.definite = definite
        self.first = first if isinstance(first, str) else None
        self._steps = steps
        self._find_all = find_all

    def find(self, document: Any) -> Any:
        """What the path means in a document: a value or `MISSING` for a definite one, else a list."""
        if self._steps is None:
            found = self._find_all(document)
            if self.definite:
                return found[0] if found else MISSING
            return found
        for step in self._steps:
            if isinstance(step, str):
                if not isinstance(document, dict) or step not in document:
                    return MISSING
                document = document[step]
            else:
                if not isinstance(document, list) or not -len(document) <= step < len(document):
                    return MISSING
                document = document[step]
        return document


@lru_cache(KEPT_PATHS)
def compile_path(text: str, dialect: str) -> Path:
    """The path of a text in a dialect (`rw` or `rfc9535`). Raises `PathSyntax`, naming the other dialect if it fits."""
    if len(text) > LONGEST_PATH:
        raise PathSyntax(f"is longer than {LONGEST_PATH} characters")
    if not text.startswith("$"):
        raise PathSyntax("is no path: a path begins with $")
    if _PLAIN.fullmatch(text):
        steps = tuple(name or int(index) for name, index in _STEP.findall(text))
        return Path(text, steps, _nothing, definite=True, first=steps[0] if steps else None)
    try:
        return _PARSERS[dialect](text)
    except PathSyntax as error:
        other = "rfc9535" if dialect == "rw" else "rw"
        try:
            _PARSERS[other](text)
        except PathSyntax:
            raise error from None
        raise PathSyntax(f"{error.reason}; it is a path of the dialect {other} (`jsonpath: {other}`)") from None


def _nothing(document: Any) -> list[Any]:
    raise AssertionError("a path with steps is walked")


def _parse_rw(text: str) -> Path:
    try:
        # The parser generator keeps state in its module, so one path at a time.
        with _PARSING:
            parsed = parse_rw(text)
    except Exception as error:  # noqa: BLE001
        # The library raises bare Exception for a parse error, and trips over its own report at the end of the text.
        reason = "it ends too early" if isinstance(error, AttributeError) else str(error).strip()
        raise PathSyntax(f"is not a path of jsonpath-rw: {reason}") from None
    mended = _mended(parsed)
    steps = _rw_steps(parsed)
    return Path(
        text,
        steps,
        lambda document: [found.value for found in mended.find(document)],
        definite=_rw_definite(parsed),
        first=steps[0] if steps else _rw_first(parsed),
    )


class _Index(rw.Index):  # type: ignore[misc]
    """An index that finds nothing where there is no list, or too short a one. The library trips there."""

    def find(self, datum: Any) -> list[Any]:
        value = rw.DatumInContext.wrap(datum).value
        if not isinstance(value, list) or not -len(value) <= self.index < len(value):
            return []
        return list(super().find(datum))


class _Slice(rw.Slice):  # type: ignore[misc]
    """A slice that finds nothing in null. The library trips there, and takes any other value for a list of itself."""

    def find(self, datum: Any) -> list[Any]:
        wrapped = rw.DatumInContext.wrap(datum)
        if wrapped.value is None:
            return []
        if isinstance(wrapped.value, float):
            wrapped = rw.DatumInContext([wrapped.value], path=wrapped.path, context=wrapped.context)
        return list(super().find(wrapped))


def _mended(parsed: Any) -> Any:
    """The parsed path with indexes and slices that find nothing instead of raising."""
    if isinstance(parsed, rw.Index):
        return _Index(parsed.index)
    if isinstance(parsed, rw.Slice):
        return _Slice(parsed.start, parsed.end, parsed.step)
    if isinstance(parsed, rw.Child | rw.Descendants | rw.Where | rw.Union | rw.Intersect):
        parsed.left, parsed.right = _mended(parsed.left), _mended(parsed.right)
    return parsed


def _rw_steps(parsed: Any) -> tuple[Step, ...] | None:
    if isinstance(parsed, rw.Root):
        return ()
    if isinstance(parsed, rw.Child):
        left, right = _rw_steps(parsed.left), _rw_steps(parsed.right)
        return None if left is None or right is None else left + right
    if isinstance(parsed, rw.Fields) and len(parsed.fields) == 1 and parsed.fields[0] != "*":
        return (str(parsed.fields[0]),)
    if isinstance(parsed, rw.Index):
        return (int(parsed.index),)
    return None


def _rw_definite(parsed: Any) -> bool:
    if isinstance(parsed, rw.Child):
        return _rw_definite(parsed.left) and _rw_definite(parsed.right)
    # `parent` leads to one value too, though it is no step down.
    return isinstance(parsed, rw.Parent | rw.This) or _rw_steps(parsed) is not None


def _rw_first(parsed: Any) -> Step | None:
    if isinstance(parsed, rw.Child | rw.Descendants | rw.Where):
        left = _rw_steps(parsed.left)
        if left == () and isinstance(parsed, rw.Child):
            right = _rw_steps(parsed.right)
            return right[0] if right else None
        return left[0] if left else _rw_first(parsed.left)
    return None


class _Matching(FilterFunction):
    """`match` and `search` of RFC 9535 by an engine of linear time. Those of the library can take for ever."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, value: object, pattern: object) -> bool:
        """Whether a string fits; what is no string, and what is no pattern, does not."""
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            return bool(
                _MATCHES.execute({"value": value, "pattern": rf"\A(?:{pattern})\z" if self._whole else pattern})
            )
        except RuntimeError:
            return False


def _strict_environment() -> JSONPathEnvironment:
    environment = JSONPathEnvironment(strict=True)
    environment.function_extensions["match"] = _Matching(whole=True)
    environment.function_extensions["search"] = _Matching(whole=False)
    return environment


_MATCHES: Final[Any] = cel.compile("value.matches(pattern)")
_rfc9535 = _strict_environment()


def _parse_rfc9535(text: str) -> Path:
    try:
        query = _rfc9535.compile(text)
    except (JSONPathError, RecursionError) as error:
        raise PathSyntax(f"is not a path of RFC 9535: {str(error).splitlines()[0]}") from None
    assert isinstance(query, JSONPath), "strict RFC 9535 has no compound paths"
    steps = _rfc9535_steps(query.segments)
    definite = len(steps) == len(query.segments)

    def found(document: Any) -> list[Any]:
        # The library reads a string as the text of a document.
        return query.findall(json.dumps(document) if isinstance(document, str) else document)

    return Path(text, steps if definite else None, found, definite=definite, first=next(iter(steps), None))


def _rfc9535_steps(segments: Sequence[Any]) -> tuple[Step, ...]:
    """The names and indexes a path begins with."""
    steps: list[Step] = []
    for segment in segments:
        selector = segment.selectors[0]
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) > 1:
            break
        if not isinstance(selector, NameSelector | IndexSelector):
            break
        steps.append(selector.name if isinstance(selector, NameSelector) else selector.index)
    return tuple(steps)


_PARSERS: Final[dict[str, Callable[[str], Path]]] = {"rw": _parse_rw, "rfc9535": _parse_rfc9535}
