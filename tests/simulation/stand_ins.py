"""What stands in the places where production code has real threads, queues, clocks and names."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

from tests.simulation.logs import LogWatch, only
from tests.simulation.operations import Operations
from tests.simulation.primitives import Flag, Mailbox, thread_factory
from tests.simulation.scheduler import SECOND, Scheduler

LOGGERS = ("engine", "workers", "connectors")


@contextmanager
def stand_ins(scheduler: Scheduler, operations: Operations, seed: int, reporters: int) -> Iterator[None]:
    """Puts them there, and reads the log, for as long as one world runs."""
    handler = LogWatch(scheduler, operations)
    with ExitStack() as stack:
        for place, instead in _places(scheduler, Random(f"{seed}/names"), reporters).items():
            stack.enter_context(patch(place, instead))
        for name in LOGGERS:
            stack.enter_context(only(logging.getLogger(name), handler))
        yield


def _places(scheduler: Scheduler, names: Random, reporters: int) -> dict[str, Any]:
    def monotonic() -> float:
        return scheduler.now / SECOND

    def queue() -> Mailbox[Any]:
        return Mailbox(scheduler)

    def name() -> UUID:
        return UUID(int=names.getrandbits(128))

    def event() -> Flag:
        return Flag(scheduler)

    return {
        "engine.drain.monotonic": monotonic,
        "workers.connect.monotonic": monotonic,
        "workers.connect.Thread": thread_factory(scheduler),
        "workers.connect.SimpleQueue": queue,
        "workers.connect.Event": event,
        "workers.local_calls.Thread": thread_factory(scheduler),
        "workers.local_calls.SimpleQueue": queue,
        "workers.connect.REPORTERS": reporters,
        "workers.station.uuid4": name,
    }
