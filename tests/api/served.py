"""The API as it runs: gunicorn with threads, on a real Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from redis import Redis

from api.client import ApiUnreachable, Client
from deploy.settings import Settings
from deploy.wiring import Parts, assemble
from engine.resources.organisation import Participant
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_store import RedisStore
from engine.store.registry import User
from tests.api.bench import JWT_SECRET, RecordingDoorbell, settings_for
from tests.chaos.ports import free_port

SHARDS = 4
READY_WITHIN_S = 30


class Served:
    """An API process, and the parts of a drainer beside it."""

    def __init__(self, address: str, parts: Parts, redis_port: int) -> None:
        self.address = address
        self.parts = parts
        self.redis_port = redis_port

    def drain(self) -> None:
        for shard in range(SHARDS):
            # A drain that had no time left has given the shard back with events in it.
            while (drained := self.parts.runner.drain(shard, "test")) is None or drained.unfinished:
                time.sleep(0.005)

    def client(self, name: str, access: str, *roles: str) -> Client:
        """A client of a user, who is entered with a participant of these roles."""
        self.parts.registry.put_user(User(name, None, (access,)))
        self.parts.registry.put_participant(Participant(name, roles=roles))
        claims = {"sub": name, "access": [access], "resource": name, "jti": uuid4().hex, "exp": int(time.time()) + 600}
        return Client(self.address, jwt.encode(claims, JWT_SECRET))

    def position(self) -> str:
        """The position of now among the changes of items."""
        return self.parts.store.changes(None, 0, 0).position

    def wait_until(self, fact: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while not fact():
            assert time.monotonic() < until, f"waited for {what}"
            time.sleep(0.02)


def serving(redis_port: int, data_dir: Path, **changes: Any) -> Iterator[Served]:
    """An API process with these settings, on an empty Redis. Starting it takes a second."""
    redis_url = f"redis://127.0.0.1:{redis_port}/0"
    Redis(port=redis_port).flushall()
    port = free_port()
    settings = settings_for(data_dir, redis_url=redis_url, broker_url=redis_url, port=port, shards=SHARDS, **changes)
    running = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "python:deploy.gunicorn_config", "api.wsgi:application"],
        env=os.environ | settings.environment(),
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(address, running)
        yield Served(address, _parts(settings, Redis(port=redis_port)), redis_port)
    finally:
        running.terminate()
        running.wait(20)


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    client, until = Client(address), time.monotonic() + READY_WITHIN_S
    while True:
        assert process.poll() is None, "the API ended"
        try:
            assert client.ready()["status"] == "ready"
            return
        except ApiUnreachable:
            assert time.monotonic() < until, "the API does not begin to answer"
            time.sleep(0.05)


def _parts(settings: Settings, client: "Redis") -> Parts:
    store, registry = RedisStore(client, SHARDS), RedisRegistry(client)
    return assemble(settings, store, registry, RecordingDoorbell(), {})
