"""Fixtures that many tests share: a real Redis of the test run's own, empty for each test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError

from deploy.embedded_redis import find_redis_server


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A redis-server for this run, on a port of its own."""
    directory = tmp_path_factory.mktemp("redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = find_redis_server(os.environ)
    process = subprocess.Popen(
        [str(server.executable), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)],
        stdout=subprocess.DEVNULL,
    )
    client = Redis(port=port)
    for _ in range(500):
        try:
            client.ping()
            break
        except (ConnectionError, BusyLoadingError):
            assert process.poll() is None, "the test's redis-server ended"
            client.connection_pool.disconnect()
            time.sleep(0.02)
    yield port
    process.terminate()
    process.wait(10)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """The address of an empty Redis."""
    Redis(port=redis_port).flushall()
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture
def redis_client(redis_url: str) -> Iterator["Redis"]:
    """A client of an empty Redis."""
    client = Redis.from_url(redis_url)
    yield client
    client.close()


GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
