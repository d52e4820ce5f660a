"""The keys that tokens are signed with: the present one, and older ones that are still good for checking.

A key is known by an id made from it, which stands in the header of a token (`kid`). Where the secret comes from the
environment, the older ones do too (`CASEWRIGHT_JWT_PREVIOUS_SECRETS`). Otherwise `casewright rotate-keys` writes them
beside the credentials; a process that runs sees the new file within a second.
"""

import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from deploy.credentials import FILE_MODE, CredentialsError, make_private_directory, signing_secret
from deploy.settings import LEAST_SECRET_BYTES, Settings

FILE_NAME = "signing-keys.json"
LARGEST_FILE_BYTES = 64 * 1024

LOOKED_FOR_S = 1.0
"""How often a process looks whether the keys were changed."""

MOST_KEYS = 10
"""Older keys than these are dropped when another one is made."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key. `until`: when it is no longer good (seconds since 1970); None for the present one."""

    secret: str = field(repr=False)
    until: int | None = None

    @property
    def id(self) -> str:
        """What a token names it by."""
        return sha256(f"casewright signing key {self.secret}".encode()).hexdigest()[:16]


class KeyRing:
    """The keys of an installation as they are now. Safe for use by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._keys = signing_keys(settings)
        self._seen = _stamp(settings)
        self._looked_at = time.monotonic()

    def present(self) -> SigningKey:
        """The key that new tokens are signed with."""
        return self._now()[0]

    def named(self, identifier: str | None) -> SigningKey | None:
        """The key that a token names, if it is still good. One without a name is of the first key there was."""
        good = [key for key in self._now() if key.until is None or key.until > time.time()]
        if identifier is None:
            first = signing_secret(self._settings)
            return next((key for key in good if key.secret == first), None)
        return next((key for key in good if key.id == identifier), None)

    def _now(self) -> Sequence[SigningKey]:
        with self._lock:
            if time.monotonic() - self._looked_at > LOOKED_FOR_S:
                stamp = _stamp(self._settings)
                if stamp != self._seen:
                    self._keys, self._seen = signing_keys(self._settings), stamp
                self._looked_at = time.monotonic()
            return self._keys


def signing_keys(settings: Settings) -> list[SigningKey]:
    """The keys, the present one first. Raises `CredentialsError`."""
    if settings.jwt_secret is not None:
        # How long the older ones are good is for whoever takes them out of the environment again.
        older = [SigningKey(secret, until=2**53) for secret in settings.jwt_previous_secrets]
        return [SigningKey(settings.jwt_secret), *older]
    kept = _read(settings.data_dir / FILE_NAME)
    return kept or [SigningKey(signing_secret(settings))]


def present_key(settings: Settings) -> SigningKey:
    """The key that new tokens are signed with. Raises `CredentialsError`."""
    return signing_keys(settings)[0]


def rotate(settings: Settings, good_for_s: int) -> SigningKey:
    """Makes another key the present one; those before stay good for checking so long, 0 for not at all.

    Raises `CredentialsError`, also where the secret comes from the environment.
    """
    if settings.jwt_secret is not None:
        why = "set CASEWRIGHT_JWT_SECRET to a new one and CASEWRIGHT_JWT_PREVIOUS_SECRETS to the present one"
        raise CredentialsError(f"the signing secret comes from the environment: {why}")
    now = int(time.time())
    until = now + good_for_s
    older = [
        SigningKey(key.secret, until if key.until is None else min(key.until, until)) for key in signing_keys(settings)
    ]
    made = SigningKey(secrets.token_urlsafe(48))
    good = [key for key in older if key.until is not None and key.until > now]
    _write(settings.data_dir / FILE_NAME, [made, *good[: MOST_KEYS - 1]])
    return made


def _stamp(settings: Settings) -> tuple[int, int]:
    try:
        status = os.stat(settings.data_dir / FILE_NAME)
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


def _read(path: Path) -> list[SigningKey]:
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(LARGEST_FILE_BYTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise CredentialsError(f"{path} may be read by other users: chmod 600 it")
    try:
        found = [SigningKey(**each) for each in json.loads(content)]
        whole = bool(found) and all(len(key.secret.encode()) >= LEAST_SECRET_BYTES for key in found)
    except (ValueError, TypeError, AttributeError) as error:
        raise CredentialsError(f"{path} is not a list of keys ({error}): restore it, or remove it") from error
    if not whole:
        raise CredentialsError(f"{path} has no key, or one of fewer than {LEAST_SECRET_BYTES} bytes")
    return found


def _write(path: Path, keys: Sequence[SigningKey]) -> None:
    """Puts the file in the place of the present one, in one move."""
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    try:
        make_private_directory(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps([asdict(key) for key in keys], indent=2) + "\n")
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CredentialsError(f"{path} cannot be written: {error.strerror}") from error
