"""`python -m tests.performance.queues`: how long a page of a queue of 100,000 items takes, on a real Redis.

The items are written as the store writes them, some hundred cases of many items. Pages are asked for at the beginning,
in the middle and near the end of each queue; what is told is the median and the slowest of each.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

from redis import Redis

from engine.items.urgency import urgency
from engine.items.work_item import ItemState, WorkItem
from engine.names import shard_of
from engine.store import codec, keys
from engine.store.indexing import item_indexes, offer_digest
from engine.store.paging import Cursor
from engine.store.port import ItemQuery
from engine.store.redis_store import RedisStore
from tests.redis_server import running_redis

SHARDS = 16
ITEMS_A_CASE = 100
PAGE = 50
TASKS = ("check", "approve", "pay", "ship")
NOW = 1_700_000_000_000
CLERKS = ("ann", "bob", "cid")


def main() -> None:
    """Fills a Redis, measures, and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000, help="items of each queue (default 100000)")
    parser.add_argument("--rounds", type=int, default=50, help="pages of each kind (default 50)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, running_redis(Path(directory)) as port:
        client = Redis(port=port)
        store = RedisStore(client, SHARDS)
        items = _filled(client, arguments.items)
        result = {
            name: _measured(store, query, items, arguments.rounds) for name, query in _queries(arguments.items).items()
        }
    print(f"{'queue':<34}{'median ms':>12}{'slowest ms':>12}")
    for name, (median, slowest) in result.items():
        print(f"{name:<34}{median:>12.2f}{slowest:>12.2f}")
    print(json.dumps(result))


def _queries(items: int) -> dict[str, ItemQuery]:
    soon = NOW + items // 10
    return {
        "offered to one": ItemQuery(person="ann", state=ItemState.OFFERED, limit=PAGE),
        "started by one": ItemQuery(person="ann", state=ItemState.STARTED, limit=PAGE),
        "all of one": ItemQuery(person="ann", limit=PAGE),
        "unoffered": ItemQuery(state=ItemState.CREATED, limit=PAGE),
        "worklisted": ItemQuery(limit=PAGE),
        "of one task": ItemQuery(person="ann", task="pay", limit=PAGE),
        "of one specification": ItemQuery(person="ann", specification="orders-3", limit=PAGE),
        "due soon": ItemQuery(person="ann", due_before=soon, limit=PAGE),
        "found by a word of every tenth": ItemQuery(person="ann", words=("city=rome",), limit=PAGE),
    }


def _filled(client: "Redis", count: int) -> list[WorkItem]:
    """So many items offered, started and unoffered each."""
    random = Random(1)
    items = []
    pipe = client.pipeline(transaction=False)
    for number in range(3 * count):
        item = _item(number, random)
        items.append(item)
        shard = shard_of(item.id, SHARDS)
        pipe.hset(keys.item(shard, item.id), mapping={"head": codec.item_head(item), "body": codec.pack_item(item)})
        for index, member in item_indexes(item, shard).items():
            pipe.zadd(index, {member: 0})
        if item.state is ItemState.OFFERED:
            pipe.hset(keys.offers(shard), offer_digest(item.offered_to), codec.pack_names(item.offered_to))
        if number % 1000 == 999:
            pipe.execute()
    pipe.execute()
    return items


def _item(number: int, random: Random) -> WorkItem:
    state = (ItemState.OFFERED, ItemState.STARTED, ItemState.CREATED)[number % 3]
    case = f"case{number // ITEMS_A_CASE}"
    return WorkItem(
        id=f"{case}:{number % ITEMS_A_CASE + 1}",
        case_id=case,
        specification=f"orders-{number % 5}",
        specification_version="1",
        net="main",
        task=TASKS[number % len(TASKS)],
        kind="human",
        state=state,
        offered_to=CLERKS if state is ItemState.OFFERED else (),
        owner="ann" if state is ItemState.STARTED else None,
        input={"order": {"id": number, "lines": [{"sku": "a-1", "count": 2}] * 3}},
        priority=random.randrange(3),
        created_at=NOW + number,
        due_at=NOW + random.randrange(1, 10 * number + 2) if number % 2 else 0,
        words=("rome", "city=rome") if number % 10 == 0 else (),
    )


def _measured(store: RedisStore, query: ItemQuery, items: list[WorkItem], rounds: int) -> tuple[float, float]:
    """The median and the slowest time of a page (ms), at places all over the queue."""
    places = sorted(_place(item, query) for item in items if query.wants(item))
    times = []
    for round_ in range(rounds):
        place = places[round_ * len(places) // rounds]
        began = perf_counter()
        page = store.items(replace(query, after=Cursor(0, place).written()))
        times.append((perf_counter() - began) * 1000)
        assert len(page.items) == PAGE or page.next is None
    return statistics.median(times), max(times)


def _place(item: WorkItem, query: ItemQuery) -> str:
    due = f"{item.due_at:013d}" if query.due_before is not None else ""
    return f"{due}{urgency(item)}{item.id}"


if __name__ == "__main__":
    main()
