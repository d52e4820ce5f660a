"""`python -m tests.performance.race`: 100 clients race for 1,000 items, 50 rounds; each item gets exactly one owner.

Each item is tried by some clients (`--rivals`), chosen by a seed, and all go through theirs in the same order: so at
any moment many claim the same few. After a round nothing is offered any more, and the items are read from Redis and
compared with what each client was told.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from time import perf_counter

from api.client import ApiProblem, Client
from engine.items.work_item import ItemState
from tests.api.served import Served, serving
from tests.redis_server import running_redis

AT_ONCE = 500
RIVALS = 5
ORDERS = """
specification: race
version: "1"
nets:
  main:
    start: win
    tasks:
      win: {kind: human, offer: {roles: [runner]}, next: end}
"""


@dataclass(slots=True)
class Told:
    """What one client was told: the items it won, and how often somebody was faster."""

    won: list[str] = field(default_factory=list)
    lost: int = 0
    unexpected: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round."""

    wins: int
    losses: int
    seconds: float
    faults: list[str]


def main() -> None:
    """Races, and prints what came of it; exit code 1 when an item has not exactly one owner."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--rivals", type=int, default=RIVALS, help="clients that try each item (default 5)")
    given = parser.parse_args()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        rounds = []
        for served in serving(port, Path(directory), requests_per_s=0):
            clients = runners(served, given.clients)
            for number in range(given.rounds):
                rounds.append(race(served, clients, given.items, number, given.rivals))
                print(f"round {number + 1}: {rounds[-1]}", flush=True)
    faults = [fault for each in rounds for fault in each.faults]
    wins, losses = sum(each.wins for each in rounds), sum(each.losses for each in rounds)
    result = {"rounds": len(rounds), "claims_won": wins, "claims_lost": losses, "faults": len(faults)}
    print(json.dumps(result))
    sys.exit(1 if faults else 0)


def runners(served: Served, count: int) -> list[Client]:
    """So many people to whom everything is offered."""
    admin = served.client("admin", "admin", "admin")
    admin.deploy(ORDERS)
    return [served.client(f"runner-{number}", "participant", "runner") for number in range(count)]


def race(served: Served, clients: list[Client], items: int, number: int, rivals: int = RIVALS) -> Round:
    """One round: so many new items, and all clients at once."""
    admin = served.client("admin", "admin", "admin")
    names = [f"r{number}-{each}" for each in range(items)]
    for start in range(0, items, AT_ONCE):
        admin.start_cases([{"specification": "race", "case_id": name} for name in names[start : start + AT_ONCE]])
    served.drain()
    told = [Told() for _ in clients]
    chosen: list[list[str]] = [[] for _ in clients]
    luck = Random(number)
    for name in names:
        for rival in luck.sample(chosen, min(rivals, len(clients))):
            rival.append(f"{name}:1")
    together = Barrier(len(clients))
    racing = [
        Thread(target=_run, args=(client, told[index], together, chosen[index])) for index, client in enumerate(clients)
    ]
    began = perf_counter()
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    return _judged(served, names, told, perf_counter() - began)


def _run(client: Client, told: Told, together: Barrier, chosen: list[str]) -> None:
    together.wait()
    for item in chosen:
        try:
            client.claim(item)
            told.won.append(item)
        except ApiProblem as problem:
            if problem.status == 409:
                told.lost += 1
            else:
                told.unexpected.append(f"{item}: {problem}")
    left = client.items(state="offered", limit=1)["items"]
    told.unexpected += [f"{item['item_id']} is still offered" for item in left if item["item_id"] in chosen]


def _judged(served: Served, names: list[str], told: list[Told], seconds: float) -> Round:
    faults = [fault for each in told for fault in each.unexpected]
    winners = Counter(item for each in told for item in each.won)
    owners = {item: f"runner-{index}" for index, each in enumerate(told) for item in each.won}
    for name in names:
        [item] = served.parts.store.items_of(name)
        if winners[item.id] != 1:
            faults.append(f"{item.id} was won {winners[item.id]} times")
        elif (item.state, item.owner) != (ItemState.ALLOCATED, owners[item.id]):
            faults.append(f"{item.id} is {item.state} of {item.owner}, and was won by {owners[item.id]}")
    return Round(sum(winners.values()), sum(each.lost for each in told), round(seconds, 2), faults)


if __name__ == "__main__":
    main()
