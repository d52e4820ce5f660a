"""What a connector's config may hold: a table from its keys to checks.

The same table serves twice. When a specification is deployed, templates and secrets are marked as unknown and every
check that could only fail for their sake lets them pass; when a call is made, everything is known and checked.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from connectors.callbacks import asked_for
from connectors.port import ConfigProblem, Failed, FailureKind
from connectors.secrets import misnamed_secrets, secret_name

Path: TypeAlias = tuple[str | int, ...]
Check: TypeAlias = Callable[[Any, Path], list[ConfigProblem]]


class Unknown(Enum):
    """What stands, in a specification being deployed, for a value that only the call knows."""

    VALUE = "a template"
    """A string with `{{` in it: its value may be of any type."""
    TEXT = "a secret"
    """`{secret: NAME}` or the URL of a callback: a string."""


def check_deployed(check: Check, config: Mapping[str, Any]) -> list[ConfigProblem]:
    """The problems of a config as it stands in a specification."""
    return [*misnamed_secrets(config), *check(_with_unknowns(config), ())]


def bad_config(problems: list[ConfigProblem]) -> Failed:
    """The failure of a call whose config has problems."""
    text = "; ".join(f"{'.'.join(map(str, problem.path)) or 'config'}: {problem.message}" for problem in problems)
    return Failed(FailureKind.BAD_CONFIG, text, retryable=False)


def anything(value: Any, path: Path) -> list[ConfigProblem]:
    """Any value."""
    return []


def text(value: Any, path: Path) -> list[ConfigProblem]:
    """A string."""
    return [] if isinstance(value, str | Unknown) else [ConfigProblem(path, "must be a string")]


def boolean(value: Any, path: Path) -> list[ConfigProblem]:
    """True or false."""
    return [] if isinstance(value, bool) or value is Unknown.VALUE else [ConfigProblem(path, "must be true or false")]


def text_that(holds: Callable[[str], bool], wanted: str) -> Check:
    """A string for which `holds` is true; `wanted` completes the sentence "must be ..."."""

    def check(value: Any, path: Path) -> list[ConfigProblem]:
        if isinstance(value, Unknown) or (isinstance(value, str) and holds(value)):
            return []
        return [ConfigProblem(path, f"must be {wanted}")]

    return check


def url_without_password(value: Any, path: Path) -> list[ConfigProblem]:
    """The URL of a database or a broker, in which no password is written out."""
    wanted = "a URL without a password: name the whole URL, {secret: NAME}"
    return text_that(lambda url: urlsplit(url).password is None, wanted)(value, path)


def one_of(*names: str) -> Check:
    """One of some strings."""
    return text_that(lambda value: value in names, f"one of {', '.join(names)}")


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`."""
    return _between(low, high, (int, float), "a number")


def integer(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""
    return _between(low, high, (int,), "a whole number")


def list_of(element: Check) -> Check:
    """A list, not empty, of what `element` allows."""

    def check(value: Any, path: Path) -> list[ConfigProblem]:
        if value is Unknown.VALUE:
            return []
        if not isinstance(value, list | tuple) or not value:
            return [ConfigProblem(path, "must be a list, and not empty")]
        return [problem for index, entry in enumerate(value) for problem in element(entry, (*path, index))]

    return check


def mapping_of(key: Check, element: Check) -> Check:
    """A mapping with any number of keys."""

    def check(value: Any, path: Path) -> list[ConfigProblem]:
        if value is Unknown.VALUE:
            return []
        if not isinstance(value, Mapping):
            return [ConfigProblem(path, "must be a mapping")]
        return [
            problem
            for name, entry in value.items()
            for problem in (*key(name, (*path, name)), *element(entry, (*path, name)))
        ]

    return check


def table(keys: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    """A mapping with these keys and no others, the required ones among them."""

    def check(value: Any, path: Path) -> list[ConfigProblem]:
        if value is Unknown.VALUE:
            return []
        if not isinstance(value, Mapping):
            return [ConfigProblem(path, f"must be a mapping with {_listed(keys)}" if keys else "must be empty")]
        missing = [ConfigProblem(path, f"{name} is missing") for name in required if name not in value]
        unknown = [ConfigProblem((*path, name), _unknown_key(name, keys)) for name in value if name not in keys]
        wrong = [
            problem for name, entry in value.items() if name in keys for problem in keys[name](entry, (*path, name))
        ]
        return [*missing, *unknown, *wrong]

    return check


def written_out(check: Check) -> Check:
    """What `check` allows, but no template and no secret: it is needed before any call is made."""

    def written(value: Any, path: Path) -> list[ConfigProblem]:
        return [ConfigProblem(path, "must be written out")] if isinstance(value, Unknown) else check(value, path)

    return written


def choice(alternatives: Mapping[str, Check]) -> Check:
    """A mapping with exactly one of these keys."""
    any_of_them = table(alternatives)

    def check(value: Any, path: Path) -> list[ConfigProblem]:
        if isinstance(value, Mapping) and len(value) != 1:
            return [ConfigProblem(path, f"must have exactly one of {_listed(alternatives)}")]
        return any_of_them(value, path)

    return check


def _between(low: float, high: float, types: tuple[type[int] | type[float], ...], what: str) -> Check:
    def check(value: Any, path: Path) -> list[ConfigProblem]:
        # A boolean is an int to Python, and to nobody else.
        if value is Unknown.VALUE or (
            isinstance(value, types) and not isinstance(value, bool) and low <= value <= high
        ):
            return []
        return [ConfigProblem(path, f"must be {what} from {low} to {high}")]

    return check


def _with_unknowns(value: Any) -> Any:
    if isinstance(value, str):
        return Unknown.VALUE if "{{" in value else value
    if secret_name(value) is not None or asked_for(value) is not None:
        return Unknown.TEXT
    if isinstance(value, Mapping):
        return {key: _with_unknowns(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_unknowns(entry) for entry in value]
    return value


def _unknown_key(name: Any, keys: Mapping[str, Check]) -> str:
    close = get_close_matches(str(name), keys, n=1)
    return f'unknown key (did you mean "{close[0]}"?)' if close else f"unknown key, known are {_listed(keys)}"


def _listed(keys: Mapping[str, Check]) -> str:
    return ", ".join(keys)
