"""Effects: what a step wants done. They are values; whoever drives the step applies them in the same commit.

`Distribute` and `AskClaims` are questions: the driver answers them with an event before it commits.
"""

from typing import Any

from msgspec import Struct

from engine.events import Event
from engine.items.work_item import ItemState, WorkItem
from engine.spec.model import Interaction


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
    by: str | None = None
    offered_to: tuple[str, ...] | None = None
    owner: str | None = None
    input: dict[str, Any] | None = None


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


class Append(Struct, frozen=True):
    """An event of this case is to be appended behind what already waits."""

    event: Event


Effect = CreateItem | Distribute | AskClaims | MoveItem | SettleItem | PlaceCall | RepeatCall | DropCall | Append
