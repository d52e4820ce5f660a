"""The connectors of an installation, from files: for each name the kind of connector, and its settings.

    stock:
      connector: http                 # the kind; default: the name itself
      base_url: https://stock.internal/api
      auth: {bearer: {secret: STOCK_TOKEN}}
      timeout_s: 5

A task says `connector: stock`. The files are YAML (1.2), one or a directory of them; a password or token stands in them
only as `{secret: NAME}`.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.config import Path, check_deployed
from connectors.kinds import Kind
from connectors.limits import CHECKS, DEFAULT_TERMS, Terms, terms_of
from connectors.secrets import secret_name

SUFFIXES = (".yaml", ".yml")
MAX_FILE_BYTES = 1024 * 1024
SECRET_KEYS = frozenset({"bearer", "password", "client_secret", "key_password"})
"""Keys whose value must not be written out; so is the `value` of an `api_key`."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class ConfigurationInvalid(Exception):
    """The files of connectors cannot be used. `problems` has one line for each, naming file and place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Configured:
    """One connector as it is described: as it is `written`, and what that says of its settings and terms."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    terms: Terms = DEFAULT_TERMS
    written: Mapping[str, Any] = field(default_factory=dict)


def configured(
    name: Any, written: Any, kinds: Mapping[str, Kind], found: Container[str] = ()
) -> tuple[Configured | None, list[str]]:
    """A connector as it is written down, or what is wrong with it; none may have a name that was `found` before."""
    problems = list(_problems(name, written, kinds, found))
    if problems:
        return None, problems
    given = written or {}
    settings = {key: value for key, value in given.items() if key not in ("connector", *CHECKS)}
    return Configured(name, given.get("connector", name), settings, terms_of(given), given), []


def read(place: File, kinds: Mapping[str, Kind]) -> list[Configured]:
    """The connectors that a file, or every YAML file of a directory, describes. Raises `ConfigurationInvalid` with all
    problems at once."""
    problems: list[str] = []
    found: dict[str, Configured] = {}
    for file in _files(place):
        for name, written in _document(file).items():
            described, wrong = configured(name, written, kinds, found)
            problems += [f"{file}: {problem}" for problem in wrong]
            if described is not None:
                found[name] = described
    if problems:
        raise ConfigurationInvalid(problems)
    return list(found.values())


def plain(kinds: Mapping[str, Kind], taken: Container[str]) -> list[Configured]:
    """One connector of each kind that needs no settings, under its own name unless that is taken."""
    return [Configured(name, name, {}) for name, kind in kinds.items() if kind.as_is and name not in taken]


def _files(place: File) -> list[File]:
    if not place.is_dir():
        return [place]
    return sorted(each for each in place.iterdir() if each.suffix in SUFFIXES and each.is_file())


def _document(file: File) -> Mapping[Any, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigurationInvalid([f"{file}: longer than {MAX_FILE_BYTES} bytes"])
        document = YAML(typ="safe", pure=True).load(content)
    except OSError as error:
        raise ConfigurationInvalid([f"{file}: cannot be read: {error.strerror}"]) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid([f"{file}: not YAML: {' '.join(str(error).split())}"]) from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigurationInvalid([f"{file}: must be a mapping from names to connectors"])
    return document


def is_name(name: str) -> bool:
    """Whether a connector may have this name."""
    return _NAME.fullmatch(name) is not None


def _problems(name: Any, written: Any, kinds: Mapping[str, Kind], found: Container[str]) -> Iterator[str]:
    if not isinstance(name, str) or not is_name(name):
        yield f"{name}: a name is of small letters, digits, _ and -, at most 64, a letter first"
        return
    if name in found:
        yield f"{name}: there is a connector of this name already"
    settings = {} if written is None else written
    if not isinstance(settings, Mapping):
        yield f"{name}: must be a mapping"
        return
    kind = settings.get("connector", name)
    if not isinstance(kind, str) or kind not in kinds:
        yield f"{name}.connector: {_unknown_kind(kind, kinds)}"
        return
    yield from _wrong_settings(name, {key: value for key, value in settings.items() if key != "connector"}, kinds[kind])


def _wrong_settings(name: str, written: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    for key, check in CHECKS.items():
        for problem in check(written[key], (key,)) if key in written else ():
            yield f"{_shown(name, problem.path)}: {problem.message}"
    settings = {key: value for key, value in written.items() if key not in CHECKS}
    open_places = list(_written_out(settings, ()))
    if open_places:
        yield from (f"{_shown(name, path)}: {message}" for path, message in open_places)
        return
    for problem in check_deployed(kind.check_settings, settings):
        yield f"{_shown(name, problem.path)}: {problem.message}"


def _written_out(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Passwords that are not named but written out, and templates, which nothing would fill in."""
    if secret_name(value) is not None:
        return
    if isinstance(value, Mapping):
        for key, entry in value.items():
            secret_place = key in SECRET_KEYS or (key == "value" and path[-1:] == ("api_key",))
            if secret_place and secret_name(entry) is None:
                yield (*path, key), "must be {secret: NAME}"
            else:
                yield from _written_out(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _written_out(entry, (*path, index))
    elif isinstance(value, str) and "{{" in value:
        yield path, "settings hold no templates"


def _unknown_kind(kind: Any, kinds: Mapping[str, Kind]) -> str:
    close = get_close_matches(str(kind), kinds, n=1)
    meant = f' (did you mean "{close[0]}"?)' if close else ""
    return f'there is no kind "{kind}"{meant}, known are {", ".join(sorted(kinds))}'


def _shown(name: str, path: Path) -> str:
    return ".".join(map(str, (name, *path)))
