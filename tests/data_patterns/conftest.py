"""Each data pattern is tried on a store in memory and on a real Redis, and every journal is replayed afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import create_app
from deploy.wiring import assemble
from engine.resources.organisation import Participant
from engine.store.folders import Folders
from engine.store.memory import MemoryStore
from engine.store.memory_folders import MemoryFolders
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import Store
from engine.store.redis_folders import RedisFolders
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.registry import Registry
from tests.api.bench import Bench, Clock, RecordingDoorbell, settings_for
from tests.connectors.local_server import LocalServer
from tests.data_patterns.site import Site
from tests.local_connectors import allowing_this_machine

SHARDS = 4


@pytest.fixture(params=["memory", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An installation with nothing deployed."""
    store: Store
    registry: Registry
    folders: Folders
    if request.param == "redis":
        client = request.getfixturevalue("redis_client")
        store, registry, folders = RedisStore(client, SHARDS), RedisRegistry(client), RedisFolders(client)
    else:
        clock = Clock()
        store, registry, folders = MemoryStore(SHARDS, clock), MemoryRegistry(clock), MemoryFolders()
    doorbell = RecordingDoorbell()
    settings = settings_for(tmp_path, shards=SHARDS, connectors=allowing_this_machine(tmp_path))
    parts = assemble(settings, store, registry, doorbell, {}, folders)
    bench = Bench(create_app(parts), parts, doorbell)
    registry.put_participant(Participant("admin", roles=("clerk",)))
    yield (made := Site(bench, bench.admin))
    made.check_replay()
    parts.connectors.close()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A service outside."""
    local = LocalServer()
    stop = local.start()
    yield local
    stop()
