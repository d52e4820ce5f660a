"""Failpoints: the n-th call of a named operation ends its process, or halts it, just before or just after it.

The operations are the side effects of the ring: what the store, the doorbell and the connectors do, and the answers of
the API. A process that is to fail is started by `failing_worker.py` or `failing_api.py`, which read from the
environment where. It leaves a mark when it fails, so that others know, and fails no more while the mark is there: a
server that starts its dead process again is not to lose it again.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Self

VARIABLE = "CHAOS_FAILPOINT"
MARK_VARIABLE = "CHAOS_FAILED"
EXIT_CODE = 77

ANSWER = "api.answer"
"""The operation of an answer to a request that changes something."""


class When(StrEnum):
    """On which side of the operation."""

    BEFORE = "before"
    AFTER = "after"


class How(StrEnum):
    """`EXIT`: at once and without any cleaning up, as by SIGKILL. `HALT`: stopped until somebody lets it go on."""

    EXIT = "exit"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Where a process fails: `operation` is `<part>.<method>`, such as `store.commit`."""

    operation: str
    when: When
    nth: int = 1
    how: How = How.EXIT

    def __str__(self) -> str:
        return f"{self.operation}:{self.when}:{self.nth}:{self.how}"

    def environment(self, mark: Path) -> dict[str, str]:
        """What the process that is to fail has to be started with. It makes the file `mark` when it does."""
        return {VARIABLE: str(self), MARK_VARIABLE: str(mark)}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The failpoint that the environment names."""
        operation, when, nth, how = environ[VARIABLE].split(":")
        return cls(operation, When(when), int(nth), How(how))


class Counter:
    """Counts the calls of the operation, in all threads, and fails at the right one."""

    def __init__(self, failpoint: Failpoint, mark: Path) -> None:
        self.failpoint = failpoint
        self._mark = mark
        self._called = 0
        self._lock = Lock()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The counter of the failpoint that the environment names."""
        return cls(Failpoint.from_environment(environ), Path(environ[MARK_VARIABLE]))

    def is_due(self) -> bool:
        """Counts one call; whether it is the one."""
        with self._lock:
            self._called += 1
            return self._called == self.failpoint.nth and not self._mark.exists()

    def fail(self) -> None:
        """Ends or halts this process."""
        self._mark.touch()
        if self.failpoint.how is How.HALT:
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        os._exit(EXIT_CODE)


class Failing:
    """Stands before a part, passes everything on, and fails where it is told to."""

    def __init__(self, part: str, inner: Any, counter: Counter) -> None:
        self._part = part
        self._inner = inner
        self._counter = counter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        failpoint = self._counter.failpoint
        return self._failing(found) if failpoint.operation == f"{self._part}.{name}" else found

    def _failing(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            due = self._counter.is_due()
            if due and self._counter.failpoint.when is When.BEFORE:
                self._counter.fail()
            answer = operation(*arguments, **options)
            if due and self._counter.failpoint.when is When.AFTER:
                self._counter.fail()
            return answer

        return called
