"""`python -m tests.performance.fan_out`: a task with thousands of instances beside a Celery chord of as many tasks.

Both sides run alternately in one run on the same Redis, each with two solo worker processes (the pool in which chords
were fastest), after a warm-up. Each instance goes through the connector port as an echo, its outcome is durable and in
the journal, and all outcomes are gathered into one list in the order of the instances; the chord's body counts what it
gets. The time is from the submission until the case has completed, or the body has run.
"""

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from engine.case import CaseStatus
from tests.installation import Installation
from tests.performance.bench import chain_workers, spread
from tests.redis_server import running_redis

PATIENCE_S = 300.0

INSTANCES = """
specification: many-{count}
version: "1"
nets:
  main:
    variables:
      numbers: {{input: true, schema: {{type: array}}}}
      found: {{schema: {{type: array}}}}
    start: each
    tasks:
      each:
        kind: automated
        connector: echo
        instances:
          each: $.numbers
          as: number
          max: {count}
          gather: {{variable: found, from: $.number}}
        input: {{number: $.number}}
        next: end
"""


def main() -> None:
    """Runs the benchmark and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000], help="instances of the one task")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side (default 3)")
    arguments = parser.parse_args()
    results = []
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        url, chord_url = f"redis://127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/1"
        with Installation(url, Path(directory)) as installation, chain_workers(chord_url, Path(directory)):
            chord = _Chord(chord_url)
            _our_round(installation, "warm", 100)
            chord.round(100)
            for size in arguments.sizes:
                pairs = [
                    (_our_round(installation, f"r{number}", size), chord.round(size))
                    for number in range(arguments.rounds)
                ]
                results.append(_told(size, pairs))
    print(json.dumps(results))


def _our_round(installation: Installation, name: str, count: int) -> float:
    """Instances per second of one case."""
    specification = installation.deploy(INSTANCES.format(count=count))
    case_id = f"{name}-{count}"
    began = time.perf_counter()
    installation.submit(specification, [(case_id, {"numbers": list(range(count))})])
    installation.wait_until(lambda: _ended(installation, case_id), f"the end of {case_id}", PATIENCE_S)
    took = time.perf_counter() - began
    case = installation.parts.store.case(case_id)
    assert case is not None and case.data["found"] == list(range(count))
    return count / took


def _ended(installation: Installation, case_id: str) -> bool:
    case = installation.parts.store.case(case_id)
    return case is not None and case.status is CaseStatus.COMPLETED


class _Chord:
    """The client of the chords."""

    def __init__(self, url: str) -> None:
        os.environ["CHAIN_URL"] = url
        from tests.performance.chain import counted, echo

        self._echo, self._counted = echo, counted
        self._redis = Redis.from_url(url)

    def round(self, count: int) -> float:
        """Tasks per second of one chord of so many."""
        from celery import chord

        began = time.perf_counter()
        result = chord((self._echo.s({"number": number}) for number in range(count)), self._counted.s()).apply_async()
        key = f"celery-task-meta-{result.id}"
        while (found := self._redis.get(key)) is None:
            assert time.perf_counter() - began < PATIENCE_S, "the chord stands still"
            time.sleep(0.005)
        took = time.perf_counter() - began
        assert json.loads(found)["result"] == count
        self._redis.flushdb()
        return count / took


def _told(size: int, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "instances": size,
        "casewright_per_s": spread([ours for ours, _ in pairs]),
        "chord_per_s": spread([theirs for _, theirs in pairs]),
        "ratio": spread([ours / theirs for ours, theirs in pairs]),
    }
    print(f"{size:>8} instances                                 median       min       max")
    for name in ("casewright_per_s", "chord_per_s", "ratio"):
        found = result[name]
        print(f"  {name:40} {found['median']:>12} {found['min']:>9} {found['max']:>9}")
    return result


if __name__ == "__main__":
    main()
