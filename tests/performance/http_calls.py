"""`python -m tests.performance.http_calls`: HTTP tasks a second beside plain Celery tasks that do the same.

A service on this machine answers after 0, 10 and 100 ms. On our side cases of five HTTP tasks in sequence, each call
by the `http` connector with its guard, its key and its deadline, each outcome in the journal; on the other side plain
Celery tasks with one `requests` session for each thread, whose answer is the task's result. Two processes on either
side, and as many calls in flight; alternately in one run, on the same Redis, after a warm-up.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from redis import Redis

from engine.spec.model import Specification
from tests.chaos.ports import free_port
from tests.installation import Installation
from tests.performance.bench import TASKS, chain_workers, completed, spread
from tests.redis_server import running_redis

PATIENCE_S = 300.0

CALLS = """
specification: calls
version: "{port}"
nets:
  main:
    start: a
    tasks:
      a: {{kind: automated, connector: http, config: {config}, next: b}}
      b: {{kind: automated, connector: http, config: {config}, next: c}}
      c: {{kind: automated, connector: http, config: {config}, next: d}}
      d: {{kind: automated, connector: http, config: {config}, next: e}}
      e: {{kind: automated, connector: http, config: {config}, next: end}}
"""


def main() -> None:
    """Runs the benchmark and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 10, 100], help="ms that the service takes")
    parser.add_argument("--in-flight", type=int, default=32, help="calls at the same time on each side (default 32)")
    parser.add_argument("--pool", default="threads", help="the pool of plain Celery (default threads, its best)")
    parser.add_argument("--seconds", type=float, default=15.0, help="about how long a round takes (default 15)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side (default 3)")
    arguments = parser.parse_args()
    each = arguments.in_flight // 2
    results = []
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        url, plain_url = f"redis://127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/1"
        pool = ("--pool", arguments.pool, "--concurrency", str(each))
        with (
            Installation(url, Path(directory), variables={"CASEWRIGHT_CONNECT_THREADS": str(each)}) as installation,
            chain_workers(plain_url, Path(directory), *pool),
        ):
            plain = _Plain(plain_url)
            for delay_ms in arguments.delays:
                with _service(delay_ms) as service:
                    specification = installation.deploy(CALLS.format(port=service, config=_config(service)))
                    _our_round(installation, specification, f"warm-{delay_ms}", 100)
                    rate = plain.round(service, 500)
                    cases = int(rate * arguments.seconds) // TASKS
                    pairs = [
                        (
                            _our_round(installation, specification, f"r{delay_ms}-{number}", cases),
                            plain.round(service, cases * TASKS),
                        )
                        for number in range(arguments.rounds)
                    ]
                results.append(_told(delay_ms, cases, pairs))
    print(json.dumps(results))


def _config(port: int) -> str:
    return f'{{method: GET, url: "http://127.0.0.1:{port}/items/chair"}}'


def _our_round(installation: Installation, specification: Specification, name: str, cases: int) -> float:
    """Tasks per second of so many cases of five tasks."""
    redis, shards = installation.redis(), installation.parts.store.shards
    before = completed(redis, shards)
    began = time.perf_counter()
    installation.submit(specification, [(f"{name}-{number}", {}) for number in range(cases)])
    installation.wait_until(lambda: completed(redis, shards) == before + cases, f"the end of {name}", PATIENCE_S)
    return cases * TASKS / (time.perf_counter() - began)


class _Plain:
    """The client of plain Celery."""

    def __init__(self, url: str) -> None:
        os.environ["CHAIN_URL"] = url
        from tests.performance.chain import get

        self._get = get
        self._redis = Redis.from_url(url)

    def round(self, port: int, calls: int) -> float:
        """Tasks per second of so many single tasks."""
        # Every task leaves its result as one key; counting them costs nothing, unlike waiting for each.
        before = self._redis.dbsize()
        began = time.perf_counter()
        for number in range(calls):
            self._get.delay(f"http://127.0.0.1:{port}/items/chair", str(number))
        while self._redis.dbsize() < before + calls:
            assert time.perf_counter() - began < PATIENCE_S, f"stands still at {self._redis.dbsize() - before} results"
            time.sleep(0.01)
        return calls / (time.perf_counter() - began)


@contextmanager
def _service(delay_ms: int) -> Iterator[int]:
    port = free_port()
    service = subprocess.Popen([sys.executable, "-m", "tests.performance.quick_service", str(port), str(delay_ms)])
    try:
        _wait_for(port)
        yield port
    finally:
        service.terminate()
        service.wait(10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
            return
        except requests.ConnectionError:
            assert time.monotonic() < until, "the service does not answer"
            time.sleep(0.05)


def _told(delay_ms: int, cases: int, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "delay_ms": delay_ms,
        "tasks": cases * TASKS,
        "casewright_tasks_per_s": spread([ours for ours, _ in pairs]),
        "celery_tasks_per_s": spread([theirs for _, theirs in pairs]),
        "ratio": spread([ours / theirs for ours, theirs in pairs]),
    }
    print(f"{delay_ms} ms, {cases * TASKS} tasks".ljust(43) + "  median       min       max")
    for name in ("casewright_tasks_per_s", "celery_tasks_per_s", "ratio"):
        found = result[name]
        print(f"  {name:40} {found['median']:>12} {found['min']:>9} {found['max']:>9}")
    return result


if __name__ == "__main__":
    main()
