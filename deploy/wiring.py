"""The wiring: which parts an installation is made of, put together in one place from its settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors.callbacks import Callbacks, key_of
from connectors.configuration import built, read
from connectors.function import FunctionConnector
from connectors.kinds import kinds
from connectors.port import Connector
from connectors.registry import Registry as Connectors
from connectors.secrets import Secrets
from deploy import credentials
from deploy.archive_places import Nowhere, place_at
from deploy.doorbell import CeleryDoorbell, Doorbell
from deploy.drawing import Graphviz
from deploy.settings import Settings
from deploy.shared_connector import SharedConnector
from engine.archive.archive import Archive
from engine.definitions import Definitions
from engine.resources.directory import Directory
from engine.runner import Runner
from engine.shared_data import SharedData
from engine.spec.diagnostics import did_you_mean
from engine.spec.picture import Draw
from engine.store.folders import Folders
from engine.store.memory_folders import MemoryFolders
from engine.store.port import Store
from engine.store.redis_folders import RedisFolders
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.redis_vault import RedisVault
from engine.store.registry import Registry
from engine.store.vault import Vault
from engine.worklist import Worklist

SOCKET_TIMEOUT_S = 5.0
"""How long a command may go unanswered. A half-open connection must not hold a worker for ever."""

IDLE_BEFORE_CHECK_S = 15
"""A pooled connection that was idle for longer is checked before it is used: Redis may have restarted."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a process works with."""

    settings: Settings
    store: Store
    registry: Registry
    definitions: Definitions
    directory: Directory
    runner: Runner
    worklist: Worklist
    connectors: Connectors
    doorbell: Doorbell
    draw: Draw
    archive: Archive = field(default_factory=lambda: Archive(Nowhere()))
    folders: Folders = field(default_factory=MemoryFolders)
    callbacks: Callbacks | None = None

    @property
    def shared(self) -> SharedData:
        """What cases share, for those who write it from outside."""
        return SharedData(self.folders, self.store, self.doorbell.ring)


def connect(redis_url: str) -> "Redis":
    """A client of the state's Redis. Commands are not repeated by the client: a script may have been run already."""
    return Redis.from_url(
        redis_url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=IDLE_BEFORE_CHECK_S,
        retry=Retry(NoBackoff(), 0),
    )


def build(settings: Settings) -> Parts:
    """Puts the parts together. Raises `Unavailable` when Redis is away, `Conflict` when it has other shards."""
    client = connect(settings.redis_url)
    store, registry = RedisStore(client, settings.shards), RedisRegistry(client)
    doorbell = CeleryDoorbell(settings.broker_url)
    return assemble(settings, store, registry, doorbell, os.environ, RedisFolders(client), callbacks_of(settings))


def open_vault(settings: Settings) -> Vault:
    """The whole store that the settings lead to. Raises `Unavailable` and `Conflict` as `build` does."""
    client = connect(settings.redis_url)
    return RedisVault(client, RedisStore(client, settings.shards).shards)


def assemble(
    settings: Settings,
    store: Store,
    registry: Registry,
    doorbell: Doorbell,
    environment: Mapping[str, str],
    folders: Folders | None = None,
    callbacks: Callbacks | None = None,
) -> Parts:
    """Puts the parts together around a store, a registry and a doorbell (tests and `play` bring their own).

    `environment` is where connectors find their secrets. Without `folders` what cases share is kept in memory; without
    `callbacks` no connector waits for one.
    """
    definitions = Definitions(registry)
    directory = Directory(registry, SystemRandom())
    folders = folders or MemoryFolders()
    runner = Runner(store, definitions, directory.snapshot, folders)
    return Parts(
        settings=settings,
        store=store,
        registry=registry,
        definitions=definitions,
        directory=directory,
        runner=runner,
        worklist=Worklist(store, runner),
        connectors=connectors_of(settings, environment, SharedData(folders, store, doorbell.ring), callbacks),
        doorbell=doorbell,
        draw=Graphviz(),
        archive=Archive(place_at(settings.archive)),
        folders=folders,
        callbacks=callbacks,
    )


def problems_of_config(
    connectors: Connectors, name: str, config: Mapping[str, Any]
) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the configuration of a task's connector, each with its place within it."""
    connector = connectors.get(name)
    if connector is None:
        known = connectors.names()
        message = f'there is no connector "{name}"{did_you_mean(name, known)}: {", ".join(known)}'
        return [(("connector",), message)]
    return [(problem.path, problem.message) for problem in connector.check_config(config)]


def connectors_of(
    settings: Settings,
    environment: Mapping[str, str],
    shared: SharedData | None = None,
    callbacks: Callbacks | None = None,
) -> Connectors:
    """The connectors an installation has. Without `shared` they are good for checking configurations only.

    Raises `ConfigurationInvalid` and `KindUnusable`.
    """
    secrets, known = Secrets(environment, settings.secrets_dir), kinds()
    configured = read(settings.connectors, known) if settings.connectors is not None else []
    every: list[Connector] = [*built(configured, known, secrets.resolve), SharedConnector(shared)]
    if all(each.name != "function" for each in configured):
        every.append(FunctionConnector(settings.functions_allowed))
    return Connectors(every, secrets, callbacks)


def callbacks_of(settings: Settings) -> Callbacks | None:
    """How tokens of callbacks are made here. Where they have a secret of their own, those that the secret of JWTs has
    signed before still count. None where there is no secret at all: tools that make no calls need none. Raises
    `CredentialsError` where it cannot be read."""
    secrets = [settings.callback_secret, settings.jwt_secret or _own_secret(settings)]
    keys = tuple(key_of(each) for each in secrets if each is not None)
    return Callbacks(keys, settings.public_url or f"http://{settings.host}:{settings.port}") if keys else None


def _own_secret(settings: Settings) -> str | None:
    own = credentials.load(settings.data_dir)
    return own.jwt_secret if own is not None else None
