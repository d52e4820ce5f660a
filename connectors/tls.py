"""TLS of a connector: whom it believes, and how it shows itself (mutual TLS).

| key of the setting `tls` | meaning |
|---|---|
| `ca` | a file of certificates that are believed in place of the public ones |
| `certificate`, `key`, `key_password` | files of the certificate that is shown and of its key |
| `verify` | false: whoever answers is believed; the installation answers for that |
"""

import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any

import certifi

from connectors.config import Path, boolean, table, text
from connectors.port import ConfigProblem


class TlsUnusable(Exception):
    """A certificate or key cannot be used. Its text names the file, and never what is in it."""


_KEYS = table({"ca": text, "certificate": text, "key": text, "key_password": text, "verify": boolean})


def check(value: Any, path: Path) -> list[ConfigProblem]:
    """The setting `tls`. Whether its files can be read is seen at the first call."""
    problems = _KEYS(value, path)
    if not problems and isinstance(value, Mapping) and ("key" in value) > ("certificate" in value):
        return [ConfigProblem(path, "a key belongs to a certificate")]
    return problems


class Tls:
    """The context of a connector, made when it is first needed. May be shared by threads."""

    def __init__(self, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context. Raises `TlsUnusable`, and what reading the settings raises."""
        with self._lock:
            if self._context is None:
                self._context = context_of(self._settings())
            return self._context


def context_of(settings: Mapping[str, Any]) -> ssl.SSLContext:
    """The context that settings describe, whose secrets are resolved. Raises `TlsUnusable`."""
    context = _believing(settings.get("ca"))
    if "certificate" in settings:
        _show(context, settings)
    if not settings.get("verify", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _believing(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or certifi.where())
    except OSError as error:
        raise TlsUnusable(f"certificates cannot be read from {ca}: {error.strerror or error}") from error


def _show(context: ssl.SSLContext, settings: Mapping[str, Any]) -> None:
    # Without a password OpenSSL would ask for one at the terminal.
    password = settings.get("key_password", "")
    try:
        context.load_cert_chain(settings["certificate"], settings.get("key"), password)
    except OSError as error:
        what = f"the certificate {settings['certificate']} or its key cannot be used"
        raise TlsUnusable(f"{what}: {error.strerror or error}") from error
