"""What is wrong with a specification: every error at once, each with file, line, column and path."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from engine.errors import Problem, Refusal

MOST_ERRORS = 100
"""Errors of one specification that are collected: more than anybody mends at once."""

LONGEST_SHOWN = 60
"""Characters of a value that a message shows."""

_PLAIN_KEY = re.compile(r"[\w$-]{1,100}")

Place = tuple[int, int]
DocumentPath = tuple[str | int, ...]


class Diagnostic(NamedTuple):
    """One thing wrong. `line` and `column` count from 1; `path` is written as in `nets.main.tasks.ship.next[0].to`."""

    file: str
    line: int
    column: int
    path: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column} "
        return place + (f"{self.path}: {self.message}" if self.path else self.message)


class SpecificationInvalid(Refusal):
    """A specification that cannot be deployed, with all that is wrong with it."""

    code = "specification_invalid"

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda each: (each.line, each.column)))
        count = len(self.diagnostics)
        super().__init__(
            "the specification has an error" if count == 1 else f"the specification has {count} errors",
            problems=[Problem(f"{each.path or '$'}", str(each)) for each in self.diagnostics],
        )


@dataclass(slots=True)
class Report:
    """Collects what is wrong while a document is read, and knows where everything in it stands."""

    file: str
    places: dict[DocumentPath, Place] = field(default_factory=dict)
    key_places: dict[DocumentPath, Place] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)

    def error(self, path: DocumentPath, message: str, *, at_key: bool = False) -> None:
        """Reports an error at a place of the document; one that is not in it stands where its parent does."""
        if len(self.errors) == MOST_ERRORS:
            self.errors.append(
                self.errors[-1]._replace(path="", message=f"more than {MOST_ERRORS} errors: stopped here")
            )
            self.raise_errors()
        line, column = self._place(path, at_key=at_key)
        self.errors.append(Diagnostic(self.file, line, column, written(path), message))

    def raise_errors(self) -> None:
        """Raises `SpecificationInvalid` when anything was reported."""
        if self.errors:
            raise SpecificationInvalid(dict.fromkeys(self.errors))

    def _place(self, path: DocumentPath, *, at_key: bool) -> Place:
        if at_key and path in self.key_places:
            return self.key_places[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def written(path: DocumentPath) -> str:
    """`("next", 0, "to")` as `next[0].to`; a key that is no plain word stands in brackets and quotes."""
    text = "".join(
        f".{part}" if _PLAIN_KEY.fullmatch(str(part)) and isinstance(part, str) else _bracketed(part) for part in path
    )
    return text.removeprefix(".")


def _bracketed(part: str | int) -> str:
    return f"[{part}]" if isinstance(part, int) else f'["{shortened(part)}"]'


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean "ship"?)`, or nothing where no known name is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


def listed(words: Sequence[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def shortened(text: str) -> str:
    """A text as a message shows it: on one line, and not all of a long one."""
    line = " ".join(text.split()) if not text.isprintable() else text
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
