"""The state's Redis for a command that works on it directly, not through the API.

Where the environment names none it is the one of `casewright up` in the data dir: the running one, or, while nothing
runs, one that is started for as long as the command takes.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy import embedded_redis
from deploy.credentials import make_private_directory
from deploy.embedded_redis import (
    READY_WITHIN_S,
    STOP_WITHIN_S,
    EmbeddedRedis,
    NoRedisServer,
    answers,
    hold_data_dir,
)
from deploy.settings import Settings, redis_is_named

POLL_S = 0.05


@contextmanager
def reached_redis(settings: Settings, environ: Mapping[str, str]) -> Iterator[Settings]:
    """The settings with the address of the Redis that holds the state, while the block lasts.

    Raises `NoRedisServer`, `RedisTooOld` or `DataDirInUse` where one had to be started and cannot.
    """
    if redis_is_named(environ):
        yield settings
        return
    url = running_url(settings)
    if url is not None:
        yield settings.on_redis(url)
        return
    make_private_directory(settings.data_dir)
    with hold_data_dir(settings.data_dir) as lock:
        redis = embedded_redis.prepare(settings.data_dir, environ)
        with _started(redis, environ, lock):
            yield settings.on_redis(redis.url)


def running_url(settings: Settings) -> str | None:
    """The address of the Redis that `casewright up` runs in the data dir; None when it does not run."""
    path = settings.data_dir / "redis" / "redis.conf"
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    port, password = re.search(r"^port (\d+)$", text, re.MULTILINE), re.search(r"^requirepass (\S+)$", text, re.M)
    if port is None or password is None:
        return None
    version = embedded_redis.RedisServer(path, (0, 0, 0))
    redis = EmbeddedRedis(version, int(port[1]), path, password[1])
    return redis.url if answers(redis) else None


@contextmanager
def _started(redis: EmbeddedRedis, environ: Mapping[str, str], lock: int) -> Iterator[None]:
    program = embedded_redis.program(redis, environ, lock=lock)
    process = subprocess.Popen(
        program.argv, env={**os.environ, **(program.env or {})}, stdout=subprocess.DEVNULL, pass_fds=program.pass_fds
    )
    try:
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not answers(redis):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise NoRedisServer(f"{redis.server.executable} does not start; its data is in {redis.config_file}")
            time.sleep(POLL_S)
        yield
    finally:
        process.terminate()
        process.wait(STOP_WITHIN_S)
