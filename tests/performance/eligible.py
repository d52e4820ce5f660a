"""`python -m tests.performance.eligible`: who may get an item, and who comes first, in organisations of any size.

A composite filter (a role, a capability to a level, no member of a group, nobody who has too much in hand, no manager)
over people of whom some are absent and all have working hours; then the ten best by the shortest queue. Also one
absence entered, as every process follows it, and the choice among all people. What people have in hand is read from
memory here; with `--redis` also what asking a real Redis for it takes.
"""

import argparse
import json
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from msgspec.structs import replace
from redis import Redis

from engine.data.mapping import Source
from engine.effects import Distribute
from engine.resources.allocators import ALLOCATORS, Allocation, best
from engine.resources.directory import Directory, eligible_bits
from engine.resources.filters import All, Filter, Holds, Not, Of, Workload
from engine.resources.history import Counter
from engine.resources.index import Index
from engine.resources.organisation import Absence, Level, OrgUnit, Participant, Unit, organisation_of
from engine.resources.working_hours import Shift, WorkingHours
from engine.spec.model import Interaction
from engine.store.memory_registry import MemoryRegistry
from engine.store.redis_store import RedisStore
from tests.redis_server import running_redis

NOW = 1_767_603_600_000  # a Monday, 9 o'clock in UTC
DAY_MS = 86_400_000
SHIFT = (Shift("06:00", "20:00"),)
HOURS = [
    WorkingHours(SHIFT, SHIFT, SHIFT, SHIFT, SHIFT, timezone=zone) for zone in ("UTC", "Europe/Berlin", "Europe/London")
]

FILTER: Filter = All(
    (
        Of(Unit.ROLES, (), ("clerk",)),
        Holds("french", at_least=Source(value="B1"), read=("B1", None, ())),
        Not(Of(Unit.GROUPS, (), ("night",))),
        Not(Of(Unit.ROLES, (), ("manager",))),
        Workload(at_most=4),
    )
)
QUESTION = Distribute(
    "c:1", "pick", (), (), (), (), (), Interaction(), specification="orders", at=NOW, filter=FILTER,
    ranked_by="shortest_queue", top=10,
)  # fmt: skip


class InMemory:
    """Histories of which all is known already."""

    def __init__(self, loads: dict[str, int]) -> None:
        self._loads = loads

    def workloads(self, people: Any) -> dict[str, int]:
        return self._loads

    def history(self, specification: str, task: str, people: Any, counters: Any) -> dict[str, dict[Counter, int]]:
        return {}


def people(count: int) -> list[Participant]:
    """An organisation: a third clerks, a tenth managers, a quarter with some French, a hundredth absent."""
    luck = Random(count)
    found = []
    for number in range(count):
        roles = ("clerk",) if number % 3 == 0 else ("manager",) if number % 10 == 0 else ("other",)
        levels: dict[str, Level] = {"french": luck.choice(("A1", "A2", "B1", "B2"))} if luck.random() < 0.25 else {}
        absences = (Absence(NOW - DAY_MS, NOW + DAY_MS),) if luck.random() < 0.01 else ()
        groups = ("night",) if luck.random() < 0.2 else ("day",)
        found.append(
            Participant(
                f"p{number:06}", roles=roles, levels=levels, absences=absences, groups=groups, hours=HOURS[number % 3]
            )
        )
    return found


def measured(rounds: int, work: Any) -> dict[str, float]:
    """Milliseconds of a piece of work: the median and the 99th percentile of so many rounds."""
    taken = []
    for _ in range(rounds):
        begun = perf_counter()
        work()
        taken.append((perf_counter() - begun) * 1000)
    taken.sort()
    return {"p50_ms": round(median(taken), 4), "p99_ms": round(taken[int(len(taken) * 0.99)], 4)}


def organisation_of_size(count: int, rounds: int) -> dict[str, Any]:
    """What distribution takes among so many people."""
    registry = MemoryRegistry(lambda: NOW)
    everybody = people(count)
    french = OrgUnit("french", type="scale", scale=("A1", "A2", "B1", "B2"))
    registry.put_organisation(everybody, [(Unit.CAPABILITIES, french)])
    luck = Random(1)
    histories = InMemory({person.id: luck.randrange(9) for person in everybody})
    begun = perf_counter()
    index = Index(organisation_of(1, everybody, [(Unit.CAPABILITIES, french)]))
    built_ms = (perf_counter() - begun) * 1000
    directory = Directory(registry, histories)
    directory.index()
    eligible = index.names(eligible_bits(QUESTION, index, histories))

    def first_ten(question: Distribute) -> None:
        names = index.names(eligible_bits(question, index, histories))
        given = Allocation("orders", "pick", "c:1", NOW, (), index, histories)
        best(names, ALLOCATORS["shortest_queue"](names, given), 10, "c:1")

    absent = iter(range(10_000_000))

    def somebody_is_absent() -> None:
        person = everybody[next(absent) % count]
        registry.put_participant(replace(person, absences=(Absence(NOW, NOW + DAY_MS),)))
        directory.index().there(NOW)

    return {
        "people": count,
        "eligible": len(eligible),
        "index_ms": round(built_ms, 1),
        "filter_and_ten_best": measured(rounds, lambda: first_ten(QUESTION)),
        "ten_best_of_all": measured(max(rounds // 10, 5), lambda: first_ten(replace(QUESTION, filter=None))),
        "whole_distribution": measured(rounds, lambda: directory.snapshot().distribute(QUESTION)),
        "an_absence_entered": measured(min(rounds, 50), somebody_is_absent),
    }


def asking_redis(counts: list[int]) -> list[dict[str, Any]]:
    """How long a real Redis takes to say what people have in hand, and what they did."""
    found = []
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        store = RedisStore(Redis(port=port), 16)
        for count in counts:
            names = [f"p{number:06}" for number in range(count)]
            counters = (Counter.COMPLETED_AT,)
            found.append(
                {
                    "candidates": count,
                    "workloads": measured(20, lambda: store.workloads(names)),  # noqa: B023
                    "history": measured(20, lambda: store.history("orders", "pick", names, counters)),  # noqa: B023
                }
            )
    return found


def main() -> None:
    """Runs the benchmark and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="sizes")
    parser.add_argument("--rounds", type=int, default=500, help="rounds (default 500)")
    parser.add_argument("--redis", action="store_true", help="also ask a real Redis for workloads")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"sizes": [organisation_of_size(count, arguments.rounds) for count in arguments.people]}
    if arguments.redis:
        result["redis"] = asking_redis([10, 100, 1_000])
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
