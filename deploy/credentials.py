"""The secrets of an installation on one machine: made at its first start, kept in its data dir for its owner alone.

There is no default password: what is not given is random. Two first starts at once agree, because the file appears
whole and only once: each writes a file of its own and links it to the name, and the second link is refused.
"""

import json
import os
import secrets
import stat
import string
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from deploy.settings import LEAST_SECRET_BYTES, Settings

FILE_NAME = "credentials.json"
ADMIN_USER = "admin"
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
LARGEST_FILE_BYTES = 64 * 1024

# Letters that are not mistaken for one another when a password is read aloud; 24 of these 55 are 138 bits.
PASSWORD_LETTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("0Oo1Ili")))
PASSWORD_LENGTH = 24


class CredentialsError(Exception):
    """The credentials file cannot be used as it is, or cannot be made. The message is one line and names the file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is secret about an installation; kept out of its `repr`, so that no log shows it."""

    jwt_secret: str = field(repr=False)
    admin_password: str = field(repr=False)
    flower_password: str = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        return cls(jwt_secret=secrets.token_urlsafe(48), admin_password=_password(), flower_password=_password())


def load_or_create(data_dir: Path) -> tuple[Credentials, bool]:
    """The credentials of this data dir, and whether this call made them. Raises `CredentialsError`."""
    present = load(data_dir)
    if present is not None:
        return present, False
    made = Credentials.random()
    try:
        make_private_directory(data_dir)
        was_first = _publish(made, data_dir / FILE_NAME)
    except OSError as error:
        raise CredentialsError(f"{data_dir / FILE_NAME} cannot be written: {error.strerror}") from error
    if was_first:
        return made, True
    theirs = load(data_dir)
    if theirs is None:
        raise CredentialsError(f"{data_dir / FILE_NAME} was removed while it was being made: start again")
    return theirs, False


def load(data_dir: Path) -> Credentials | None:
    """The credentials of this data dir, None when it has none yet. Raises `CredentialsError`."""
    path = data_dir / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise CredentialsError(f"{path} may be read by other users (mode {mode:04o}): chmod 600 it")
        return _parsed(path, file.read(LARGEST_FILE_BYTES))


def signing_secret(settings: Settings) -> str:
    """What JWTs are signed with: the one in the settings, else the one in the data dir. Raises `CredentialsError`."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    present = load(settings.data_dir)
    if present is None:
        path = settings.data_dir / FILE_NAME
        raise CredentialsError(f"there is no JWT secret: {path} does not exist and CASEWRIGHT_JWT_SECRET is not set")
    return present.jwt_secret


def make_private_directory(path: Path) -> None:
    """Makes a directory that only its owner may enter; one that is there already stays as it is. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def _publish(credentials: Credentials, path: Path) -> bool:
    """Puts the credentials under `path` in one move; False when another start was first. Raises `OSError`."""
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    try:
        _write_private(draft, json.dumps(asdict(credentials), indent=2) + "\n")
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _parsed(path: Path, content: bytes) -> Credentials:
    try:
        values = json.loads(content)
    except ValueError as error:
        raise CredentialsError(f"{path} is not JSON ({error}): restore it, or remove it for new secrets") from error
    names = [each.name for each in fields(Credentials)]
    wrong = [name for name in names if not isinstance(values, dict) or not _is_secret(values.get(name))]
    if wrong:
        raise CredentialsError(f"{path} lacks {', '.join(wrong)}: restore it, or remove it for new secrets")
    if len(values["jwt_secret"].encode()) < LEAST_SECRET_BYTES:
        raise CredentialsError(f"{path} has a jwt_secret of fewer than {LEAST_SECRET_BYTES} bytes")
    return Credentials(**{name: values[name] for name in names})


def _is_secret(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _password() -> str:
    return "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_LENGTH))
