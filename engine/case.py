"""A case: one run of a net, as the store keeps it. State is truth; everything else can be made again from it.

A case is a value. A step works on a copy (`Case.copy`) whose containers it may change, except `data`: that is made anew
when a variable changes, so that whoever packs a case sees at once whether it did.
"""

from copy import copy
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from engine.events import Event, PointFound
from engine.exceptions.primitives import Exlet, Primitive
from engine.net.marking import Due


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
    """Where a run stands.

    `announced`: its item is shown to people, and cannot be started yet. `enabled`: it waits for a person, or for its
    delay to be over, and holds no token. `ready`: its delay is over.
    `executing`: it took its tokens. `repeating`: the next round of
    a loop, or one that was given back, waits for a person, and the tokens are taken. `released`: it has given its
    tokens on, and instances that nobody waits for still run. The next four have ended, and what they left behind is
    being cleared away. The last three are ahead of their time: a person may do what is not enabled yet, does it, or has
    done it, without a token.
    """

    ANNOUNCED = "announced"
    ENABLED = "enabled"
    READY = "ready"
    EXECUTING = "executing"
    REPEATING = "repeating"
    RELEASED = "released"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    FORCE_COMPLETED = "force_completed"
    FAILED = "failed"
    AHEAD = "ahead"
    AHEAD_STARTED = "ahead_started"
    AHEAD_COMPLETED = "ahead_completed"


BUSY = frozenset({RunState.EXECUTING, RunState.REPEATING})
"""The states in which a run holds tokens."""

WAITING = frozenset({RunState.ENABLED, RunState.READY})
"""The states in which a run holds no token."""

LEFT = frozenset({RunState.CANCELLED, RunState.WITHDRAWN, RunState.FORCE_COMPLETED, RunState.FAILED})
"""The states of a run that has ended and is being cleared away."""


EARLY = frozenset({RunState.AHEAD, RunState.AHEAD_STARTED, RunState.AHEAD_COMPLETED})
"""The states of a run that is ahead of its time."""


UNCOUNTED = EARLY | {RunState.ANNOUNCED}
"""The states of a run that keeps no case from its end."""


class InstanceSet(Struct, array_like=True, frozen=True):
    """How the instances of one run stand. Its size does not grow with their number.

    `spans` are the numbers set apart for them, in order: (first, how many). `planned` instances are to be, of which
    `created` are; `elements` are those of the ones that are not yet (None: they have none). What an instance gave is
    kept in the record of the run.
    """

    spans: tuple[tuple[int, int], ...]
    planned: int
    created: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    elements: tuple[Any, ...] | None = None

    @property
    def active(self) -> int:
        """How many have not ended, those not yet created among them."""
        return self.planned - self.completed - self.failed - self.cancelled

    def number(self, index: int) -> int:
        """The number of the instance with an index (from 0)."""
        for first, count in self.spans:
            if index < count:
                return first + index
            index -= count
        raise IndexError(index)

    def index(self, number: int) -> int | None:
        """The index of the instance with a number; None when the number is none of these."""
        before = 0
        for first, count in self.spans:
            if first <= number < first + count:
                index = before + number - first
                return index if index < self.created else None
            before += count
        return None


class Run(Struct, array_like=True, frozen=True):
    """One firing of a task, known by its number in the case. A single item, call or child carries the same number.

    `attempt` is the greatest attempt of its call that is known to have failed; `trigger` what the outside event that
    it waited for brought: `(data,)`; `instances` is there when the task has multiple instances. `took` are the places
    whose tokens it holds, where its task could have taken others.
    """

    task: str
    state: RunState
    attempt: int = 0
    trigger: tuple[Any] | None = None
    instances: InstanceSet | None = None
    took: tuple[str, ...] = ()


class TimerKind(StrEnum):
    """What a timer is for: one of a task's, the delay of a task, the deadline of the case, its delayed start, an offer
    that is to be accepted, an item that is to be distributed later.
    """

    TASK = "task"
    DELAY = "delay"
    DEADLINE = "deadline"
    START = "start"
    OFFER = "offer"
    LATE = "late"


