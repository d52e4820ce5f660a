"""What the tests of the API work on: an application around a store in memory, users with tokens, a drain by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token, create_refresh_token
from werkzeug.datastructures import Headers

from api.app import create_app
from deploy.settings import Settings
from deploy.wiring import Parts, assemble, callbacks_of
from engine.resources.organisation import Participant
from engine.store.access import in_memory
from engine.store.memory import MemoryStore
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import Store
from engine.store.registry import Registry, User

JWT_SECRET = "a secret of the tests, of enough bytes"
START_MS = 1_700_000_000_250

ORDERS = """
specification: orders
version: "1"
title: Orders
schemas:
  Approval: {type: object, required: [approved], properties: {approved: {type: boolean}}}
nets:
  main:
    variables:
      order: {schema: {type: object, required: [id], properties: {id: {type: string}}}, input: true}
      note: {schema: {type: string}, input: true, default: none}
      approved: {schema: {type: boolean}, output: true}
    start: approve
    tasks:
      approve:
        kind: human
        offer: {roles: [clerk]}
        form: {$ref: "#/schemas/Approval"}
        input: {id: "$.order.id"}
        output: {approved: "$.approved"}
        next: end
"""

CHOICE = """
specification: choice
version: "1"
nets:
  main:
    start: [left, right]
    tasks:
      left: {kind: human, offer: {participants: [ann]}, next: end}
      right: {kind: human, offer: {participants: [bob]}, next: end}
"""

CALL = """
specification: call
version: "1"
nets:
  main:
    variables: {text: {schema: {type: string}, default: hello}}
    start: say
    tasks:
      say: {kind: automated, connector: echo, input: {text: "$.text"}, next: end}
"""

ORDER = {"order": {"id": "o-1"}}


class Clock:
    """Milliseconds since 1970 that go on by one each time they are looked at."""

    def __init__(self) -> None:
        self._ticks = count(START_MS)

    def __call__(self) -> int:
        return next(self._ticks)


@dataclass
class RecordingDoorbell:
    """Notes which shards and gates were rung for."""

    rung: list[int] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)

    def ring(self, shard: int) -> None:
        self.rung.append(shard)

    def calls(self, shard: int) -> None:
        self.called.append(shard)

    def let_in(self, gate: str) -> None:
        self.gates.append(gate)


@dataclass
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    text: str
    json: Any = None

    @property
    def content_type(self) -> str | None:
        return self.headers.get("Content-Type")


class Caller:
    """A user who calls the API."""

    def __init__(self, http: FlaskClient, token: str | None) -> None:
        self._http = http
        self._token = token

    def get(self, path: str, **query: Any) -> Answer:
        return self._call("GET", path, query_string=query)

    def get_with(self, path: str, headers: Mapping[str, str]) -> Answer:
        return self._call("GET", path, headers)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self._call("POST", path, headers, json={} if body is None else body)

    def put(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self._call("PUT", path, headers, json=body)

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._call("DELETE", path, headers)

    def send(self, method: str, path: str, content: str | bytes, media_type: str | None) -> Answer:
        return self._call(method, path, data=content, content_type=media_type)

    def deploy(self, text: str) -> Answer:
        return self.send("POST", "/api/v1/specifications", text, "application/yaml")

    def start(self, specification: str = "orders", data: Any = None, **more: Any) -> str:
        given = data if data is not None else (ORDER if specification == "orders" else {})
        answered = self.post("/api/v1/cases", {"specification": specification, "data": given, **more})
        assert answered.status_code == 202, answered.text
        return str(answered.json["case_id"])

    def _call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        answered = self._http.open(path, method=method, headers={**bearer, **(headers or {})}, **more)
        document = answered.get_json() if answered.is_json and answered.data else None
        return Answer(answered.status_code, answered.headers, answered.text, document)


@dataclass
class Bench:
    """An application with its parts."""

    app: Flask
    parts: Parts
    doorbell: RecordingDoorbell

    def user(self, name: str, *access: str, roles: tuple[str, ...] = (), resource_id: str | None = None) -> Caller:
        """A user with these access roles, whose participant has these organisational ones."""
        self.parts.registry.put_user(User(name, None, access, resource_id))
        self.parts.registry.put_participant(Participant(resource_id or name, roles=roles))
        return Caller(self.app.test_client(), self.token(name, *access))

    def token(self, name: str, *access: str, refresh: bool = False) -> str:
        make = create_refresh_token if refresh else create_access_token
        with self.app.app_context():
            return str(make(name, additional_claims={"access": list(access), "resource": name}))

    def anybody(self, token: str | None = None) -> Caller:
        """Somebody without a token, or with this one."""
        return Caller(self.app.test_client(), token)

    @property
    def admin(self) -> Caller:
        return Caller(self.app.test_client(), self.token("admin", "admin"))

    def drain(self) -> None:
        """Has every shard's events handled."""
        for shard in range(self.parts.store.shards):
            # On a busy machine a drain may run out of time and leave events for the next one.
            while (drained := self.parts.runner.drain(shard, "test")) is not None and drained.unfinished:
                continue

    def item_of(self, case_id: str, task: str | None = None) -> str:
        """The id of the only item of a case (and task)."""
        [found] = [i.id for i in self.parts.store.items_of(case_id) if task in (None, i.task)]
        return found


def settings_for(data_dir: Path, **changes: Any) -> Settings:
    given = {"redis_url": "", "broker_url": "", "data_dir": data_dir, "shards": 4, "jwt_secret": JWT_SECRET}
    # A stream goes on for ever: who tries out every route is refused at once.
    given["event_streams"] = 0
    return Settings(**{**given, **changes})


def bench_of(
    settings: Settings,
    store: Store | None = None,
    registry: Registry | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Bench:
    """An application around a store and a registry, in memory unless they are given."""
    clock = Clock()
    doorbell = RecordingDoorbell()
    registry = registry or MemoryRegistry(clock)
    access = in_memory(registry, clock)
    happenings = MemoryHappenings(access.webhooks.wanted)
    parts = assemble(
        settings,
        store or MemoryStore(settings.shards, clock, happenings),
        registry,
        doorbell,
        secrets or {},
        callbacks=callbacks_of(settings),
        access=access,
        happenings=happenings,
    )
    return Bench(create_app(parts), parts, doorbell)
