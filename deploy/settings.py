"""The settings of one installation: read once from the environment into one frozen value.

Every process of an installation reads the same variables, so `Settings.environment()` gives what a child process needs
to arrive at the same settings. An empty variable counts as absent: that is what `${NAME:-}` in a compose file leaves.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from connectors.configuration import is_name
from engine.data.moments import MomentInvalid, later

PREFIX = "CASEWRIGHT_"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
REDIS_SCHEMES = ("redis", "rediss")
BROKER_SCHEMES = ("redis", "rediss", "sentinel", "amqp", "amqps")
WEB_SCHEMES = ("http", "https")

# HS256 signs with a key of at least its own 256 bits (RFC 7518, section 3.2).
LEAST_SECRET_BYTES = 32

LEAST_BETWEEN_BACKUPS_S = 60
"""More often no backup is taken by schedule: it could last as long."""

YEAR_S = 365 * 86_400
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

N = TypeVar("N", int, float)

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:([A-Za-z_]\w*|\*)")


class SettingsError(Exception):
    """Some variables hold what is not accepted. `problems` has one line for each, naming variable and value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every part of one installation agrees on. `CASEWRIGHT_<NAME>` is the variable of each field.

    The addresses of Redis and of the broker may hold a password, so they stay out of the `repr`, as the secret does.
    """

    redis_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    data_dir: Path
    shards: int = 16
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    api_threads: int = 16
    event_streams: int = 32
    flower_port: int = 5555
    jwt_secret: str | None = field(default=None, repr=False)
    jwt_previous_secrets: tuple[str, ...] = field(default=(), repr=False)
    issuers: Path | None = None
    requests_per_s: int = 1000
    waiters: int = 16
    cors_origins: tuple[str, ...] = ()
    token_lifetime_s: int = 3600
    refresh_lifetime_s: int = 7 * 86_400
    secrets_dir: Path | None = None
    connectors: Path | None = None
    callback_secret: str | None = field(default=None, repr=False)
    functions_allowed: tuple[str, ...] = ()
    connect_threads: int = 32
    log_level: str = "INFO"
    recover_every_s: float = 1.0
    tick_every_s: float = 0.25
    most_waiting: int = 10_000
    max_body_bytes: int = 2 * MIB
    public_url: str | None = None
    mail_notices: str | None = None
    backup_directory: Path | None = None
    backup_every: str | None = None
    backup_keep: int = 7
    archive_url: str | None = None
    archive_after: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The settings that `environ` says. Raises `SettingsError` with all problems at once."""
        read = _Reader(environ)
        redis_url = read.redis_url() or DEFAULT_REDIS_URL
        plain = cls(redis_url=redis_url, broker_url=redis_url, data_dir=read.data_dir())
        settings = cls(
            redis_url=redis_url,
            broker_url=read.url("broker_url", BROKER_SCHEMES, several=True) or redis_url,
            data_dir=plain.data_dir,
            shards=read.integer("shards", plain.shards, 1, 1024),
            host=read.host("host") or plain.host,
            port=read.integer("port", plain.port, 1, 65_535),
            workers=read.integer("workers", plain.workers, 1, 256),
            api_threads=read.integer("api_threads", plain.api_threads, 1, 1024),
            event_streams=read.integer("event_streams", plain.event_streams, 0, 1024),
            flower_port=read.integer("flower_port", plain.flower_port, 1, 65_535),
            jwt_secret=read.secret("jwt_secret"),
            jwt_previous_secrets=read.secrets("jwt_previous_secrets"),
            issuers=read.path("issuers"),
            requests_per_s=read.integer("requests_per_s", plain.requests_per_s, 0, 1_000_000),
            waiters=read.integer("waiters", plain.waiters, 0, 1024),
            cors_origins=read.origins("cors_origins"),
            token_lifetime_s=read.integer("token_lifetime_s", plain.token_lifetime_s, 1, YEAR_S),
            refresh_lifetime_s=read.integer("refresh_lifetime_s", plain.refresh_lifetime_s, 1, YEAR_S),
            secrets_dir=read.path("secrets_dir"),
            connectors=read.path("connectors"),
            callback_secret=read.secret("callback_secret"),
            functions_allowed=read.dotted_names("functions_allowed"),
            connect_threads=read.integer("connect_threads", plain.connect_threads, 1, 1024),
            most_waiting=read.integer("most_waiting", plain.most_waiting, 1, 10_000_000),
            log_level=read.log_level("log_level") or plain.log_level,
            recover_every_s=read.seconds("recover_every_s", plain.recover_every_s, 0.05, 3600.0),
            tick_every_s=read.seconds("tick_every_s", plain.tick_every_s, 0.05, 60.0),
            max_body_bytes=read.integer("max_body_bytes", plain.max_body_bytes, KIB, GIB),
            public_url=(read.url("public_url", WEB_SCHEMES) or "").rstrip("/") or None,
            mail_notices=read.connector("mail_notices"),
            backup_directory=read.path("backup_directory"),
            backup_every=read.duration("backup_every", LEAST_BETWEEN_BACKUPS_S),
            backup_keep=read.integer("backup_keep", plain.backup_keep, 1, 100_000),
            archive_url=read.place("archive_url"),
            archive_after=read.duration("archive_after"),
        )
        if read.problems:
            raise SettingsError(tuple(read.problems))
        return settings

    @property
    def backups(self) -> Path:
        """Where backups go that nobody gave a place."""
        return self.backup_directory or self.data_dir / "backups"

    @property
    def archive(self) -> str:
        """Where the archive is: a directory, or the address of an object store."""
        return self.archive_url or str(self.data_dir / "archive")

    @property
    def backup_every_s(self) -> float | None:
        """How long it is from one backup by schedule to the next."""
        return _seconds(self.backup_every) if self.backup_every is not None else None

    @property
    def archive_after_s(self) -> float | None:
        """How long after its end a case goes to the archive by itself."""
        return _seconds(self.archive_after) if self.archive_after is not None else None

    def environment(self) -> dict[str, str]:
        """The variables from which a child process reads these same settings. What is None has no variable."""
        return {variable(name): _written(value) for name, value in asdict(self).items() if value is not None}

    def on_redis(self, redis_url: str) -> Self:
        """These settings on another Redis. A broker that has an address of its own keeps it."""
        broker_url = redis_url if self.broker_url == self.redis_url else self.broker_url
        return replace(self, redis_url=redis_url, broker_url=broker_url)


