"""What the registry keeps of connectors: one suite, in memory, on fakeredis and on a real Redis."""

from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest

from engine.store.memory_registry import MemoryRegistry
from engine.store.redis_registry import RedisRegistry
from engine.store.registry import Registry, StoredConnector

STOCK = StoredConnector("stock", {"connector": "http", "limits": {"concurrency": 3}}, 5, "admin")


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    if request.param == "memory":
        yield MemoryRegistry(lambda: 1)
        return
    client: Any = fakeredis.FakeRedis() if request.param == "fakeredis" else request.getfixturevalue("redis_client")
    yield RedisRegistry(client)


def test_a_connector_is_entered_changed_and_removed(registry: Registry) -> None:
    assert registry.put_connector(STOCK)
    assert registry.put_connector(StoredConnector("mail", {"host": "mail.example"}))
    changed = StoredConnector("stock", {"connector": "http"}, 6, "admin")
    assert not registry.put_connector(changed)
    assert registry.connectors() == [StoredConnector("mail", {"host": "mail.example"}), changed]
    assert registry.delete_connector("mail")
    assert not registry.delete_connector("mail")
    assert registry.connectors() == [changed]


def test_every_change_of_a_connector_gives_another_version(registry: Registry) -> None:
    versions = [registry.connectors_version()]
    registry.put_connector(STOCK)
    versions.append(registry.connectors_version())
    registry.put_connector(STOCK)
    versions.append(registry.connectors_version())
    registry.delete_connector("stock")
    versions.append(registry.connectors_version())
    assert len(set(versions)) == 4
    assert registry.connectors_version() == versions[-1]
