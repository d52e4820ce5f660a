"""Secrets: `{secret: NAME}` becomes a value in the worker, as late as possible, and never comes out again.

A specification, a case, a journal and a log hold only the name. The value is read anew for every call, so a secret
that was changed is used from the next call on. Whatever is said about a call goes through `Secrets.redact`.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from connectors.port import ConfigProblem

ENVIRONMENT_PREFIX = "CASEWRIGHT_SECRET_"
MAX_SECRET_BYTES = 64 * 1024
MIN_PART_CHARS = 4
"""The shortest part of a secret, or of its base64 form, that is hidden: hiding less would only garble plain words."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_HIDDEN = "***"
_URL_SAFE = str.maketrans("+/", "-_")


class SecretMissing(Exception):
    """A config names a secret that this installation does not have. Its text says the name, never a value."""


class Secrets:
    """Finds secrets, and remembers those it handed out in order to hide them.

    `environment` gives `CASEWRIGHT_SECRET_<NAME>`; a name that is not there is looked for as a file of that name in
    `directory`, UTF-8, at most `MAX_SECRET_BYTES`, without the line end that closes it. May be shared by threads.
    """

    def __init__(self, environment: Mapping[str, str], directory: Path | None = None) -> None:
        self._environment = environment
        self._directory = directory
        self._handed_out = _HandedOut()
        self._lock = Lock()

    def resolve(self, config: Any) -> Any:
        """A copy of `config` in which the value stands for each `{secret: NAME}`.

        Raises `SecretMissing` when one is not there or is empty.
        """
        name = secret_name(config)
        if name is not None:
            return self._value(name)
        if isinstance(config, Mapping):
            return {key: self.resolve(value) for key, value in config.items()}
        if isinstance(config, list):
            return [self.resolve(value) for value in config]
        return config

    def redact(self, text: str) -> str:
        """`text` with `***` for each secret that was handed out, and for what percent-encoding, JSON or base64 made of
        it. A base64 run is hidden whole, because what stands before the secret (a user's name) shifts its letters.
        """
        return self._handed_out.hide(text)

    def _value(self, name: str) -> str:
        if not is_secret_name(name):
            raise SecretMissing(f"{name!r} cannot be the name of a secret")
        value = self._environment.get(ENVIRONMENT_PREFIX + name) or self._file(name)
        if not value:
            raise SecretMissing(f"there is no secret {name}, or it is empty")
        with self._lock:
            self._handed_out = self._handed_out.with_value(value)
        return value

    def _file(self, name: str) -> str | None:
        if self._directory is None:
            return None
        try:
            with (self._directory / name).open("rb") as file:
                content = file.read(MAX_SECRET_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretMissing(f"secret {name} cannot be read: {error.strerror}") from error
        if len(content) > MAX_SECRET_BYTES:
            raise SecretMissing(f"secret {name} is longer than {MAX_SECRET_BYTES} bytes")
        return _text(name, content)


def secret_name(value: Any) -> str | None:
    """The NAME of a mapping that is exactly `{secret: NAME}`, None of anything else."""
    if isinstance(value, Mapping) and len(value) == 1:
        name = value.get("secret")
        return name if isinstance(name, str) else None
    return None


def is_secret_name(name: str) -> bool:
    """Whether a secret may have this name: letters, digits, `_`, `-` and `.`, and no `.` at the beginning."""
    return _NAME.fullmatch(name) is not None


def misnamed_secrets(config: Any, path: tuple[str | int, ...] = ()) -> Iterator[ConfigProblem]:
    """A problem for each `{secret: NAME}` whose NAME no secret can have, a template among them: no case's data may
    choose the secret."""
    name = secret_name(config)
    if name is not None:
        if not is_secret_name(name):
            yield ConfigProblem((*path, "secret"), f"{name!r} cannot be the name of a secret")
    elif isinstance(config, Mapping):
        for key, value in config.items():
            yield from misnamed_secrets(value, (*path, key))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            yield from misnamed_secrets(value, (*path, index))


def shown_url(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment, where credentials stand."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _HandedOut:
    """The secrets handed out so far, with what to look for. Never changed, so that it is read without a lock.

    It grows with the names that specifications use and with changes of a secret: an old value is to be hidden too.
    """

    def __init__(self, values: frozenset[str] = frozenset()) -> None:
        self._values = values
        # The longest goes first, so that a secret which contains another one is not hidden in part only.
        self._forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
        self._base64_runs = {core: _base64_run(core) for value in values for core in _base64_cores(value)}

    def with_value(self, value: str) -> "_HandedOut":
        return self if value in self._values else _HandedOut(self._values | {value})

    def hide(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        for core, run in self._base64_runs.items():
            if core in text:
                text = run.sub(_HIDDEN, text)
        return self._hide_cut_off(text)

    def _hide_cut_off(self, text: str) -> str:
        # A text that was cut to a length may end within a secret.
        for form in (*self._forms, *self._base64_runs):
            begins = text.find(form[:MIN_PART_CHARS], max(len(text) - len(form), 0))
            while begins >= 0:
                if form.startswith(text[begins:]) and len(text) - begins >= MIN_PART_CHARS:
                    return text[:begins] + _HIDDEN
                begins = text.find(form[:MIN_PART_CHARS], begins + 1)
        return text


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield quote(value)
    yield quote_plus(value)
    for as_ascii in (True, False):
        escaped = json.dumps(value, ensure_ascii=as_ascii)[1:-1]
        yield escaped
        # A server that repeats a JSON body within its own JSON escapes it once more.
        yield json.dumps(escaped, ensure_ascii=as_ascii)[1:-1]
    if "://" in value:
        # Servers like to answer with the path they do not know, and messages show the URL without its query.
        yield from (part for part in (shown_url(value), urlsplit(value).path) if len(part) >= MIN_PART_CHARS)


def _base64_cores(value: str) -> Iterator[str]:
    # Three bytes become four letters, so a secret within a longer text has three forms. Letters that also hold bits of
    # what stands before or after it are left out.
    content = value.encode()
    for before in range(3):
        letters = base64.b64encode(bytes(before) + content).decode()
        core = letters[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
        if len(core) >= MIN_PART_CHARS:
            yield core
            yield core.translate(_URL_SAFE)


def _base64_run(core: str) -> re.Pattern[str]:
    return re.compile(f"[A-Za-z0-9+/_-]*{re.escape(core)}[A-Za-z0-9+/_=-]*")


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SecretMissing(f"secret {name} is not UTF-8") from error
