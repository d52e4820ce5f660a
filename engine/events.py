"""Events: everything that can happen to a case. The journal is a list of them, and replaying it gives the case.

An event carries all that a step may not find out by itself: who did it, what was answered. Its time is given by the
store (the millisecond of its stream id). Answers to what a step asked are events too.
"""

from typing import Any

from msgspec import Struct

from engine.exceptions.primitives import Exlet


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
    """A person starts an item: the task fires. `also`: the further resources that it engages."""

    item: str
    by: str
    also: tuple[str, ...] = ()


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


class ItemRedone(Struct, array_like=True, tag="item.redone", frozen=True):
    """A completed item is to be done again: its task is enabled anew, and all that followed from it is taken back.

    `restored` are tokens, by place, that others had brought and that joins behind the task had taken since.
    """

    item: str
    task: str
    by: str
    restored: dict[str, int]


class TaskBroughtForward(Struct, array_like=True, tag="task.brought_forward", frozen=True):
    """An item of a task is made before the task is enabled, so that a person can do it ahead of time."""

    task: str
    by: str


class OutputAnswered(Struct, array_like=True, tag="item.output", frozen=True):
    """The answer to `AskOutput`: what came of an item that was completed ahead of time."""

    item: str
    output: Any


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
    """The answer to `Distribute`: whom the item is offered to, or who owns it. Nobody: it stays unoffered.

    `start`: it is started for its owner at once, whatever the task says (he piles its items, or chains the case).
    `eligible` are all who could have got it, where it is not offered to all of them. `moot`: the item has gone its way
    before, and the question no longer matters. `error` says why nobody can say who may. `again`: it was not asked for
    the first time; `withheld`: an administrator is to decide.
    """

    item: str
    offered_to: tuple[str, ...] = ()
    owner: str | None = None
    start: bool = False
    eligible: tuple[str, ...] = ()
    moot: bool = False
    error: str | None = None
    again: bool = False
    withheld: bool = False


class ItemReturned(Struct, array_like=True, tag="item.returned", frozen=True):
    """An item that nobody has any more, or that lies too long, is to go to others (after a rejection, a deallocation,
    an escalation): to those who may have it, without these. `among`: to these, as far as they are there.
    """

    item: str
    without: tuple[str, ...] = ()
    why: str = ""
    among: tuple[str, ...] | None = None


class ItemTaken(Struct, array_like=True, tag="item.taken", frozen=True):
    """An item has an owner since a person claimed or allocated it: where the system starts items, it does now."""

    item: str


class AllocatedAnswered(Struct, array_like=True, tag="item.allocated", frozen=True):
    """The answer to `AskAllocated`: the items that have an owner and are not started, each with him."""

    task: str
    items: tuple[tuple[str, str], ...] = ()


class ClaimsAnswered(Struct, array_like=True, tag="item.claims", frozen=True):
    """The answer to `AskClaims`: which of a task's waiting items somebody has taken already."""

    task: str
    claimed: tuple[str, ...] = ()


class ItemMoved(Struct, array_like=True, tag="item.moved", frozen=True):
    """A move of an item that touches no token (claim, reject, ...). It changes the item and leaves the case.

    `to` are participants, joined by commas; `data` what else the move says.
    """

    item: str
    move: str
    by: str
    to: str | None = None
    data: dict[str, Any] | None = None


class ItemUpdated(Struct, array_like=True, tag="item.updated", frozen=True):
    """Parts of the input of a started item are changed from outside. It changes the item and leaves the case."""

    item: str
    data: dict[str, Any]
    by: str


class ExceptionRaised(Struct, array_like=True, tag="exception.raised", frozen=True):
    """Somebody outside tells a case, or one item of it, that something happened (an external trigger).

    `name` says what, for the rules that choose what to do; `data` are the variables it brings.
    """

    name: str
    by: str
    item: str | None = None
    data: dict[str, Any] = {}


class RuleAnswered(Struct, array_like=True, tag="rule.answered", frozen=True):
    """The answer to `AskRule`: what to do about an exception (None: no rule says), and the rules that led to it.

    `error` says why what they conclude cannot be done.
    """

    number: int
    conclusion: Exlet | None = None
    path: tuple[str, ...] = ()
    error: str | None = None


class PointFound(Struct, array_like=True, tag="point.found", frozen=True):
    """The answer to `AskPoint`: how the case stood there. `found` False: it was never there.

    `begun` is the run of the task that began there; `runs` are all that were under way, it among them: the task of
    each by number, and the places whose tokens it held. `done` are the numbers of those that were completed before.
    """

    number: int
    found: bool
    marking: dict[str, int] = {}
    due: dict[str, Any] = {}
    data: dict[str, Any] = {}
    begun: int = 0
    runs: dict[int, tuple[str, tuple[str, ...]]] = {}
    done: tuple[int, ...] = ()


class WorkletPicked(Struct, array_like=True, tag="worklet.picked", frozen=True):
    """The answer to `PickWorklet`: what a task runs (None: no rule says) with `data`, and the rules that led to it."""

    number: int
    data: dict[str, Any]
    worklet: str | None = None
    version: str | None = None
    path: tuple[str, ...] = ()


class WorkletReplaced(Struct, array_like=True, tag="worklet.replaced", frozen=True):
    """Somebody wants the worklet of a task chosen anew, by the rules as they are now."""

    number: int
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
    | ItemRedone
    | TaskBroughtForward
    | OutputAnswered
    | CallAnswered
    | CallFailed
    | Distributed
    | ItemReturned
    | ItemTaken
    | AllocatedAnswered
    | ClaimsAnswered
    | ItemMoved
    | ItemUpdated
    | ExceptionRaised
    | RuleAnswered
    | PointFound
    | WorkletPicked
    | WorkletReplaced
    | CaseFaulted
)


class Envelope(Struct, array_like=True, frozen=True):
    """An event on its way: the case it is for, and the correlation id of the request that caused it."""

    case_id: str
    event: Event
    correlation_id: str = ""
