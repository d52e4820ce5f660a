"""What clients share: how they ask, and what they make of an answer that never comes.

A client does not know whether a request that was not answered was done. He asks again, gives up, or asks twice though
he was answered. A request runs in a process of the API, which may end in the middle of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from engine import names
from engine.definitions import Definitions
from engine.errors import Refusal, Unavailable
from engine.events import Envelope, Event
from engine.store.port import Kept, Once, Store
from engine.worklist import Worklist
from tests.simulation.broker import Bell
from tests.simulation.faults import Fault, Faults
from tests.simulation.ledger import Ledger
from tests.simulation.scheduler import SECOND, Scheduler
from tests.simulation.violation import demand

PEOPLE: Final = ("ann", "bob", "cyd")
ABSENT: Final = "zoe"
ATTEMPTS: Final = 4
"""How often a client asks again when he was not answered."""

CALM_THINKING_S: Final = 0.5


class RequestDied(BaseException):
    """The process of the API ended in the middle of a request."""


@dataclass
class Office:
    """What clients share. `closes` says that people now do everything that is to be done."""

    scheduler: Scheduler
    faults: Faults
    store: Store
    worklist: Worklist
    definitions: Definitions
    bell: Bell
    ledger: Ledger
    thinking_s: float
    claiming: float
    most_waiting: int | None
    present: frozenset[str]
    """Who is there at all."""

    meddled: frozenset[str]
    """Cases in which an administrator has a hand, whose results are not determined."""

    closes: bool = False

    def think(self, seconds: float) -> None:
        """Lets time pass."""
        luck = self.scheduler.current.luck
        self.scheduler.sleep(round(luck.uniform(0, min(seconds, CALM_THINKING_S) if self.closes else seconds) * SECOND))

    def request(self, act: Callable[[], None]) -> bool:
        """Asks until there is an answer, a bounded number of times. Whether it was a yes."""
        luck = self.scheduler.current.luck
        for _ in range(luck.randint(1, ATTEMPTS)):
            try:
                act()
            except (Unavailable, RequestDied):
                self.think(1.0)
                continue
            except Refusal:
                return False
            if self.faults.strikes(Fault.CLIENT_REPEATS, self.scheduler.current):
                self.request_again(act)
            return True
        return False

    def request_again(self, act: Callable[[], None]) -> None:
        """Asks for what was already granted."""
        try:
            act()
        except (Refusal, RequestDied):
            return

    def tell(self, name: str, *, ring: bool, calls: bool) -> None:
        """Rings as the API does after a move."""
        shard = names.shard_of(name, self.store.shards)
        if ring:
            self.bell.ring(shard)
        if calls:
            self.bell.calls(shard)

    def is_meddled_with(self, name: str) -> bool:
        """Whether an administrator has a hand in the case that something belongs to."""
        return names.root_of(name) in self.meddled

    def post(self, case_id: str, event: Event, key: str) -> None:
        """Puts an event behind those that wait, once for each key."""
        shard = names.shard_of(case_id, self.store.shards)
        self.ledger.asked.add(key)
        once = Once(key, sha256(key.encode()).hexdigest())
        appended = self.store.append(shard, [Envelope(case_id, event, key)], once)
        demand(appended.kept in (Kept.NEW, Kept.BEFORE), "a request is kept once", f"{key} {appended}")
        self.ledger.wishes[key] = case_id
        if appended.ring:
            self.bell.ring(shard)
