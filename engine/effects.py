"""Effects: what a step wants done. They are values; whoever drives the step applies them in the same commit.

A `Question` among them is answered by the driver with an event before it commits.
"""

from typing import Any

from msgspec import Struct

from engine.events import Event
from engine.items.work_item import ItemState, WorkItem
from engine.spec.model import Interaction, Workdays


class CreateItem(Struct, frozen=True):
    """A new item for a person."""

    item: WorkItem


class Distribute(Struct, frozen=True):
    """Asks to whom an item goes. Answered by `Distributed`.

    The names are already read from the case's data.
    """

    item: str
    task: str
    roles: tuple[str, ...]
    participants: tuple[str, ...]
    positions: tuple[str, ...]
    groups: tuple[str, ...]
    capabilities: tuple[str, ...]
    interaction: Interaction


class AskClaims(Struct, frozen=True):
    """Asks which of these waiting items of a task are claimed: some of them must be withdrawn.

    Answered by `ClaimsAnswered`.
    """

    task: str
    items: tuple[str, ...]


class MoveItem(Struct, frozen=True):
    """An item goes to another state. What is None stays as it is."""

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

    Answered by `SpecificationAnswered`.
    """

    number: int
    specification: str
    version: str | None
    data: dict[str, Any]


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
)

Question = Distribute | AskClaims | AskSpecification | AskDue | GatherInstances | AskShared