def variable(name: str) -> str:
    """The environment variable of one field: `variable("port") == "CASEWRIGHT_PORT"`."""
    return PREFIX + name.upper()


REDIS_VARIABLES = (variable("redis_url"), "REDIS_URL")
# What a process must not inherit beside `Settings.environment()`: an old value could survive where the new is None.
VARIABLES = frozenset(variable(each.name) for each in fields(Settings)) | frozenset(REDIS_VARIABLES)


def redis_is_named(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a Redis, so that none has to be started."""
    return any(environ.get(name, "").strip() for name in REDIS_VARIABLES)


def _written(value: str | float | Path | tuple[str, ...]) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


class _Reader:
    """Reads fields one by one, notes what is wrong with them and goes on, so that all problems come at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def redis_url(self) -> str | None:
        """The first of its two variables that is set; our own name wins over the general one."""
        given = next((name for name in REDIS_VARIABLES if self._text(name)), REDIS_VARIABLES[0])
        return self._url(given, REDIS_SCHEMES, several=False)

    def data_dir(self) -> Path:
        """The one that is named, else the place that the XDG Base Directory Specification 0.8 gives it."""
        named = self.path("data_dir")
        if named is not None:
            return named
        shared = Path(self._text("XDG_DATA_HOME") or "")
        if shared.is_absolute():  # a relative one is to be ignored, says the specification
            return shared / "casewright"
        try:
            home = Path(self._text("HOME") or Path.home())
        except RuntimeError:
            self._refuse(variable("data_dir"), "", "a directory, because this user has no home")
            home = Path()
        return home / ".local" / "share" / "casewright"

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        given = self._text(variable(name))
        if given is None:
            return default
        value = _number(int, given)
        if value is None or not least <= value <= most:
            self._refuse(variable(name), given, f"a whole number from {least} to {most}")
            return default
        return value

    def seconds(self, name: str, default: float, least: float, most: float) -> float:
        given = self._text(variable(name))
        if given is None:
            return default
        value = _number(float, given)
        if value is None or not least <= value <= most:
            self._refuse(variable(name), given, f"a number of seconds from {least:g} to {most:g}")
            return default
        return value

    def path(self, name: str) -> Path | None:
        """Absolute, because the processes that share the settings need not share a working directory."""
        given = self._text(variable(name))
        if given is None:
            return None
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError:
            self._refuse(variable(name), given, "a path whose ~ belongs to a known user")
            return None

    def url(self, name: str, schemes: tuple[str, ...], *, several: bool = False) -> str | None:
        return self._url(variable(name), schemes, several=several)

    def host(self, name: str) -> str | None:
        given = self._text(variable(name))
        if given is not None and re.search(r"[\s/]", given):
            self._refuse(variable(name), given, "a host name or an address of this machine")
        return given

    def log_level(self, name: str) -> str | None:
        given = self._text(variable(name))
        if given is not None and given.upper() not in LOG_LEVELS:
            self._refuse(variable(name), given, f"one of {', '.join(LOG_LEVELS)}")
        return given.upper() if given is not None else None

    def connector(self, name: str) -> str | None:
        given = self._text(variable(name))
        if given is not None and not is_name(given):
            self._refuse(variable(name), given, "the name of a connector, such as mail")
        return given

    def dotted_names(self, name: str) -> tuple[str, ...]:
        given = self._text(variable(name)) or ""
        names = tuple(part.strip() for part in given.split(",") if part.strip())
        for each in names:
            if not _CALLABLE.fullmatch(each):
                accepted = "callables separated by commas, such as shop.stock:reserve or shop.stock:*"
                self._refuse(variable(name), each, accepted)
        return names

    def duration(self, name: str, least_s: float = 0) -> str | None:
        given = self._text(variable(name))
        if given is None:
            return None
        try:
            accepted = _seconds(given) >= least_s
        except MomentInvalid:
            accepted = False
        if not accepted:
            least = f" of at least {least_s:g} seconds" if least_s else ""
            self._refuse(variable(name), given, f"a duration{least} such as PT6H or P30D")
        return given

    def place(self, name: str) -> str | None:
        """A directory, made absolute, or the address of an object store."""
        given = self._text(variable(name))
        if given is None or "://" in given:
            return given
        path = self.path(name)
        return str(path) if path is not None else None

    def secret(self, name: str) -> str | None:
        given = self._text(variable(name))
        if given is not None and len(given.encode()) < LEAST_SECRET_BYTES:
            shown = f"<{len(given.encode())} bytes>"
            self._refuse(variable(name), shown, f"a secret of at least {LEAST_SECRET_BYTES} bytes")
        return given

    def secrets(self, name: str) -> tuple[str, ...]:
        """Secrets separated by commas."""
        given = tuple(part.strip() for part in (self._text(variable(name)) or "").split(",") if part.strip())
        for each in given:
            if len(each.encode()) < LEAST_SECRET_BYTES:
                shown = f"<{len(each.encode())} bytes>"
                self._refuse(variable(name), shown, f"secrets of at least {LEAST_SECRET_BYTES} bytes, by commas")
        return given

    def origins(self, name: str) -> tuple[str, ...]:
        """Origins of web pages (RFC 6454) separated by commas."""
        given = tuple(part.strip() for part in (self._text(variable(name)) or "").split(",") if part.strip())
        for each in given:
            if not _ORIGIN.fullmatch(each):
                self._refuse(variable(name), each, "origins such as https://tasks.example.org, separated by commas")
        return given

    def _url(self, name: str, schemes: tuple[str, ...], *, several: bool) -> str | None:
        given = self._text(name)
        if given is None:
            return None
        # Sentinels and clustered brokers are named one after another, each with its scheme (kombu's notation).
        if not all(_is_url(each, schemes) for each in (given.split(";") if several else [given])):
            accepted = f"an address such as {schemes[0]}://host:port (schemes: {', '.join(schemes)})"
            self._refuse(name, _without_password(given), accepted)
        return given

    def _text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def _refuse(self, name: str, value: str, accepted: str) -> None:
        self.problems.append(f"{name}={value} is not accepted: it takes {accepted}")


def _number(kind: type[N], given: str) -> N | None:
    try:
        return kind(given)
    except ValueError:
        return None


def _seconds(duration: str) -> float:
    """How long an ISO 8601 duration is, counted from 1970. Raises `MomentInvalid`."""
    return later(0, duration) / 1000


def _is_url(given: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _without_password(url: str) -> str:
    return re.sub(r"//.*@", "//***@", url)
