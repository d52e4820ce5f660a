"""Fixtures that many tests share: a real Redis of the test run's own, empty for each test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.redis_server import running_redis


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A redis-server for this run."""
    with running_redis(tmp_path_factory.mktemp("redis")) as port:
        yield port


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
