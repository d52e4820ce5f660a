"""Effects: what a step wants done. They are values; whoever drives the step applies them in the same commit.

A `Question` among them is answered by the driver with an event before it commits.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from engine.events import Event
from engine.items.work_item import ItemState, WorkItem
from engine.resources.allocators import BuiltIn
from engine.resources.filters import Filter
from engine.spec.model import Interaction, Workdays


class CreateItem(Struct, frozen=True):
    """A new item for a person."""

    item: WorkItem


class Distribute(Struct, frozen=True):
    """Asks to whom an item goes. Answered by `Distributed`.

    The names are already read from the case's data. `filter` narrows those who could; `without` are those who may not;
    `only` are the only ones who may, whatever else is said (None: it does not matter). `handler` handles the whole
    case, and gets it. `ranked_by` and `top` bound to how many it is offered; `allocator` chooses its owner. `while_in`:
    only an item that is in one of these states goes anywhere. `otherwise`: where none of the `only` ones may, all the
    others are asked. `among_offered`: only those may whom it is offered to; `escalated`: whom those report to.
    `elsewhere`: not to who has it.
    """

    item: str
    task: str
    roles: tuple[str, ...]
    participants: tuple[str, ...]
    positions: tuple[str, ...]
    groups: tuple[str, ...]
    capabilities: tuple[str, ...]
    interaction: Interaction
    specification: str = ""
    at: int = 0
    filter: Filter | None = None
    without: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    handler: str | None = None
    ranked_by: str | None = None
    top: int | None = None
    allocator: str = BuiltIn.RANDOM
    most_in_hand: int | None = None
    otherwise: bool = False
    among_offered: bool = False
    escalated: bool = False
    elsewhere: bool = False
    while_in: frozenset[ItemState] | None = None
    data: Mapping[str, Any] = {}


class AskAllocated(Struct, frozen=True):
    """Asks which of these waiting items of a task are allocated: the system is to start the first. Answered by
    `AllocatedAnswered`.
    """

    task: str
    items: tuple[str, ...]


class AskClaims(Struct, frozen=True):
    """Asks which of these waiting items of a task are claimed: some of them must be withdrawn.

    Answered by `ClaimsAnswered`.
    """

    task: str
    items: tuple[str, ...]


class AskOutput(Struct, frozen=True):
    """Asks what came of an item that was completed before its task was enabled. Answered by `OutputAnswered`."""

    item: str


class MoveItem(Struct, frozen=True):
    """An item goes to another state. What is None stays as it is; `created` is nobody's any more."""

    item: str
    to: ItemState
    offered_to: tuple[str, ...] | None = None
    owner: str | None = None
    input: dict[str, Any] | None = None


class RelabelItem(Struct, frozen=True):
    """An item belongs to another version of its specification from now on."""

    item: str
    version: str


class SettleItem(Struct, frozen=True):
    """A completed item's tokens flow (`applied`), or do not because its run had ended before."""

    item: str
    applied: bool


class Call(Struct, array_like=True, frozen=True):
    """A call to be made by a connector. `item` is its idempotency key; `placed_at` in milliseconds since 1970."""

    item: str
    task: str
    connector: str
    config: Any
    input: dict[str, Any]
    timeout_s: float
    attempts: int
    placed_at: int
    correlation_id: str = ""
    instance: int | None = None


class PlaceCall(Struct, frozen=True):
    """A connector is to be called."""

    call: Call


class RepeatCall(Struct, frozen=True):
    """A call is to be made again, not before a moment (milliseconds since 1970), after `attempt` attempts."""

    item: str
    attempt: int
    not_before: int


class DropCall(Struct, frozen=True):
    """A call is no longer of interest: answered, or its run has ended."""

    item: str


class SetTimer(Struct, frozen=True):
    """A timer of the case is due at a moment (ms since 1970)."""

    number: int
    due: int


class ClearTimer(Struct, frozen=True):
    """A timer of the case is no longer of interest."""

    number: int
    due: int


class AskDue(Struct, frozen=True):
    """Asks when a timer is due that runs from `start` (ms since 1970) and counts working days only.

    Answered by `DueAnswered`.
    """

    number: int
    start: int
    after: str
    workdays: Workdays


class Append(Struct, frozen=True):
    """An event is to be appended behind what already waits: of this case, or of `case`, one of the same tree."""

    event: Event
    case: str | None = None


class StartChild(Struct, frozen=True):
    """A child case begins: a run of `net` of a specification, with `data`."""

    case: str
    specification: str
    version: str
    net: str
    data: dict[str, Any]


class AskSpecification(Struct, frozen=True):
    """Asks for a specification by id, and for its version (None: the latest), to start a child case with `data`.

    `by_name`: of the data it gets what its net declares as input. Answered by `SpecificationAnswered`.
    """

    number: int
    specification: str
    version: str | None
    data: dict[str, Any]
    by_name: bool = False


class AskRule(Struct, frozen=True):
    """Asks the ripple-down rules what to do about an exception. Answered by `RuleAnswered`.

    `trigger` is the name of what happened outside, where that was it.
    """

    number: int
    kind: str
    task: str
    item: str | None
    message: str
    trigger: str | None = None


class PickWorklet(Struct, frozen=True):
    """Asks the ripple-down rules which worklet a task runs this time, given its input. Answered by `WorkletPicked`."""

    number: int
    task: str
    data: dict[str, Any]


class AskPoint(Struct, frozen=True):
    """Asks how the case stood when a task last began (or at the start). Answered by `PointFound`."""

    number: int
    point: str


class SuspendItem(Struct, frozen=True):
    """An item that somebody could work on is put aside."""

    item: str


class ResumeItem(Struct, frozen=True):
    """An item that was put aside is what it was before."""

    item: str


class KeepResult(Struct, frozen=True):
    """What an instance of a run gave is to be kept: a value for each variable that is gathered."""

    run: str
    index: int
    values: dict[str, Any]


class GatherInstances(Struct, frozen=True):
    """Asks for what the instances of a run gave, joined. Answered by `InstancesGathered`.

    `forced`: the instances that are left are completed by force.
    """

    number: int
    run: str
    task: str
    forced: bool = False


class ForgetResults(Struct, frozen=True):
    """A run is over: what its instances gave is no longer needed."""

    run: str


class AskShared(Struct, frozen=True):
    """Asks what stands in shared variables; `places` says where each is kept. Answered by `SharedAnswered`.

    `watch`: the case is to be told from then on when something there changes.
    """

    places: dict[str, str]
    watch: bool
    begins: bool = False


class CloseShared(Struct, frozen=True):
    """What cases shared in a place is no longer needed. It may be asked for more than once."""

    place: str


Effect = (
    CreateItem
    | Distribute
    | AskClaims
    | AskOutput
    | AskAllocated
    | MoveItem
    | RelabelItem
    | SettleItem
    | PlaceCall
    | RepeatCall
    | DropCall
    | Append
    | SetTimer
    | ClearTimer
    | AskDue
    | StartChild
    | AskSpecification
    | KeepResult
    | GatherInstances
    | ForgetResults
    | AskShared
    | CloseShared
    | AskRule
    | PickWorklet
    | AskPoint
    | SuspendItem
    | ResumeItem
)

Question = (
    Distribute
    | AskAllocated
    | AskClaims
    | AskOutput
    | AskSpecification
    | AskDue
    | GatherInstances
    | AskShared
    | AskRule
    | PickWorklet
    | AskPoint
)
