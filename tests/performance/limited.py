"""`python -m tests.performance.limited`: thousands of calls to a slow service that allows only some at once.

A task with so many instances over HTTP, two solo worker processes, a limit of the connector; the time is from the
submission until the case has completed. What a perfect gate would need is the number of calls through the places, each
held for as long as the service takes.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from engine.case import CaseStatus
from tests.chaos.ports import free_port
from tests.installation import Installation
from tests.performance.bench import spread
from tests.redis_server import running_redis

PATIENCE_S = 900.0

CALLS = """
specification: limited
version: "1"
nets:
  main:
    variables:
      count: {schema: {type: integer}, input: true}
      done: {schema: {type: integer}, output: true}
    start: each
    tasks:
      each:
        kind: automated
        connector: slow
        config: {method: GET, url: "/item", timeout_s: 30}
        instances: {count: count, as: number, max: 100000, gather: {variable: done, from: $.status, with: count}}
        next: end
"""


def main() -> None:
    """Runs the benchmark and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=10_000, help="calls of one task (default 10,000)")
    parser.add_argument("--delay-ms", type=float, default=100.0, help="how long the service takes (default 100)")
    parser.add_argument("--at-once", type=int, default=50, help="the connector's concurrency (default 50)")
    parser.add_argument("--threads", type=int, default=32, help="calls that one worker makes at once (default 32)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    arguments = parser.parse_args()
    ideal = arguments.at_once / arguments.delay_ms * 1000
    with TemporaryDirectory() as name, running_redis(Path(name)) as redis_port, _service(arguments.delay_ms) as port:
        place = Path(name)
        limits = f"limits: {{concurrency: {arguments.at_once}}}"
        (place / "slow.yaml").write_text(f"slow: {{connector: http, base_url: 'http://127.0.0.1:{port}', {limits}}}\n")
        variables = {
            "CASEWRIGHT_CONNECTORS": str(place / "slow.yaml"),
            "CASEWRIGHT_CONNECT_THREADS": str(arguments.threads),
        }
        with Installation(f"redis://127.0.0.1:{redis_port}/0", place, variables=variables) as installation:
            _round(installation, "warm", 200)
            rounds = [_round(installation, f"r{n}", arguments.instances) for n in range(arguments.rounds)]
    result: dict[str, Any] = {
        **vars(arguments),
        "calls_per_s": spread([each["calls_per_s"] for each in rounds]),
        "of_what_the_limit_allows": spread([each["calls_per_s"] / ideal for each in rounds]),
        "commands_per_call": spread([each["commands_per_call"] for each in rounds]),
    }
    for key in ("calls_per_s", "of_what_the_limit_allows", "commands_per_call"):
        print(f"  {key:40} {result[key]['median']:>12} {result[key]['min']:>9} {result[key]['max']:>9}")
    print(json.dumps(result))


def _round(installation: Installation, case_id: str, count: int) -> dict[str, float]:
    specification = installation.deploy(CALLS)
    before, began = _commands(installation.redis()), time.perf_counter()
    installation.submit(specification, [(case_id, {"count": count})])
    until = time.monotonic() + PATIENCE_S
    while (case := installation.parts.store.case(case_id)) is None or case.status is not CaseStatus.COMPLETED:
        assert time.monotonic() < until, "the case stands still"
        time.sleep(0.1)
    took = time.perf_counter() - began
    assert case.data["done"] == count
    return {
        "calls_per_s": count / took,
        "commands_per_call": (_commands(installation.redis()) - before) / count,
    }


def _commands(redis: "Redis") -> int:
    """All commands so far, those within scripts too."""
    return int(redis.info("stats")["total_commands_processed"])


@contextmanager
def _service(delay_ms: float) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "tests.performance.quick_service", str(port), str(delay_ms)]
    with subprocess.Popen(argv) as process:
        try:
            time.sleep(1)
            yield port
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
