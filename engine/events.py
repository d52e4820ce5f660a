"""Events: everything that can happen to a case. The journal is a list of them, and replaying it gives the case.

An event carries all that a step may not find out by itself: who did it, what was answered. Its time is given by the
store (the millisecond of its stream id). Answers to what a step asked are events too.
"""

from typing import Any

from msgspec import Struct


class CaseSubmitted(Struct, array_like=True, tag="case.submitted", frozen=True):
    """A case begins with `data`, which was checked against the variables of its net, at once or at a later moment.

    `specification`, `version` and `net` say what it runs, and `created_at` (ms since 1970) when it was submitted, so
    that its journal alone is enough to make it again.
    """

    data: dict[str, Any]
    by: str
    not_before: int = 0
    specification: str = ""
    version: str = ""
    net: str = ""
    created_at: int = 0


class CaseCancelled(Struct, array_like=True, tag="case.cancelled", frozen=True):
    """Somebody cancels the whole case."""

    by: str
    reason: str | None = None


class CaseMigrated(Struct, array_like=True, tag="case.migrated", frozen=True):
    """The case goes on with another version of its specification, after the version `before`.

    `kinds` says of each task that is under way of which kind it was there.
    """

    version: str
    by: str
    before: str
    kinds: dict[str, str]


class CaseRetried(Struct, array_like=True, tag="case.retried", frozen=True):
    """A case that stands still after a fault is to go on: with the event that raised, or (`drop`) without it."""

    by: str
    drop: bool = False


class Continued(Struct, array_like=True, tag="case.continued", frozen=True):
    """A step that had reached its bound goes on."""


class CaseSuspended(Struct, array_like=True, tag="case.suspended", frozen=True):
    """The case and those below it are to stand still. `after`: the number of the last run that was told so."""

    by: str
    after: int = 0


class CaseResumed(Struct, array_like=True, tag="case.resumed", frozen=True):
    """A suspended case and those below it go on. `after`: the number of the last run that was told so."""

    by: str
    after: int = 0


class TriggerPosted(Struct, array_like=True, tag="trigger.posted", frozen=True):
    """Something happened outside that tasks may wait for (WCP-23, WCP-24)."""

    name: str
    data: Any
    by: str


class TimerFired(Struct, array_like=True, tag="timer.fired", frozen=True):
    """A timer of the case was due at a moment (ms since 1970), and is claimed."""

    number: int
    due: int


class DueAnswered(Struct, array_like=True, tag="timer.due", frozen=True):
    """The answer to `AskDue`: when a timer is due if only working days count."""

    number: int
    due: int


class InstanceAdded(Struct, array_like=True, tag="instance.added", frozen=True):
    """One more instance of the run that an item belongs to (WCP-15)."""

    item: str
    data: Any
    by: str


class InstancesGathered(Struct, array_like=True, tag="instances.gathered", frozen=True):
    """The answer to `GatherInstances`: the variables made of what the instances gave, or why they cannot be made."""

    number: int
    values: dict[str, Any]
    error: str | None = None
    forced: bool = False


class SpecificationAnswered(Struct, array_like=True, tag="specification.answered", frozen=True):
    """The answer to `AskSpecification`: which version a child case runs, and its net. None: there is no such one."""

    number: int
    specification: str
    version: str | None
    net: str
    data: dict[str, Any]


class ChildEnded(Struct, array_like=True, tag="child.ended", frozen=True):
    """A child case has ended, so the run of the composite task with its number has an outcome.

    `status` is completed (with its `result`), failed (with its `cause`) or cancelled.
    """

    number: int
    status: str
    result: dict[str, Any]
    cause: str | None = None


class SharedAnswered(Struct, array_like=True, tag="shared.answered", frozen=True):
    """What stands in the shared variables of a case, as far as anything does. `begins`: the case begins with it."""

    values: dict[str, Any]
    begins: bool = False


