"""JSON on the command line: written there, in a file (`@order.json`), or on standard input (`-`)."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click


def json_value(context: click.Context, parameter: click.Parameter, given: str | None) -> Any:
    """The value of an option that takes `JSON|@FILE|-`; None when it is not given."""
    return None if given is None else read_json(given)


def json_object(context: click.Context, parameter: click.Parameter, given: str | None) -> dict[str, Any] | None:
    """The same for an option that takes only an object."""
    value = json_value(context, parameter, given)
    if value is None and given is None:
        return None
    if not isinstance(value, dict):
        raise click.BadParameter('a JSON object is needed, such as {"order": {"id": "A-1"}}')
    return value


def read_json(given: str) -> Any:
    """The value that `JSON|@FILE|-` means. Raises `BadParameter`."""
    text = _text(given)
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        what = "nothing" if not text.strip() else error
        raise click.BadParameter(f"{_named(given)} is not JSON: {what}") from None


def _text(given: str) -> str:
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    except OSError as error:
        raise click.BadParameter(f"{given[1:]} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.BadParameter(f"{_named(given)} is not UTF-8") from None


def _named(given: str) -> str:
    if given == "-":
        return "standard input"
    return given[1:] if given.startswith("@") else "what is given"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")
