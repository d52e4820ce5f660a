"""`python -m tests.performance.overload --minutes 5`: three times more new cases than can be done, for some minutes.

First the capacity is measured: how many cases a second are done when always some wait. Then so many times that number
arrives every second, each at its moment whether or not the ones before were answered, over real gunicorn, Redis and
workers. What is promised: work that the installation does not take on is refused with 429 and `Retry-After`; what it
takes on is answered soon and done within a bounded time; `/health/ready` goes on answering; and when the rush is over
the backlog drains. Latencies count from the moment at which a request was due, not from when a thread got round to it.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from typing import Any

import requests

from engine.case import CaseStatus
from engine.spec.read import read_specification
from engine.store import keys
from engine.store.registry import StoredSpecification
from tests.chaos.site import DESK, Layout, Site

TASKS = 100
"""Of each case: enough that its work, and not its submission, is what there is too much of."""

MOST_WAITING = 10
"""Events and calls of one shard at which new cases are refused. Few, so that a case is done soon after its answer."""

CLIENTS = 24
WARM_UP_CASES = 20
CAPACITY_CASES = 200
IN_FLIGHT = 100
"""Cases that are under way at once while the capacity is measured."""

DRAINED_WITHIN_S = 300.0
ANSWER_WITHIN_S = 30.0
SAMPLED_EVERY_S = 1.0

ACCEPTED_P99_S = 1.0
DONE_WITHIN_S = 60.0
"""What counts as bounded: for the answer to a case that is accepted, and for its end."""

ACCEPTED, TOO_BUSY = 202, 429


@dataclass(slots=True)
class Sample:
    """The backlog at one moment, and how health answered: its status, how long it took, what it says of a backlog."""

    at_s: float
    waiting: int
    health: int
    health_s: float
    said: int | None


@dataclass(slots=True)
class Rush:
    """What was asked and answered. Seconds; statuses of HTTP, 0 where nobody answered."""

    accepted: list[str] = field(default_factory=list)
    accepted_s: list[float] = field(default_factory=list)
    accepted_in_minute: list[int] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    others: dict[int, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Figures:
    """What came of it. `p50`, `p99` and `max` in seconds."""

    capacity_per_s: float
    offered_per_s: float
    minutes: float
    accepted: int
    refused: int
    refused_without_retry_after: int
    other_answers: dict[int, int]
    accepted_s: dict[str, float]
    accepted_p99_s_by_minute: list[float]
    refused_s: dict[str, float]
    done_s: dict[str, float]
    not_completed: int
    done_per_s: float
    waiting_max: int
    waiting_refused_at: int
    drained_s: float | None
    health_not_ready: int
    health_s: dict[str, float]
    health_shows_backlog: bool


def main(arguments: list[str]) -> int:
    """The exit code: 0 when everything is as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the rush lasts (default 5)")
    parser.add_argument("--times", type=float, default=3.0, help="how many times the capacity (default 3)")
    given = parser.parse_args(arguments)
    layout = Layout(
        redis=("--appendonly", "yes", "--appendfsync", "everysec"),
        settings={"CASEWRIGHT_MOST_WAITING": str(MOST_WAITING)},
    )
    with TemporaryDirectory(prefix="overload-") as directory, Site(Path(directory), layout) as site:
        _deploy(site)
        figures = _figures(site, given.minutes, given.times)
    print(json.dumps(asdict(figures), indent=2))
    problems = problems_of(figures)
    for problem in problems:
        print(f"not as promised: {problem}", file=sys.stderr)
    return 1 if problems else 0


def problems_of(figures: Figures) -> list[str]:
    """What is not as promised."""
    accepted_s, done_s = figures.accepted_s["p99"], figures.done_s["max"]
    promises = {
        "nothing was refused, so this was no overload": figures.refused > 0,
        "a refusal had no Retry-After": figures.refused_without_retry_after == 0,
        f"there were other answers: {figures.other_answers}": not figures.other_answers,
        f"one in a hundred answers to accepted cases took {accepted_s} s": accepted_s < ACCEPTED_P99_S,
        f"an accepted case took {done_s} s": done_s < DONE_WITHIN_S,
        f"{figures.not_completed} accepted cases were not completed": figures.not_completed == 0,
        "the backlog does not drain": figures.drained_s is not None,
        "health was not ready": figures.health_not_ready == 0,
        "health does not show the backlog": figures.health_shows_backlog,
    }
    return [problem for problem, holds in promises.items() if not holds]


