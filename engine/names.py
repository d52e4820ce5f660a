"""Names of cases, items and shards: deterministic, and the shard can be read from any of them.

A root case is `[A-Za-z0-9_-]{1,64}`; a child case is `<parent>.<n>`; an item or a run is `<case>:<n>`, where n is
counted in the case. `.` and `:` cannot occur in a root, so the root of any name is what stands before the first
of them.
"""

import re
from binascii import crc32

ROOT_CASE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
CASE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[0-9]{1,10})*")
ITEM_ID = re.compile(r"([A-Za-z0-9_-]{1,64}(?:\.[0-9]{1,10})*):([0-9]{1,10})")


def item_id(case_id: str, number: int) -> str:
    """The name of the item or run that was counted `number` in its case."""
    return f"{case_id}:{number}"


def child_id(case_id: str, number: int) -> str:
    """The name of the child case that the run with a number started."""
    return f"{case_id}.{number}"


def child_number(case_id: str) -> int:
    """The number, in its parent, of the run that started a child case."""
    return int(case_id.rpartition(".")[2])


def parent_of(case_id: str) -> str | None:
    """The case whose composite task started a case; None for a root case."""
    return case_id.rpartition(".")[0] or None


def case_of(item: str) -> str:
    """The case an item or a run belongs to."""
    return item.rpartition(":")[0]


def number_of(item: str) -> int:
    """The number under which an item or a run was counted in its case."""
    return int(item.rpartition(":")[2])


def root_of(name: str) -> str:
    """The root case of a case, item or run."""
    return name.partition(":")[0].partition(".")[0]


def shard_of(name: str, shards: int) -> int:
    """The shard, 0 <= shard < shards, that holds the whole case tree a name belongs to."""
    return crc32(root_of(name).encode()) % shards
