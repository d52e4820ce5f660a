"""A site: an API with its people, on the store in memory or on a real Redis, whose journals are replayed at the end."""

from collections.abc import Iterator
from json import dumps
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from api.app import create_app
from deploy.wiring import Parts, assemble
from engine.items.work_item import WorkItem
from engine.names import number_of
from engine.replay import replay_journal
from engine.resources.organisation import Participant
from engine.store.detours import Detours
from engine.store.engagements import Engagements
from engine.store.memory import MemoryStore
from engine.store.memory_detours import MemoryDetours
from engine.store.memory_engagements import MemoryEngagements
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import CaseQuery, Store
from engine.store.redis_detours import RedisDetours
from engine.store.redis_engagements import RedisEngagements
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.registry import Registry
from tests.api.bench import Answer, Bench, Caller, Clock, RecordingDoorbell, settings_for

SHARDS = 4

HEAD = """
specification: {name}
version: "1"
nets:
  main:
"""


class Person:
    """Somebody who works in the site."""

    def __init__(self, caller: Caller, name: str) -> None:
        self.name = name
        self.caller = caller

    def move(self, item: str, name: str, **body: Any) -> Answer:
        return self.caller.post(f"/api/v1/work-items/{item}/{name}", body)

    def moves(self, item: str, name: str, **body: Any) -> Any:
        """The item after a move that must succeed."""
        answered = self.move(item, name, **body)
        assert answered.status_code == 200, answered.text
        return answered.json

    def refused(self, item: str, name: str, **body: Any) -> tuple[int, str]:
        """The status and the code of a refusal."""
        answered = self.move(item, name, **body)
        return answered.status_code, answered.json.get("code", "")

    def edit(self, item: str, **changes: Any) -> Answer:
        return self.caller.send("PATCH", f"/api/v1/work-items/{item}", dumps(changes), "application/json")

    def sees(self, item: str) -> bool:
        return self.caller.get(f"/api/v1/work-items/{item}").status_code == 200

    def queue(self, **query: Any) -> list[str]:
        answered = self.caller.get("/api/v1/work-items", **query)
        assert answered.status_code == 200, answered.text
        return [item["item_id"] for item in answered.json["items"]]


class Site:
    """An API with its people. `boss` administers items."""

    def __init__(self, parts: Parts, doorbell: RecordingDoorbell) -> None:
        self.bench = Bench(create_app(parts), parts, doorbell)
        self.boss = Person(self.bench.admin, "admin")

    @property
    def store(self) -> Store:
        return self.bench.parts.store

    def person(self, name: str, *roles: str, privileges: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> Person:
        """Somebody new, with these roles, privileges and groups."""
        caller = self.bench.user(name, "participant")
        self.bench.parts.registry.put_participant(Participant(name, roles=roles, privileges=privileges, groups=groups))
        return Person(caller, name)

    def sends_away(self, name: str, *roles: str) -> None:
        """Somebody is not available from now on."""
        self.bench.parts.registry.put_participant(Participant(name, roles=roles, available=False))

    def deploy(self, name: str, net: str) -> None:
        """Deploys a specification of one net, given as it stands below `main:`."""
        answered = self.bench.admin.deploy(HEAD.format(name=name) + net)
        assert answered.status_code == 201, answered.text

    def start(self, specification: str, case_id: str, **data: Any) -> str:
        self.bench.admin.start(specification, data, case_id=case_id)
        self.drain()
        return case_id

    def drain(self) -> None:
        self.bench.drain()

    def wait_for_timers(self) -> None:
        """Timers of milliseconds are due."""
        sleep(0.005)
        self.store.fire_timers(range(SHARDS), 100)
        self.drain()

    def item(self, case_id: str, task: str) -> WorkItem:
        """The newest item of a task."""
        return [item for item in self.store.items_of(case_id) if item.task == task][-1]

    def states(self, case_id: str) -> dict[str, str]:
        """The state of the newest item of each task."""
        return {item.task: item.state.value for item in self.store.items_of(case_id)}

    def does(self, person: Person, case_id: str, task: str, **output: Any) -> str:
        """Somebody starts and completes the newest item of a task."""
        item = self.item(case_id, task)
        if item.state != "started":
            person.moves(item.id, "start")
        person.moves(item.id, "complete", output=output)
        self.drain()
        return item.id

    def status(self, case_id: str) -> str:
        case = self.store.case(case_id)
        assert case is not None
        return case.status.value

    def check_replay(self) -> None:
        """Every journal leads to the case and the items as they are stored."""
        find = self.bench.parts.definitions.get
        for case in self.store.cases(CaseQuery(limit=500)).cases:
            replayed = replay_journal(case.id, self.store.journal(case.id), find)
            assert replayed.case == case
            items = [replayed.items[item] for item in sorted(replayed.items, key=number_of)]
            assert items == self.store.items_of(case.id)


def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An site on the store that a test's parameter names. At the end its journals are replayed."""
    clock, doorbell = Clock(), RecordingDoorbell()
    store: Store
    registry: Registry
    detours: Detours
    engagements: Engagements
    if request.param == "redis":
        client = request.getfixturevalue("redis_client")
        store, registry, detours = RedisStore(client, SHARDS), RedisRegistry(client), RedisDetours(client, SHARDS)
        engagements = RedisEngagements(client)
    else:
        store, registry, detours = MemoryStore(SHARDS, clock), MemoryRegistry(clock), MemoryDetours()
        engagements = MemoryEngagements()
    settings = settings_for(tmp_path, shards=SHARDS)
    site = Site(assemble(settings, store, registry, doorbell, {}, detours=detours, engagements=engagements), doorbell)
    yield site
    site.drain()
    site.check_replay()
