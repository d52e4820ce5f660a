"""A case: one run of a net, as the store keeps it. State is truth; everything else can be made again from it.

A case is a value. A step works on a copy (`Case.copy`) whose containers it may change; the values in `data` are
never changed in place, so that copies are cheap.
"""

from copy import copy
from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class CaseStatus(StrEnum):
    """Where a case stands as a whole."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DEADLOCKED = "deadlocked"
    FAULTED = "faulted"


ENDED = frozenset({CaseStatus.COMPLETED, CaseStatus.CANCELLED, CaseStatus.FAILED})


class RunState(StrEnum):
    """A run is `enabled` while its item waits for a person, and holds no token; `executing` once it took its tokens."""

    ENABLED = "enabled"
    EXECUTING = "executing"


class Run(Struct, array_like=True, frozen=True):
    """One firing of a task, known by its number in the case. Its single item carries the same number.

    `attempt` is the greatest attempt of its call that is known to have failed.
    """

    task: str
    state: RunState
    attempt: int = 0


class Failure(Struct, array_like=True, frozen=True):
    """Why a case failed: the kind of exception nobody handled, where it was raised, and what it said."""

    kind: str
    message: str
    task: str | None = None
    item: str | None = None


class Case(Struct, array_like=True):
    """The whole state of a case.

    `revision` counts its steps; `counter` is the last number given to a run; `marking` is `{place: tokens}` without
    zeros; `runs` are the living ones by number; times are milliseconds since 1970.
    """

    id: str
    specification: str
    specification_version: str
    net: str
    status: CaseStatus
    revision: int = 0
    counter: int = 0
    created_at: int = 0
    updated_at: int = 0
    ended_at: int = 0
    marking: dict[str, int] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    correlation_id: str = ""
    submitted_by: str = ""
    parent: str | None = None

    def copy(self) -> "Case":
        """A copy whose containers can be changed without changing this one."""
        twin = copy(self)
        twin.marking = self.marking.copy()
        twin.runs = self.runs.copy()
        twin.data = self.data.copy()
        return twin

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen in this case."""
        return self.status in ENDED