def _deploy(site: Site) -> None:
    tasks = {
        f"T{number}": {
            "kind": "automated",
            "connector": "echo",
            "next": f"T{number + 1}" if number + 1 < TASKS else "end",
        }
        for number in range(TASKS)
    }
    document = {"specification": "hundred", "version": "1", "nets": {"main": {"start": "T0", "tasks": tasks}}}
    text = json.dumps(document)
    read = read_specification(text)
    site.parts.registry.put_specification(
        StoredSpecification(read.id, read.version, dict(read.document), text, "application/json")
    )


def _figures(site: Site, minutes: float, times: float) -> Figures:
    _done_per_s(site, "warm", WARM_UP_CASES)
    capacity = _done_per_s(site, "capacity", CAPACITY_CASES)
    _tell(f"capacity: {capacity:.1f} cases of {TASKS} tasks a second; now {times:g} times as many arrive")
    rush = Rush()
    with _sampling(site, rush):
        _let_arrive(site, rush, capacity * times, minutes * 60)
        over = time.monotonic()
        drained = _drained(site)
        drained_s = time.monotonic() - over if drained else None
    lasted = _lasted(site, rush.accepted)
    return Figures(
        capacity_per_s=round(capacity, 1),
        offered_per_s=round(capacity * times, 1),
        minutes=minutes,
        accepted=len(rush.accepted),
        refused=len(rush.refused_s),
        refused_without_retry_after=rush.without_retry_after,
        other_answers=rush.others,
        accepted_s=_spread(rush.accepted_s),
        accepted_p99_s_by_minute=_by_minute(rush),
        refused_s=_spread(rush.refused_s),
        done_s=_spread(lasted),
        not_completed=len(rush.accepted) - len(lasted),
        done_per_s=round(len(lasted) / (minutes * 60 + (drained_s or 0.0)), 1),
        waiting_max=max(sample.waiting for sample in rush.samples),
        waiting_refused_at=MOST_WAITING * site.settings.shards,
        drained_s=round(drained_s, 1) if drained_s is not None else None,
        health_not_ready=sum(sample.health != 200 for sample in rush.samples),
        health_s=_spread([sample.health_s for sample in rush.samples]),
        health_shows_backlog=any(sample.said for sample in rush.samples),
    )


# -- capacity ----------------------------------------------------------------------------------------------------------


def _done_per_s(site: Site, prefix: str, cases: int) -> float:
    """Cases done a second while always some are under way and the API has little to do."""
    client = site.client(DESK)
    left = [f"{prefix}-{number}" for number in range(cases)]
    running: set[str] = set()
    done = 0
    began = time.monotonic()
    while done < cases:
        more, left = left[: IN_FLIGHT - len(running)], left[IN_FLIGHT - len(running) :]
        if more:
            answers = client.start_cases([{"specification": "hundred", "case_id": each, "data": {}} for each in more])
            refused = [each for each, answer in zip(more, answers, strict=True) if "case_id" not in answer]
            left += refused
            running |= set(more) - set(refused)
        found = site.parts.store.load(running, []).cases
        ended = {case_id for case_id, case in found.items() if case.ended}
        running -= ended
        done += len(ended)
        time.sleep(0.02)
    client.close()
    return cases / (time.monotonic() - began)


# -- the rush ----------------------------------------------------------------------------------------------------------


