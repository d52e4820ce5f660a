"""An office on a store in memory and on a real Redis; when a test is over, every journal leads to what is stored."""

from collections.abc import Iterator

import pytest

from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from tests.patterns.conftest import Clock
from tests.resources.office import Office

SHARDS = 2


def _by_itself(ms: int) -> None:
    """The clock of a real Redis needs nobody."""


def in_memory() -> Office:
    clock = Clock()

    def pass_time(ms: int) -> None:
        clock.now += ms

    return Office(MemoryStore(SHARDS, clock), MemoryRegistry(clock), pass_time)


@pytest.fixture(params=["memory", "redis"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    """An office with nobody in it."""
    if request.param == "redis":
        client = request.getfixturevalue("redis_client")
        client.flushall()
        made = Office(RedisStore(client, SHARDS), RedisRegistry(client), _by_itself)
    else:
        made = in_memory()
    yield made
    for case in made.cases:
        case.check_replay()


@pytest.fixture
def timed_office() -> Iterator[Office]:
    """An office whose clock is the test's."""
    made = in_memory()
    yield made
    for case in made.cases:
        case.check_replay()
