"""Fixtures that many tests share: a real Redis of the test run's own, empty for each test."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from xdist.scheduler import LoadScopeScheduling

from tests.redis_server import running_redis
from tests.webhook_receiver import Receiver

ONE_AFTER_ANOTHER = {"chaos": "installations", "e2e": "installations", "integration": "more installations"}
"""Folders of tests with whole installations, and the group whose tests run in one process. More than two installations
at a time would have too little of two cores, and all that run the demo share the one port of its stock service."""


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types, and knows no other way
    """Gives a process all tests of a file, or of folders with whole installations, as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_AFTER_ANOTHER.get(_folder(file), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Where processes share the tests (`-n`): what one of them gets as a whole."""
    return ByFolder(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest is begun first, where processes share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _folder(item.nodeid) not in ONE_AFTER_ANOTHER)


def _folder(nodeid: str) -> str:
    """`e2e` of `tests/e2e/test_up.py::test_it_runs`."""
    return nodeid.removeprefix("tests/").partition("/")[0]


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


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server to which webhooks are sent."""
    receiving = Receiver()
    server = receiving.serve()
    yield receiving
    server.shutdown()
    server.server_close()
