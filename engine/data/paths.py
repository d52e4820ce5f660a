"""JSONPath in two dialects: jsonpath-rw (the default) and RFC 9535 (python-jsonpath, strict). Parsed once and kept.

A path without wildcard, slice, union, filter or descent is definite: it means one value. Definite paths of names and
indexes are walked directly, which gives what the library gives in a tenth of its time.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.selectors import IndexSelector, NameSelector
from jsonpath_rw import jsonpath as rw
from jsonpath_rw import parse as parse_rw

KEPT_PATHS = 4_096
LONGEST_PATH = 1_000


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
    """A parsed path. `definite`: it means one value; any other gives a list, also of none or one."""

    __slots__ = ("_find_all", "_steps", "definite", "source")

    def __init__(self, source: str, steps: tuple[Step, ...] | None, find_all: Callable[[Any], list[Any]]) -> None:
        self.source = source
        self.definite = steps is not None
        self._steps = steps
        self._find_all = find_all

    def find(self, document: Any) -> Any:
        """What the path means in a document: a value or `MISSING` for a definite one, else a list."""
        if self._steps is None:
            return self._find_all(document)
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
    try:
        return _PARSERS[dialect](text)
    except PathSyntax as error:
        other = "rfc9535" if dialect == "rw" else "rw"
        try:
            _PARSERS[other](text)
        except PathSyntax:
            raise error from None
        raise PathSyntax(f"{error.reason}; it is a path of the dialect {other} (`jsonpath: {other}`)") from None


def _parse_rw(text: str) -> Path:
    try:
        parsed = parse_rw(text)
    except Exception as error:  # noqa: BLE001
        # The library raises bare Exception for a parse error, and trips over its own report at the end of the text.
        reason = "the text ends too early" if isinstance(error, AttributeError) else str(error)
        raise PathSyntax(f"is not a path of jsonpath-rw: {reason}") from None

    def find_all(document: Any) -> list[Any]:
        try:
            return [found.value for found in parsed.find(document)]
        except (TypeError, KeyError):
            # An index or slice on what is no list: the library trips, and nothing is found.
            return []

    return Path(text, _rw_steps(parsed), find_all)


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


_rfc9535 = JSONPathEnvironment(strict=True)


def _parse_rfc9535(text: str) -> Path:
    try:
        query = _rfc9535.compile(text)
    except JSONPathError as error:
        raise PathSyntax(f"is not a path of RFC 9535: {str(error).splitlines()[0]}") from None
    assert isinstance(query, JSONPath), "strict RFC 9535 has no compound paths"
    return Path(text, _rfc9535_steps(query), query.findall)


def _rfc9535_steps(query: JSONPath) -> tuple[Step, ...] | None:
    if not query.singular_query():
        return None
    steps: list[Step] = []
    for segment in query.segments:
        (selector,) = segment.selectors
        assert isinstance(selector, NameSelector | IndexSelector), "a singular query has names and indexes only"
        steps.append(selector.name if isinstance(selector, NameSelector) else selector.index)
    return tuple(steps)


_PARSERS: Final[dict[str, Callable[[str], Path]]] = {"rw": _parse_rw, "rfc9535": _parse_rfc9535}
