"""Backup and restore of many cases: how long it takes, how large the file is, how much memory the command needs.

Each case has half a kilobyte of data, a person's item, two calls and four to eight journal entries. Half have
completed, a quarter wait for a person, a quarter for a connector.
The commands are run as an operator runs them, on a Redis of their own.

python -m tests.performance.backup --cases 100000
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from redis import Redis

from deploy.settings import VARIABLES
from engine.definitions import Definitions
from engine.effects import Distribute
from engine.events import CallAnswered, Distributed
from engine.names import shard_of
from engine.runner import Runner
from engine.spec.read import read_specification
from engine.store.memory import MemoryStore
from engine.store.memory_registry import MemoryRegistry
from engine.store.memory_vault import MemoryVault
from engine.store.port import Reported
from engine.store.redis_store import RedisStore
from engine.store.redis_vault import RedisVault
from engine.store.registry import StoredSpecification
from engine.submission import submission
from engine.worklist import Worklist
from tests.redis_server import running_redis

SHARDS = 16
CHUNK = 2_000
ALL, CALLS, PEOPLE = 0, 1, 2
"""What a case waits for, by its number modulo 4: nothing (0, 3), a connector, a person."""


ORDER = """
specification: order
version: "1"
nets:
  main:
    variables:
      order: {schema: {type: object}, input: true}
      weight: {schema: {type: number}, output: true}
    start: check
    tasks:
      check: {kind: automated, connector: echo, input: {order: $.order}, next: pick}
      pick:
        kind: human
        offer: {roles: [clerk]}
        input: {lines: $.order.lines}
        form: {type: object, required: [weight], properties: {weight: {type: number}}}
        output: {weight: $.weight}
        next: ship
      ship: {kind: automated, connector: echo, input: {to: $.order.customer}, next: end}
"""


class Ran(NamedTuple):
    """One run of a command: seconds by the clock and of a processor, and the most memory it had at once, in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class Clerks:
    """Offers everything to ann."""

    def distribute(self, question: Distribute) -> Distributed:
        return Distributed(question.item, ("ann",))


def main() -> None:
    """Prints a table of the commands with their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, two_redis(Path(directory)) as (full, empty):
        file = Path(directory) / "all.backup"
        began = time.perf_counter()
        moment = _fill(full, arguments.cases)
        held = Redis.from_url(full).info("memory")["used_memory"] / 2**20
        print(f"{arguments.cases:,} cases made in {time.perf_counter() - began:.0f} s; Redis holds {held:,.0f} MiB")
        _show("backup", _run(full, "backup", str(file)))
        size = file.stat().st_size
        print(f"the file has {size:,} bytes, {size / arguments.cases:.0f} for each case")
        _show("verify", _run(full, "verify", str(file)))
        _show("restore", _run(empty, "restore", str(file)))
        restored = Redis.from_url(empty).info("memory")["used_memory"] / 2**20
        print(f"the other Redis holds {restored:,.0f} MiB")
        Redis.from_url(empty).flushall(asynchronous=True)
        _show("restore --until", _run(empty, "restore", str(file), "--until", moment))
        place = {"CASEWRIGHT_ARCHIVE_URL": str(Path(directory) / "archive")}
        _show("archive", _run(full, "archive", "--after", "PT0S", **place))


@contextmanager
def two_redis(directory: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two empty Redis."""
    for name in ("one", "two"):
        (directory / name).mkdir()
    with running_redis(directory / "one") as one, running_redis(directory / "two") as two:
        yield f"redis://127.0.0.1:{one}/0", f"redis://127.0.0.1:{two}/0"


def _fill(url: str, cases: int) -> str:
    """Plays cases in memory and puts them into Redis; gives a moment when all of them had begun."""
    client = Redis.from_url(url)
    vault = RedisVault(client, RedisStore(client, SHARDS).shards)
    chance = random.Random(1)
    specification = read_specification(ORDER)
    stored = StoredSpecification("order", "1", dict(specification.document), ORDER, "application/yaml")
    clock = _Clock()
    for start in range(0, cases, CHUNK):
        store, registry = MemoryStore(SHARDS, clock), MemoryRegistry(clock)
        registry.put_specification(stored)
        runner = Runner(store, Definitions(registry), Clerks)
        worklist = Worklist(store, runner)
        names = [f"order-{n:07}" for n in range(start, min(start + CHUNK, cases))]
        store.submit(
            [
                submission(specification, name, {"order": _order(chance)}, by="ann", correlation_id=name, at=clock())
                for name in names
            ]
        )
        clock.forward()
        _answer(store, runner)
        for number, name in enumerate(names):
            if number % 4 != PEOPLE:
                worklist.claim(f"{name}:2", "ann")
                worklist.start(f"{name}:2", "ann")
                worklist.complete(f"{name}:2", {"weight": chance.random()}, "ann")
        clock.forward()
        _drain(store, runner)
        _answer(store, runner, but=CALLS)
        memory = MemoryVault(store, registry)
        for roots in memory.roots(clock()):
            vault.put_trees(list(memory.trees(roots)))
        if start == 0:
            for kept in memory.registry():
                vault.put_registry(kept)
    return clock.text()


def _order(chance: random.Random) -> dict[str, object]:
    lines = [{"sku": f"{chance.getrandbits(40):x}", "count": chance.randint(1, 9)} for _ in range(8)]
    customer = {
        "name": chance.randbytes(12).hex(),
        "street": chance.randbytes(16).hex(),
        "zip": chance.randint(1, 99_999),
    }
    return {"id": chance.getrandbits(48), "customer": customer, "lines": lines}


class _Clock:
    def __init__(self) -> None:
        self.now = 1_780_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self) -> None:
        self.now += 50

    def text(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now // 1000 + 1))


def _drain(store: MemoryStore, runner: Runner) -> None:
    for shard in range(SHARDS):
        while store.read(shard, 1):
            runner.drain(shard, "bench")


def _answer(store: MemoryStore, runner: Runner, but: int | None = None) -> None:
    """Answers the calls, except those of every fourth case."""
    _drain(store, runner)
    for shard in range(SHARDS):
        taken = store.take_calls(shard, "bench", CHUNK)
        wanted = [each for each in taken if but is None or int(each.call.item[6:13]) % 4 != but]
        store.report(shard, "bench", [Reported(CallAnswered(call.item, n, {"n": 7}), "") for call, n in wanted])
        store.hand_back(shard, "bench", [each for each in taken if each not in wanted])
        assert all(shard_of(call.item, SHARDS) == shard for call, _ in taken)
    _drain(store, runner)


def _run(url: str, *arguments: str, **variables: str) -> Ran:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *arguments], env={**environment, "REDIS_URL": url, **variables}
    )
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return Ran(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _show(command: str, ran: Ran) -> None:
    spent = f"{ran.seconds:.1f} s ({ran.cpu_seconds:.1f} s of a processor)"
    print(f"{command}: {spent}, {ran.peak_mib:.0f} MiB at most", flush=True)


if __name__ == "__main__":
    main()