def _let_arrive(site: Site, rush: Rush, per_s: float, for_s: float) -> None:
    """Each case at its moment, by as many clients as are needed."""
    numbers, lock, began = count(), Lock(), time.monotonic()

    def arrive() -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {site.token(DESK)}"
        while True:
            with lock:
                number = next(numbers)
            due = began + number / per_s
            if due > began + for_s:
                return
            time.sleep(max(due - time.monotonic(), 0))
            status, retry_after = _submit(session, site.url, f"rush-{number}")
            took_s = time.monotonic() - due
            with lock:
                _note(rush, f"rush-{number}", status, retry_after, took_s)
                if status == ACCEPTED:
                    rush.accepted_in_minute.append(int((due - began) // 60))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for each in [pool.submit(arrive) for _ in range(CLIENTS)]:
            each.result()


def _submit(session: requests.Session, url: str, case_id: str) -> tuple[int, str | None]:
    body = {"specification": "hundred", "case_id": case_id, "data": {}}
    try:
        response = session.post(f"{url}/api/v1/cases", json=body, timeout=ANSWER_WITHIN_S)
    except requests.RequestException:
        return 0, None
    return response.status_code, response.headers.get("Retry-After")


def _note(rush: Rush, case_id: str, status: int, retry_after: str | None, took_s: float) -> None:
    if status == ACCEPTED:
        rush.accepted.append(case_id)
        rush.accepted_s.append(took_s)
    elif status == TOO_BUSY:
        rush.refused_s.append(took_s)
        rush.without_retry_after += retry_after is None or int(retry_after) < 1
    else:
        rush.others[status] = rush.others.get(status, 0) + 1


# -- what is seen meanwhile --------------------------------------------------------------------------------------------


@contextmanager
def _sampling(site: Site, rush: Rush) -> Iterator[None]:
    """Looks at the backlog and at health every second while the block runs."""
    over, began = Event(), time.monotonic()

    def sample() -> None:
        while not over.wait(SAMPLED_EVERY_S):
            at = time.monotonic()
            response = requests.get(f"{site.url}/health/ready", timeout=ANSWER_WITHIN_S)
            health_s = time.monotonic() - at
            said = _said_backlog(response.json())
            rush.samples.append(Sample(at - began, _waiting(site), response.status_code, health_s, said))

    thread = Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(ANSWER_WITHIN_S)


def _said_backlog(document: Any) -> int | None:
    """The number that health gives as its backlog, wherever it stands in the document."""
    if not isinstance(document, dict):
        return None
    found = [document.get(name) for name in ("backlog", "waiting") if isinstance(document.get(name), int)]
    found += [_said_backlog(part) for part in document.values()]
    return next((number for number in found if number is not None), None)


def _waiting(site: Site) -> int:
    """Events and calls that wait, in all shards."""
    with site.state.client() as redis:
        pipe = redis.pipeline(transaction=False)
        for shard in range(site.settings.shards):
            pipe.xlen(keys.events(shard))
            pipe.zcard(keys.calls(shard))
        return sum(pipe.execute())


def _drained(site: Site) -> bool:
    """Waits until nothing waits any more; False when that takes too long."""
    until = time.monotonic() + DRAINED_WITHIN_S
    while time.monotonic() < until:
        if _waiting(site) == 0:
            return True
        time.sleep(0.05)
    return False


def _lasted(site: Site, case_ids: Sequence[str]) -> list[float]:
    """How many seconds each case took from its acceptance to its end; those that were not completed are missing."""
    lasted = []
    for first in range(0, len(case_ids), 500):
        cases = site.parts.store.load(case_ids[first : first + 500], []).cases
        lasted += [
            (case.updated_at - case.created_at) / 1000 for case in cases.values() if case.status is CaseStatus.COMPLETED
        ]
    return lasted


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Their median, the one that 99 of 100 do not exceed, and the greatest."""
    if len(values) < 2:
        return dict.fromkeys(("p50", "p99", "max"), round(max(values, default=0.0), 3))
    hundredths = quantiles(values, n=100, method="inclusive")
    return {"p50": round(hundredths[49], 3), "p99": round(hundredths[98], 3), "max": round(max(values), 3)}


def _by_minute(rush: Rush) -> list[float]:
    """What 99 of 100 answers to accepted cases do not exceed, in each minute: whether it grows shows here."""
    minutes: dict[int, list[float]] = {}
    for minute, took_s in zip(rush.accepted_in_minute, rush.accepted_s, strict=True):
        minutes.setdefault(minute, []).append(took_s)
    return [_spread(minutes[minute])["p99"] for minute in sorted(minutes)]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
