"""The log of production code, as a simulated world reads it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulation.operations import Operations
from tests.simulation.scheduler import Scheduler
from tests.simulation.violation import Violation


class LogWatch(logging.Handler):
    """Writes the log into the trace; an exception that a boundary caught and logged is a find."""

    def __init__(self, scheduler: Scheduler, operations: Operations) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._operations = operations

    def emit(self, record: logging.LogRecord) -> None:
        self._operations.say(f"[{record.name}] {record.getMessage()}")
        if record.exc_info is not None and record.exc_info[1] is not None and self._scheduler.failure is None:
            error = record.exc_info[1]
            self._scheduler.failure = Violation("nothing raises", f"{record.getMessage()}: {error!r}")


@contextmanager
def only(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    """Sends what a logger is told to one handler."""
    before = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])
