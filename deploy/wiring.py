"""The wiring: which parts an installation is made of, put together in one place from its settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors.callbacks import Callbacks, key_of
from connectors.configuration import read
from connectors.function import FunctionConnector
from connectors.kinds import kinds
from connectors.port import Connector
from connectors.registry import Registry as Connectors
from connectors.secrets import Secrets
from deploy import credentials
from deploy.archive_places import Nowhere, place_at
from deploy.doorbell import CeleryDoorbell, Doorbell
from deploy.drawing import Graphviz
from deploy.installed_allocators import installed_allocators
from deploy.installed_connectors import InstalledConnectors
from deploy.recently import Recently
from deploy.settings import Settings
from deploy.shared_connector import SharedConnector
from deploy.steering_connector import SteeringConnector
from engine.archive.archive import Archive
from engine.definitions import Definitions
from engine.erasure.traces import Traces
from engine.exceptions.rule_book import RuleBook
from engine.exceptions.rule_keeper import RuleKeeper
from engine.resources.directory import Directory
from engine.resources.out_of_turn import DetouredDistributor
from engine.resources.persons import person_of
from engine.runner import Runner
from engine.shared_data import SharedData
from engine.spec.diagnostics import did_you_mean
from engine.spec.picture import Draw
from engine.store.access import Access, in_memory
from engine.store.detours import Detours
from engine.store.engagements import Engagements
from engine.store.folders import Folders
from engine.store.gates import Gates
from engine.store.happenings import Happenings
from engine.store.memory_detours import MemoryDetours
from engine.store.memory_engagements import MemoryEngagements
from engine.store.memory_folders import MemoryFolders
from engine.store.memory_gates import MemoryGates
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import Store
from engine.store.redis_answers import RedisAnswers
from engine.store.redis_audit import RedisAudit
from engine.store.redis_detours import RedisDetours
from engine.store.redis_engagements import RedisEngagements
from engine.store.redis_folders import RedisFolders
from engine.store.redis_gates import RedisGates
from engine.store.redis_happenings import RedisHappenings
from engine.store.redis_quotas import RedisQuotas
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_rights import RedisRights
from engine.store.redis_store import RedisStore
from engine.store.redis_traces import RedisTraces
from engine.store.redis_vault import RedisVault
from engine.store.redis_webhooks import RedisWebhooks
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
    installed: InstalledConnectors
    doorbell: Doorbell
    gates: Gates
    access: Access
    happenings: Happenings
    draw: Draw
    archive: Archive = field(default_factory=lambda: Archive(Nowhere()))
    folders: Folders = field(default_factory=MemoryFolders)
    callbacks: Callbacks | None = None

    @property
    def shared(self) -> SharedData:
        """What cases share, for those who write it from outside."""
        return SharedData(self.folders, self.store, self.doorbell.ring)

    @property
    def rules(self) -> RuleKeeper:
        """What was learnt about exceptions, for those who teach."""
        return RuleKeeper(self.registry)


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
    webhooks = RedisWebhooks(client)
    wanted = Recently(webhooks.wanted).known if settings.mail_notices is None else lambda: True
    store, registry = RedisStore(client, settings.shards, wanted), RedisRegistry(client)
    doorbell = CeleryDoorbell(settings.broker_url)
    return assemble(
        settings,
        store,
        registry,
        doorbell,
        os.environ,
        RedisFolders(client),
        callbacks_of(settings),
        RedisGates(client),
        RedisDetours(client, settings.shards),
        RedisEngagements(client),
        Access(RedisRights(client), RedisQuotas(client), RedisAnswers(client), RedisAudit(client), webhooks),
        RedisHappenings(client),
    )


def open_vault(settings: Settings) -> Vault:
    """The whole store that the settings lead to. Raises `Unavailable` and `Conflict` as `build` does."""
    client = connect(settings.redis_url)
    return RedisVault(client, RedisStore(client, settings.shards).shards)


def open_traces(settings: Settings) -> Traces:
    """What the store that the settings lead to knows of people beside the cases. Raises as `build` does."""
    client = connect(settings.redis_url)
    return RedisTraces(client, RedisStore(client, settings.shards).shards)


def assemble(
    settings: Settings,
    store: Store,
    registry: Registry,
    doorbell: Doorbell,
    environment: Mapping[str, str],
    folders: Folders | None = None,
    callbacks: Callbacks | None = None,
    gates: Gates | None = None,
    detours: Detours | None = None,
    engagements: Engagements | None = None,
    access: Access | None = None,
    happenings: Happenings | None = None,
) -> Parts:
    """Puts the parts together around a store, a registry and a doorbell (tests and `play` bring their own).

    `environment` is where connectors find their secrets. Without `folders` what cases share is kept in memory, without
    `gates` how many calls are under way, without `detours` who piles and chains, without `engagements` what is engaged,
    without `access` what is kept about who asks, without `happenings` nobody is told what commits tell; without
    `callbacks` no connector waits for one.
    """
    definitions = Definitions(registry)
    folders = folders or MemoryFolders()
    steering = SteeringConnector(store, doorbell.ring)
    installed = installed_connectors(
        settings, environment, registry, SharedData(folders, store, doorbell.ring), callbacks, steering
    )
    directory = Directory(registry, store, installed_allocators())
    detours = detours or MemoryDetours()
    distributor = partial(_distributor, directory, detours)
    runner = Runner(store, definitions, distributor, folders, RuleBook(registry.rule_set))
    return Parts(
        settings=settings,
        store=store,
        registry=registry,
        definitions=definitions,
        directory=directory,
        runner=runner,
        worklist=Worklist(
            store, runner, lambda name: person_of(directory.now(), name), detours, engagements or MemoryEngagements()
        ),
        connectors=installed.connectors,
        installed=installed,
        doorbell=doorbell,
        gates=gates or MemoryGates(store.now),
        access=access or in_memory(registry, store.now),
        happenings=happenings or MemoryHappenings(),
        draw=Graphviz(),
        archive=Archive(place_at(settings.archive), monotonic),
        folders=folders,
        callbacks=callbacks,
    )


def _distributor(directory: Directory, detours: Detours) -> DetouredDistributor:
    """Answers the questions of one batch to whom items go."""

    def is_available(name: str) -> bool:
        participant = directory.now().participants.get(name)
        return participant is not None and participant.available

    return DetouredDistributor(directory.snapshot(), detours, is_available)


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


def installed_connectors(
    settings: Settings,
    environment: Mapping[str, str],
    registry: Registry,
    shared: SharedData | None = None,
    callbacks: Callbacks | None = None,
    steering: SteeringConnector | None = None,
) -> InstalledConnectors:
    """The connectors an installation has. Without `shared` they are good for checking configurations only.

    Raises `Unavailable`, `ConfigurationInvalid` and `KindUnusable`.
    """
    secrets, known = Secrets(environment, settings.secrets_dir), kinds()
    of_files = read(settings.connectors, known) if settings.connectors is not None else []
    own: list[Connector] = [SharedConnector(shared)]
    if steering is not None:
        own.append(steering)
    if all(each.name != "function" for each in of_files):
        own.append(FunctionConnector(settings.functions_allowed))
    connectors = Connectors((), secrets, callbacks)
    installed = InstalledConnectors(connectors, of_files, own, known, secrets.resolve, registry)
    installed.refresh()
    return installed


def connectors_of(settings: Settings, environment: Mapping[str, str]) -> Connectors:
    """The connectors that stand in the settings, to check configurations with where no store is asked.

    Raises `ConfigurationInvalid` and `KindUnusable`.
    """
    return installed_connectors(settings, environment, MemoryRegistry(lambda: 0)).connectors


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