class PendingTimer(Struct, array_like=True, frozen=True):
    """A timer that runs: of a run and, of a task's, the `nth` of its timers. `due` is 0 until it is known."""

    kind: TimerKind
    run: int = 0
    nth: int = 0
    due: int = 0


class Failure(Struct, array_like=True, frozen=True):
    """Why a case failed: the kind of exception nobody handled, where it was raised, and what it said."""

    kind: str
    message: str
    task: str | None = None
    item: str | None = None


class Completed(Struct, array_like=True, frozen=True):
    """A task that was completed and can be compensated: its run, and the variables as it set them."""

    task: str
    number: int
    values: dict[str, Any]


class Handling(Struct, array_like=True, frozen=True):
    """An exception that is being handled.

    It was raised at `run` of `task` (0: the task could not begin; no task: the case as a whole), for the item, call or
    child `execution`. `lost`: nothing more comes of it by itself, so something must become of it. `exlet` is what
    is still to be done after the step `under_way`. `waits` are the child cases that this waits for, by number, each
    with its place among those of the step, and `call` is a call that it waits for. `compensating` are completed tasks
    that are to be undone, the next one first, `undoing` is the run that undoes one, and `point` where the case goes
    then. It was raised `at` (ms since 1970). `reached`: so many instances the step under way has come to, where it
    takes more than one step of the case.
    """

    kind: str
    task: str
    run: int
    execution: int
    message: str
    lost: bool = False
    exlet: Exlet = ()
    under_way: Primitive | None = None
    waits: tuple[tuple[int, int], ...] = ()
    call: int = 0
    undoing: int = 0
    compensating: tuple[Completed, ...] = ()
    point: PointFound | None = None
    at: int = 0
    reached: int = 0


class Ending(Struct, array_like=True, frozen=True):
    """How a case is to end as soon as what it has done is compensated."""

    status: CaseStatus
    tell_parent: bool


class Performers(Struct, array_like=True, frozen=True):
    """Who had to do with a task so far: who started it, and who completed it, each once and in order."""

    started: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()


class Case(Struct, array_like=True):
    """The whole state of a case.

    `revision` counts its steps; `counter` is the last number given to a run; `marking` is `{place: tokens}` without
    zeros; `due` is what partial joins still swallow; `runs` are the living ones by number; `held` maps a mutex to the
    run that holds it; `triggers` are persistent ones that no task has consumed, `(name, data)` in order; `kept` are
    events that wait until a suspended case goes on; `continuing` says that a `Continued` is on its way; `before_fault`
    is how a faulted case stood before; `timers` are those that run, by number; `unrested` counts what
    fired since the case last waited for anybody. `handling` are exceptions that are being handled, by number; `done`
    tasks that would be compensated, in the order in which they were completed; `ending`: it compensates, and then ends.
    `performers` are those of tasks whose people others must (not) be, and `handler` is who handles the whole case.
    Times are milliseconds since 1970.
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
    due: dict[str, Due] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    triggers: tuple[tuple[str, Any], ...] = ()
    kept: tuple[Event, ...] = ()
    continuing: bool = False
    before_fault: CaseStatus | None = None
    timers: dict[int, PendingTimer] = field(default_factory=dict)
    unrested: int = 0
    handling: dict[int, Handling] = field(default_factory=dict)
    done: tuple[Completed, ...] = ()
    ending: Ending | None = None
    performers: dict[str, Performers] = field(default_factory=dict)
    handler: str | None = None

    def copy(self) -> "Case":
        """A copy whose containers can be changed without changing this one."""
        twin = copy(self)
        twin.marking = self.marking.copy()
        twin.runs = self.runs.copy()
        # Also what is empty: a container that both have would be filled in both.
        twin.due = {task: due.copy() if isinstance(due, list) else due for task, due in self.due.items()}
        twin.timers = self.timers.copy()
        twin.held = self.held.copy()
        twin.handling = self.handling.copy()
        twin.performers = self.performers.copy()
        return twin

    @property
    def depth(self) -> int:
        """How many composite tasks this case is below its root."""
        return self.id.count(".")

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or waits for anybody; what is only announced or ahead of its time does not count."""
        return all(run.state in UNCOUNTED for run in self.runs.values())

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen in this case."""
        return self.status in ENDED
