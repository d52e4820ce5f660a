"""What `casewright up` runs: every part of Casewright on one machine, as one supervised process tree.

The parts are started by name (`api.wsgi`, `workers.entry`), so this module knows nothing of Flask and Celery. It checks
first what would otherwise fail deep within a part: the data dir, the ports, the rights.
"""

import errno
import http.client
import os
import shlex
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from deploy import embedded_redis
from deploy.credentials import (
    ADMIN_USER,
    FILE_NAME,
    Credentials,
    CredentialsError,
    load_or_create,
    make_private_directory,
)
from deploy.embedded_redis import LOCK_NAME, DataDirInUse, NoRedisServer, RedisTooOld, hold_data_dir
from deploy.processes import ProcessTree, Program
from deploy.settings import VARIABLES, Settings

API_TARGET = "api.wsgi:application"
API_CONFIG = "python:deploy.gunicorn_config"
WORKERS_TARGET = "workers.entry"
WORKER_QUEUES = "dispatch,connect,upkeep"
FLOWER_HOST = "127.0.0.1"

PROBE_WITHIN_S = 1.0
API_READY_WITHIN_S = 60.0
# gunicorn lets requests end for 10 s; a worker ends the batch or the calls it holds.
API_STOP_WITHIN_S = 15.0
WORKER_STOP_WITHIN_S = 20.0
BEAT_STOP_WITHIN_S = 5.0
FLOWER_STOP_WITHIN_S = 5.0

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

WHY_NOT_LISTEN = {
    errno.EADDRINUSE: "is in use",
    errno.EACCES: "may not be opened by this user (ports below 1024 need more rights)",
}


class CannotListen(Exception):
    """A port is busy, or this user may not open it. The message is one line, naming the port and what changes it."""


class DataDirUnusable(Exception):
    """The data dir cannot be made or written. The message is one line, naming it and what changes it."""


REFUSALS = (CannotListen, CredentialsError, DataDirInUse, DataDirUnusable, NoRedisServer, RedisTooOld)


def run_up(
    settings: Settings,
    *,
    external_redis: bool,
    flower: bool,
    on_ready: Callable[[], None] | None = None,
    extra: Sequence[Program] = (),
) -> int:
    """Runs everything until Ctrl-C or SIGTERM. The exit code: 0, or 1 with one line on stderr (or in the stream).

    With `external_redis` the one of the settings is used, else one is started in the data dir. `on_ready` is called
    when the API answers, in a thread of its own. `extra` programs run beside the workers.
    """
    try:
        _check_data_dir(settings.data_dir)
        with hold_data_dir(settings.data_dir) as lock:
            _check_ports(settings, flower=flower)
            outside = _outside_environment(os.environ)
            stages: list[list[Program]] = []
            if not external_redis:
                with _errors_of(settings.data_dir):
                    redis = embedded_redis.prepare(settings.data_dir, os.environ)
                settings = settings.on_redis(redis.url)
                stages.append([embedded_redis.program(redis, outside, lock=lock)])
            # As late as can be: the first start is the one that shows the password.
            credentials, first_start = load_or_create(settings.data_dir)
            stages += _stages(settings, outside, lock, credentials if flower else None)
            if extra:
                stages.insert(-1, list(extra))
            tree = ProcessTree(stages)

            def greet() -> None:
                tree.say(_greeting(settings, credentials, first_start=first_start, flower=flower))
                if on_ready is not None:
                    on_ready()

            return tree.run(greet)
    except REFUSALS as refusal:
        print(f"casewright up: {refusal}", file=sys.stderr)
        return 1


# -- what is checked first ---------------------------------------------------------------------------------------------


def _check_data_dir(data_dir: Path) -> None:
    with _errors_of(data_dir):
        make_private_directory(data_dir)
        make_private_directory(_working_directory(data_dir))
        # Tried rather than asked: a mount may be read-only whatever the mode says.
        tempfile.TemporaryFile(dir=data_dir).close()
        (data_dir / LOCK_NAME).touch(mode=0o600)


