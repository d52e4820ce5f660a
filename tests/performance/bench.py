"""`make bench`: tasks per second beside a plain Celery chain on the same Redis, and the time to the first item.

Both sides run alternately in one run, each with two solo worker processes (the pool in which the chain was fastest),
after a warm-up. Each of the five echo tasks of a case goes through the connector port, and its result is durable and
in the journal before the next one starts. Ratios are what counts: machines differ, and so do two minutes on one.
"""

import argparse
import json
import os
import socket
import statistics
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

from engine.case import CaseStatus
from engine.resources.organisation import Participant
from engine.store import keys
from tests.installation import Installation
from tests.integration.test_orders import FIVE_ECHOES, WITH_A_PERSON
from tests.redis_server import running_redis

TASKS = 5


def main() -> None:
    """Runs the benchmark and prints a table and JSON."""
    arguments = _arguments()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        result = {"sequence": _sequence(port, Path(directory), arguments.cases, arguments.rounds)}
        result["latency_ms"] = _latency(port, Path(directory), arguments.submissions)
    _print_table(result)
    print(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000, help="cases of five tasks a round (default 2000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side (default 5)")
    parser.add_argument("--submissions", type=int, default=300, help="idle submissions over HTTP (default 300)")
    return parser.parse_args()


def _sequence(port: int, directory: Path, cases: int, rounds: int) -> dict[str, Any]:
    """Tasks per second of a sequence of five, on both sides in turn."""
    url, chain_url = f"redis://127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/1"
    ours: list[float] = []
    chains: list[float] = []
    with Installation(url, directory) as installation, chain_workers(chain_url, directory):
        specification = installation.deploy(FIVE_ECHOES)
        chain = _Chain(chain_url)
        _our_round(installation, specification, "warm", 200)
        chain.round(100)
        for number in range(rounds):
            ours.append(_our_round(installation, specification, f"r{number}", cases))
            chains.append(chain.round(cases))
        commands = _commands_per_task(installation, specification, cases)
    ratios = [one / other for one, other in zip(ours, chains, strict=True)]
    return {
        "cases": cases,
        "casewright_tasks_per_s": spread(ours),
        "chain_tasks_per_s": spread(chains),
        "ratio": spread(ratios),
        **commands,
    }


def _our_round(installation: Installation, specification: Any, name: str, cases: int) -> float:
    redis = installation.redis()
    before = completed(redis, installation.parts.store.shards)
    began = time.perf_counter()
    installation.submit(specification, [(f"{name}-{number}", {"n": number}) for number in range(cases)])
    installation.wait_until(
        lambda: completed(redis, installation.parts.store.shards) == before + cases, "the end of a round", 300
    )
    return cases * TASKS / (time.perf_counter() - began)


def completed(redis: "Redis", shards: int) -> int:
    """How many cases have completed."""
    pipe = redis.pipeline(transaction=False)
    for shard in range(shards):
        pipe.zcard(keys.by_status(shard, CaseStatus.COMPLETED))
    return sum(pipe.execute())


def _commands_per_task(installation: Installation, specification: Any, cases: int) -> dict[str, float]:
    redis = installation.redis()
    redis.config_resetstat()
    _our_round(installation, specification, "counted", cases)
    stats = redis.info("commandstats")
    messages = stats.get("cmdstat_lpush", {"calls": 0})["calls"]
    scripts = stats.get("cmdstat_evalsha", {"calls": 0})["calls"]
    return {
        "scripts_per_task": round(scripts / cases / TASKS, 3),
        "messages_per_task": round(messages / cases / TASKS, 4),
    }


class _Chain:
    """The client of the plain Celery chain."""

    def __init__(self, url: str) -> None:
        os.environ["CHAIN_URL"] = url
        from tests.performance.chain import echo

        self._echo = echo
        self._redis = Redis.from_url(url)

    def round(self, cases: int) -> float:
        """Tasks per second of so many chains of five."""
        from celery import chain

        # Every task leaves its result as one key; counting them costs the chain nothing, unlike waiting for each.
        before = self._redis.dbsize()
        began = time.perf_counter()
        for number in range(cases):
            chain(self._echo.s({"n": number}), *(self._echo.s() for _ in range(TASKS - 1))).apply_async()
        while self._redis.dbsize() < before + cases * TASKS:
            assert time.perf_counter() - began < 300, (
                f"the chain stands still at {self._redis.dbsize() - before} results"
            )
            time.sleep(0.01)
        return cases * TASKS / (time.perf_counter() - began)


@contextmanager
def chain_workers(url: str, directory: Path, *pool: str) -> Iterator[None]:
    """Two processes of plain Celery, in the solo pool if no other is named."""
    environment = {**os.environ, "CHAIN_URL": url}
    argv = [sys.executable, "-m", "celery", "--app", "tests.performance.chain", "--quiet", "worker"]
    options = [*(pool or ("--pool", "solo")), "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    with (directory / "chain.log").open("wb") as log:
        workers = [
            subprocess.Popen([*argv, *options, "--hostname", f"chain-{n}@%h"], env=environment, stdout=log, stderr=log)
            for n in (1, 2)
        ]
        yield
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(30)


def _latency(port: int, directory: Path, submissions: int) -> dict[str, float]:
    """Milliseconds from the submission over HTTP until the first item is listed, with nothing else going on."""
    with Installation(f"redis://127.0.0.1:{port}/0", directory) as installation:
        installation.hire(Participant("admin", "Administrator", roles=("admin", "clerk")))
        installation.deploy(WITH_A_PERSON)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = installation.start_api(probe.getsockname()[1])
        session = requests.Session()
        installation.wait_until(lambda: _is_live(session, address), "a live API")
        session.headers["Authorization"] = f"Bearer {installation.token('admin')}"
        times = [_first_item(session, address, f"idle-{number}") for number in range(submissions + 20)][20:]
    ordered = sorted(times)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}


def _is_live(session: requests.Session, address: str) -> bool:
    try:
        return session.get(f"{address}/health/live", timeout=1).ok
    except requests.RequestException:
        return False


def _first_item(session: requests.Session, address: str, case_id: str) -> float:
    body = {"specification": "order", "case_id": case_id, "data": {"n": 1}}
    began = time.perf_counter()
    session.post(f"{address}/api/v1/cases", json=body, timeout=10).raise_for_status()
    while not session.get(f"{address}/api/v1/work-items", params={"case_id": case_id}, timeout=10).json()["items"]:
        assert time.perf_counter() - began < 10, f"no item of {case_id} within 10 s"
    return round((time.perf_counter() - began) * 1000, 2)


def spread(values: list[float]) -> dict[str, float]:
    """The median and the ends of what was measured."""
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


def _print_table(result: dict[str, Any]) -> None:
    sequence, latency = result["sequence"], result["latency_ms"]
    print(f"sequence of {TASKS} echo tasks, {sequence['cases']} cases a round      median       min       max")
    for name in ("casewright_tasks_per_s", "chain_tasks_per_s", "ratio"):
        spread = sequence[name]
        print(f"  {name:40} {spread['median']:>12} {spread['min']:>9} {spread['max']:>9}")
    print(
        f"  scripts per task {sequence['scripts_per_task']}, broker messages per task {sequence['messages_per_task']}"
    )
    print(f"submit over HTTP to first item listed, idle: p50 {latency['p50']} ms, p99 {latency['p99']} ms")


if __name__ == "__main__":
    main()
