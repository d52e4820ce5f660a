"""Cases of small nets: started by `play` on each store, and replayed from their journals after each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.spec.model import Specification
from engine.store.memory import MemoryStore
from engine.store.port import Store
from engine.store.redis_store import RedisStore
from tests.patterns.played import Play, Played

SHARDS = 2


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self) -> None:
        self.now += 1


def _by_itself() -> None:
    """The clock of a real Redis needs nobody."""


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Iterator[Play]:
    """Starts cases, one at a time. When the test is over, the journal of each leads to what is stored."""
    played: list[Played] = []

    def start(specification: Specification, *others: Specification, **data: Any) -> Played:
        store: Store
        if request.param == "redis":
            client = request.getfixturevalue("redis_client")
            client.flushall()
            store, forward = RedisStore(client, SHARDS), _by_itself
        else:
            clock = Clock()
            store, forward = MemoryStore(SHARDS, clock), clock.forward
        played.append(Played.started(store, forward, specification, data, others))
        return played[-1]

    yield start
    # On Redis a case has taken the place of the one before it.
    for each in played if request.param == "memory" else played[-1:]:
        each.check_replay()
