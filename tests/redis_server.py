"""A real redis-server for tests and benchmarks, on a port of its own."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError

from deploy.embedded_redis import find_redis_server
from tests.chaos.ports import free_port


@contextmanager
def running_redis(directory: Path, *options: str) -> Iterator[int]:
    """A redis-server with its files in `directory`; gives its port, and ends with the block."""
    port = free_port()
    server = find_redis_server(os.environ)
    argv = [str(server.executable), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    process = subprocess.Popen([*argv, *options], stdout=subprocess.DEVNULL)
    client = Redis(port=port)
    for _ in range(500):
        try:
            client.ping()
            break
        except (ConnectionError, BusyLoadingError):
            assert process.poll() is None, "the redis-server ended"
            time.sleep(0.02)
    try:
        yield port
    finally:
        client.close()
        process.terminate()
        process.wait(10)
