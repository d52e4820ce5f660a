"""The parts of an installation with a failpoint in one of them."""

import os
from dataclasses import replace

from deploy.doorbell import CeleryDoorbell
from deploy.settings import Settings
from deploy.wiring import Parts, assemble, connect
from engine.store.redis_gates import RedisGates
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from tests.chaos.failpoints import Counter, Failing


def build_failing(settings: Settings, counter: Counter | None = None) -> Parts:
    """What `deploy.wiring.build` builds, with the failpoint that the environment names."""
    counter = counter or Counter.from_environment(os.environ)
    client = connect(settings.redis_url)
    store = Failing("store", RedisStore(client, settings.shards), counter)
    doorbell = Failing("doorbell", CeleryDoorbell(settings.broker_url), counter)
    parts = assemble(settings, store, RedisRegistry(client), doorbell, os.environ, gates=RedisGates(client))
    return replace(parts, connectors=Failing("connectors", parts.connectors, counter))  # type: ignore[arg-type]