@contextmanager
def _errors_of(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"the data dir {data_dir} cannot be used ({error.filename or data_dir}: {error.strerror})"
        raise DataDirUnusable(f"{what}: choose another with --data-dir") from error


def _check_ports(settings: Settings, *, flower: bool) -> None:
    _check_port(settings.host, settings.port, "choose another with --port")
    if flower:
        remedy = "choose another with CASEWRIGHT_FLOWER_PORT, or leave Flower out with --no-flower"
        if settings.flower_port == settings.port:
            raise CannotListen(f"port {settings.port} is asked for by both the API and Flower: {remedy}")
        _check_port(FLOWER_HOST, settings.flower_port, remedy)


def _check_port(host: str, port: int, remedy: str) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotListen(f"the host {host} is not known ({error.strerror}): choose another with --host") from error
    with closing(socket.socket(family, kind, protocol)) as candidate:
        # As gunicorn does: what lingers of a server that was just stopped is no obstacle.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise CannotListen(f"{host} is no address of this machine: choose another with --host") from error
            why = WHY_NOT_LISTEN.get(error.errno or 0, f"cannot be opened ({error.strerror})")
            raise CannotListen(f"port {port} of {host} {why}: {remedy}") from error


# -- what runs ---------------------------------------------------------------------------------------------------------


def _stages(
    settings: Settings, outside: Mapping[str, str], lock: int, flower_credentials: Credentials | None
) -> list[list[Program]]:
    """In the order of their starts; they stop the other way round: the API takes no more work, then the rest ends."""
    environment = {**outside, **settings.environment()}
    stages = [
        [_worker(number, settings, environment) for number in range(1, settings.workers + 1)],
        [_beat(settings, environment)],
        [_api(settings, environment, lock)],
    ]
    if flower_credentials is not None:
        stages.insert(1, [_flower(settings, environment, flower_credentials)])
    return stages


def _api(settings: Settings, environment: Mapping[str, str], lock: int) -> Program:
    return Program(
        name="api",
        argv=(sys.executable, "-m", "gunicorn", "--config", API_CONFIG, API_TARGET),
        env=environment,
        cwd=_working_directory(settings.data_dir),
        ready=lambda: _is_live(settings),
        ready_within_s=API_READY_WITHIN_S,
        stop_within_s=API_STOP_WITHIN_S,
        # gunicorn's own child needs a second to see that its parent was killed, and holds the port until then.
        pass_fds=(lock,),
    )


def _worker(number: int, settings: Settings, environment: Mapping[str, str]) -> Program:
    name = f"worker-{number}"
    options = ("--pool", "solo", "--queues", WORKER_QUEUES, "--hostname", f"{name}@%h")
    return Program(
        name=name,
        argv=_celery(settings, "worker", *options, "--without-gossip", "--without-mingle"),
        env=environment,
        cwd=_working_directory(settings.data_dir),
        stop_within_s=WORKER_STOP_WITHIN_S,
    )


def _beat(settings: Settings, environment: Mapping[str, str]) -> Program:
    return Program(
        name="beat",
        # No pid file: the data dir's lock already sees to it that there is one beat.
        argv=_celery(settings, "beat", "--schedule", str(settings.data_dir / "beat-schedule"), "--pidfile="),
        env=environment,
        cwd=_working_directory(settings.data_dir),
        stop_within_s=BEAT_STOP_WITHIN_S,
    )


def _flower(settings: Settings, environment: Mapping[str, str], credentials: Credentials) -> Program:
    return Program(
        name="flower",
        argv=_celery(settings, "flower", f"--address={FLOWER_HOST}", f"--port={settings.flower_port}"),
        # By the environment, which other users cannot read; a command line they can.
        env={**environment, "FLOWER_BASIC_AUTH": f"{ADMIN_USER}:{credentials.flower_password}"},
        cwd=_working_directory(settings.data_dir),
        stop_within_s=FLOWER_STOP_WITHIN_S,
    )


def _celery(settings: Settings, command: str, *options: str) -> tuple[str, ...]:
    start = (sys.executable, "-m", "celery", "--quiet", "--app", WORKERS_TARGET, command)
    # Flower takes its level from Tornado's option of another name and spelling.
    level = f"--logging={settings.log_level.lower()}" if command == "flower" else f"--loglevel={settings.log_level}"
    return (*start, *options, level)


def _outside_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without its settings, for children that get theirs by `Settings.environment()`.

    The caller's directory stays off the import path: a folder `api` or `workers` there would be taken for ours.
    """
    kept = {name: value for name, value in environ.items() if name not in VARIABLES}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}


def _working_directory(data_dir: Path) -> Path:
    """An empty directory: both gunicorn and Celery put the working directory first on the import path."""
    return data_dir / "run"


# -- what is said ------------------------------------------------------------------------------------------------------


def _is_live(settings: Settings) -> bool:
    # A proxy that the environment names has no business between us and our own machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with closing(direct.open(f"{_api_url(settings)}/health/live", timeout=PROBE_WITHIN_S)) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except (OSError, http.client.HTTPException):
        return False


def _api_url(settings: Settings) -> str:
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _greeting(settings: Settings, credentials: Credentials, *, first_start: bool, flower: bool) -> str:
    """How to log in. The password is shown at the first start only: a log is kept longer than it is looked after."""
    file = settings.data_dir / FILE_NAME
    lines = [f"ready: {settings.public_url or _api_url(settings)}/api/docs"]
    if first_start:
        lines += [
            f"user {ADMIN_USER}, password {credentials.admin_password}",
            f"(shown this once; it stays in {file}, which only you may read)",
        ]
    else:
        lines.append(f"user {ADMIN_USER}, password in {file}")
    lines.append(f"a token: casewright token --data-dir {shlex.quote(str(settings.data_dir))}")
    if flower:
        lines.append(f"Flower: http://{FLOWER_HOST}:{settings.flower_port} (user {ADMIN_USER}, flower_password there)")
    return "\n".join(lines)