class SharedChanged(Struct, array_like=True, tag="shared.changed", frozen=True):
    """Something that the case shares, and may wait for, was changed by somebody else: it is read anew."""

    place: str


class SharedClosed(Struct, array_like=True, tag="shared.closed", frozen=True):
    """The case has ended, and what only it and the cases below it shared is no longer needed."""


class DataGiven(Struct, array_like=True, tag="data.given", frozen=True):
    """Somebody outside sets variables of the case (data pattern 21). They fitted when it was asked."""

    data: dict[str, Any]
    by: str


class ItemStarted(Struct, array_like=True, tag="item.started", frozen=True):
    """A person starts an item: the task fires."""

    item: str
    by: str


class ItemCompleted(Struct, array_like=True, tag="item.completed", frozen=True):
    """A person has completed an item with `output`, at a moment (ms since 1970) from which on it stands."""

    item: str
    output: Any
    by: str
    at: int


class ItemFailed(Struct, array_like=True, tag="item.failed", frozen=True):
    """A person gives an item up."""

    item: str
    reason: str
    by: str


class ItemSkipped(Struct, array_like=True, tag="item.skipped", frozen=True):
    """An item counts as done without being done."""

    item: str
    by: str


class ItemCancelled(Struct, array_like=True, tag="item.cancelled", frozen=True):
    """One item is cancelled; its path ends there."""

    item: str
    by: str


class CallAnswered(Struct, array_like=True, tag="call.answered", frozen=True):
    """A connector did what it was asked. `superseded`: another outcome of the call had come by then."""

    item: str
    attempt: int
    output: Any
    superseded: bool = False


class CallFailed(Struct, array_like=True, tag="call.failed", frozen=True):
    """A connector did not do what it was asked. `superseded`: another attempt had begun by then."""

    item: str
    attempt: int
    kind: str
    message: str
    retryable: bool
    retry_after_s: float | None = None
    superseded: bool = False


class Distributed(Struct, array_like=True, tag="item.distributed", frozen=True):
    """The answer to `Distribute`: whom the item is offered to, or who owns it. Nobody: it stays unoffered."""

    item: str
    offered_to: tuple[str, ...] = ()
    owner: str | None = None


class ClaimsAnswered(Struct, array_like=True, tag="item.claims", frozen=True):
    """The answer to `AskClaims`: which of a task's waiting items somebody has taken already."""

    task: str
    claimed: tuple[str, ...] = ()


class ItemMoved(Struct, array_like=True, tag="item.moved", frozen=True):
    """A move of an item that touches no token (claim, reject, ...). It changes the item and leaves the case."""

    item: str
    move: str
    by: str
    to: str | None = None


class ItemUpdated(Struct, array_like=True, tag="item.updated", frozen=True):
    """Parts of the input of a started item are changed from outside. It changes the item and leaves the case."""

    item: str
    data: dict[str, Any]
    by: str


class CaseFaulted(Struct, array_like=True, tag="case.faulted", frozen=True):
    """A step raised: its event was set aside with the traceback, and the case stands still."""

    event: str
    error: str


Event = (
    CaseSubmitted
    | CaseCancelled
    | CaseMigrated
    | CaseRetried
    | Continued
    | CaseSuspended
    | CaseResumed
    | TriggerPosted
    | TimerFired
    | DueAnswered
    | InstanceAdded
    | InstancesGathered
    | SpecificationAnswered
    | ChildEnded
    | SharedAnswered
    | SharedChanged
    | SharedClosed
    | DataGiven
    | ItemStarted
    | ItemCompleted
    | ItemFailed
    | ItemSkipped
    | ItemCancelled
    | CallAnswered
    | CallFailed
    | Distributed
    | ClaimsAnswered
    | ItemMoved
    | ItemUpdated
    | CaseFaulted
)


class Envelope(Struct, array_like=True, frozen=True):
    """An event on its way: the case it is for, and the correlation id of the request that caused it."""

    case_id: str
    event: Event
    correlation_id: str = ""
