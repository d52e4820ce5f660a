"""`python -m tests.performance.http_api`: requests a second to a real API process, and how long each takes.

One API process (gunicorn with threads) on a real Redis with its append-only file off; clients in a process beside it
keep their connections, each for one person with a queue of his own. Clients, server and Redis share the machine, which
is said with the result. Measured are listing one's queue (50 items a page), claiming, starting, completing.
"""

import argparse
import http.client
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from time import perf_counter
from urllib.parse import urlsplit

from tests.api.served import Served, serving
from tests.redis_server import running_redis

AT_ONCE = 500
SPECIFICATION = """
specification: bench
version: "1"
nets:
  main:
    variables:
      owner: {schema: {type: string}, input: true}
      approved: {schema: {type: boolean}, output: true}
    start: approve
    tasks:
      approve:
        kind: human
        offer: {participants: ["$.owner"]}
        form: {type: object, required: [approved], properties: {approved: {type: boolean}}}
        output: {approved: "$.approved"}
        next: end
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one kind of request came to: how many a second, and milliseconds at three quantiles."""

    requests: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works: his token, and the items of his queue."""

    token: str
    items: list[str]


def main() -> None:
    """Measures, and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8, help="people who work at the same time (default 8)")
    parser.add_argument("--items", type=int, default=500, help="items of each (default 500)")
    given = parser.parse_args()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        for served in serving(port, Path(directory), requests_per_s=0):
            people = _prepared(served, given.clients, given.items)
            with get_context("spawn").Pool(1) as apart:
                result: dict[str, Measured] = apart.apply(_measure, (served.address, people))
            served.drain()
    print(f"{os.cpu_count()} cores for clients, API and Redis; {given.clients} clients")
    print(f"{'request':<12}{'requests':>10}{'a second':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    for name, each in result.items():
        numbers = f"{each.p50_ms:>9.1f}{each.p95_ms:>9.1f}{each.p99_ms:>9.1f}"
        print(f"{name:<12}{each.requests:>10,}{each.per_s:>10,.0f}{numbers}")
    print(json.dumps({name: [each.per_s, each.p50_ms, each.p95_ms, each.p99_ms] for name, each in result.items()}))


def _prepared(served: Served, people: int, items: int) -> list[Person]:
    """People with full queues."""
    admin = served.client("admin", "admin", "admin")
    admin.deploy(SPECIFICATION)
    prepared = []
    for number in range(people):
        name = f"p{number}"
        token = served.client(name, "participant").token
        cases = [f"{name}-{each}" for each in range(items)]
        for start in range(0, items, AT_ONCE):
            wanted = cases[start : start + AT_ONCE]
            admin.start_cases([{"specification": "bench", "case_id": each, "data": {"owner": name}} for each in wanted])
        served.drain()
        assert token is not None, "a client is made with a token"
        prepared.append(Person(token, [f"{case}:1" for case in cases]))
    return prepared


def _measure(address: str, people: Sequence[Person]) -> dict[str, Measured]:
    """In a process of its own."""
    kinds: dict[str, Callable[[str], tuple[str, str, str]]] = {
        "list": lambda item: ("GET", "/api/v1/work-items?limit=50", ""),
        "claim": lambda item: ("POST", f"/api/v1/work-items/{item}/claim", "{}"),
        "start": lambda item: ("POST", f"/api/v1/work-items/{item}/start", "{}"),
        "complete": lambda item: ("POST", f"/api/v1/work-items/{item}/complete", '{"output": {"approved": true}}'),
    }
    return {name: _of_kind(address, people, request) for name, request in kinds.items()}


def _of_kind(address: str, people: Sequence[Person], request: Callable[[str], tuple[str, str, str]]) -> Measured:
    took: list[list[float]] = [[] for _ in people]
    together = Barrier(len(people) + 1)
    working = [
        Thread(target=_work, args=(address, person, request, times, together))
        for person, times in zip(people, took, strict=True)
    ]
    for each in working:
        each.start()
    together.wait()
    began = perf_counter()
    for each in working:
        each.join()
    seconds = perf_counter() - began
    times = [each for some in took for each in some]
    assert len(times) == sum(len(person.items) for person in people), "a client was refused"
    cuts = quantiles(times, n=100)
    return Measured(len(times), round(len(times) / seconds), *(round(cuts[at] * 1000, 2) for at in (49, 94, 98)))


def _work(
    address: str,
    person: Person,
    request: Callable[[str], tuple[str, str, str]],
    times: list[float],
    together: Barrier,
) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    together.wait()
    for item in person.items:
        method, path, body = request(item)
        began = perf_counter()
        connection.request(method, path, body or None, headers)
        answered = connection.getresponse()
        content = answered.read()
        if answered.status != 200:
            print(f"{method} {path}: {answered.status} {content[:300]!r}")
            return
        times.append(perf_counter() - began)
    connection.close()


if __name__ == "__main__":
    main()
