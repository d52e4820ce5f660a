"""What a command says: its result on stdout, for people or as JSON; its failure as a line on stderr and an exit code.

| exit code | what it means |
|---|---|
| 0 | done |
| 1 | refused, failed, or not found |
| 2 | the command was not given what it takes |
| 3 | the server does not answer |
| 4 | the case still runs: the time to wait for it is over |
| 5 | the case ended, but not completed: cancelled, failed, deadlocked or faulted |
"""

import json
from collections.abc import Iterable, Sequence
from typing import IO, Any

import click


class Failure(click.ClickException):
    """A command fails: one line for stderr, and one below it for each detail where there are several."""

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(f"{message}: {details[0]}" if len(details) == 1 else message)
        self.details = tuple(details) if len(details) > 1 else ()

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints it."""
        click.echo(f"casewright: {printable(self.message)}", err=True)
        for detail in self.details:
            click.echo(f"  {printable(detail)}", err=True)


class Refused(Failure):
    """It was refused, failed, or there is no such thing."""

    exit_code = 1


class WrongUsage(Failure):
    """The command was not given what it takes."""

    exit_code = 2


class Unreachable(Failure):
    """The server does not answer."""

    exit_code = 3


class StillRuns(Failure):
    """The case still runs."""

    exit_code = 4


class NotCompleted(Failure):
    """The case ended otherwise, or stands still."""

    exit_code = 5


def show(document: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Prints the result of a command: the document, or what people want to know of it."""
    for line in [json.dumps(document, indent=2, ensure_ascii=False)] if as_json else lines:
        click.echo(line)


def one_line(value: Any) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)


def indented(value: Any) -> list[str]:
    """A JSON value on several lines, four spaces in."""
    return [f"    {line}" for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines()]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with columns below their heads."""
    whole = [tuple(heads), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in whole]


def printable(text: str) -> str:
    """A text on one line without control characters: what others wrote must not steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
