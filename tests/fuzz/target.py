"""What is fuzzed: an API process on a Redis of its own, with cases that go on meanwhile, and a key that opens all."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from api.client import ApiProblem
from engine.errors import Unavailable
from engine.store.registry import User
from tests.api.bench import CALL, CHOICE, ORDER, ORDERS
from tests.api.served import Served, serving

FUZZER = "fuzzer"
CONFIG = Path(__file__).parent / "schemathesis.toml"
LONGEST_LINE = 400
KNOWN = Path(__file__).parent / "known-names.toml"
"""What Schemathesis is told; `KNOWN` also has the names of things that are there, so that routes get past their 404."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is reached, with which key, and where Schemathesis may keep what it wants to."""

    address: str
    key: str
    directory: Path


@contextmanager
def target(redis_port: int, directory: Path) -> Iterator[Target]:
    """An API with users, specifications and cases; a thread handles events, as a worker would."""
    with contextmanager(serving)(redis_port, directory, requests_per_s=0, waiters=2) as served:
        over = Event()
        drainer = Thread(target=_drain, args=(served, over))
        drainer.start()
        try:
            yield Target(served.address, _prepare(served), directory)
        finally:
            over.set()
            drainer.join(30)


class Fuzzed(NamedTuple):
    """What came of it: the exit code, and what Schemathesis said."""

    code: int
    said: str


def fuzz(target: Target, arguments: Sequence[str], config: Path = CONFIG) -> Fuzzed:
    """Runs Schemathesis; what it says is shown as it comes."""
    # Beside the interpreter, because the environment need not be on the path.
    program = Path(sys.executable).parent / "schemathesis"
    argv = [str(program), "--config-file", str(config), "run", f"{target.address}/api/v1/openapi.json"]
    argv += ["--header", f"Authorization: Bearer {target.key}", *arguments]
    said: list[str] = []
    environment = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
    ) as running:
        assert running.stdout is not None, "it was asked for"
        for line in running.stdout:
            print(line[:LONGEST_LINE].rstrip("\n"), flush=True)
            said.append(line[:LONGEST_LINE])
    return Fuzzed(running.returncode, "".join(said))


def _prepare(served: Served) -> str:
    """Fills it, and gives a key that may everything."""
    admin = served.client("admin", "admin", "admin")
    for text in (ORDERS, CHOICE, CALL):
        admin.deploy(text)
    for number in range(20):
        admin.start_case("orders", ORDER, case_id=f"c{number}")
    admin.put_user(FUZZER, ["admin"])
    admin.put_resource(FUZZER, {"roles": ["clerk"]})
    admin.put_resource("ann", {"roles": ["clerk"]})
    admin.put_access_role("watcher", ["cases:read"])
    admin.put_org_unit("roles", "clerk", {})
    served.parts.registry.put_user(User("ann", access=("participant",)))
    # A key and no token: one that can be revoked would be, sooner or later.
    return str(admin.make_api_key(FUZZER)["key"])


def _drain(served: Served, over: Event) -> None:
    while not over.wait(0.05):
        try:
            served.drain()
        except (Unavailable, ApiProblem):
            continue
