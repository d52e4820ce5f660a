"""The simulated broker: messages that may be lost, doubled, late, and in any order. Workers compete for them."""

from collections import Counter
from enum import StrEnum
from functools import partial

from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import SECOND, Actor, Scheduler

LATE_S = 6.0
TRAVEL_US = 60_000
"""How long a message is on its way at most, when nothing is wrong."""

MOST_COPIES = 3
"""Messages of one kind for one shard from which on none is doubled any more: what goes round would fill the world."""


class Queue(StrEnum):
    """The queues, as in `deploy.doorbell`."""

    DISPATCH = "dispatch"
    CONNECT = "connect"
    RECOVER = "recover"
    TICK = "tick"


Message = tuple[Queue, int]


class Broker:
    """Keeps messages until a worker takes one. Taken is gone, whatever becomes of the worker."""

    def __init__(self, scheduler: Scheduler, faults: Faults) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self._held: list[Message] = []
        self._alive: Counter[Message] = Counter()
        self._waiting: list[tuple[Actor, frozenset[Queue]]] = []

    def publish(self, queue: Queue, shard: int = 0) -> None:
        """Sends a message."""
        actor, strikes = self._scheduler.current, self._faults.strikes
        actor.points += 1
        if strikes(Fault.BELL_LOST, actor):
            return
        message = queue, shard
        rare = self._alive[message] < MOST_COPIES
        copies = 2 if rare and strikes(Fault.BELL_DOUBLED, actor) else 1
        self._alive[message] += copies
        for _ in range(copies):
            late = strikes(Fault.BELL_DELAYED, actor)
            overtakes = strikes(Fault.BELL_OVERTAKES, actor)
            after = round(actor.luck.uniform(0, LATE_S) * SECOND) if late else actor.luck.randrange(TRAVEL_US)
            self._scheduler.later(self._scheduler.now + after, partial(self._arrives, message, first=overtakes))

    def take(self, queues: frozenset[Queue]) -> Message:
        """The next message of these queues, when there is one."""
        while True:
            for place, message in enumerate(self._held):
                if message[0] in queues:
                    self._alive[message] -= 1
                    return self._held.pop(place)
            me = self._scheduler.current, queues
            self._waiting.append(me)
            try:
                self._scheduler.block()
            finally:
                if me in self._waiting:
                    self._waiting.remove(me)

    def empty(self) -> None:
        """All messages are lost."""
        self._alive.subtract(self._held)
        self._held.clear()

    def _arrives(self, message: Message, *, first: bool) -> None:
        self._held.insert(0 if first else len(self._held), message)
        for waiting in self._waiting:
            if message[0] in waiting[1]:
                self._waiting.remove(waiting)
                self._scheduler.wake(waiting[0])
                return


class Bell:
    """The doorbell of production, on the simulated broker."""

    def __init__(self, broker: Broker, scheduler: Scheduler) -> None:
        self._broker = broker
        self._scheduler = scheduler

    def ring(self, shard: int) -> None:
        self._scheduler.pause()
        self._broker.publish(Queue.DISPATCH, shard)

    def calls(self, shard: int) -> None:
        self._scheduler.pause()
        self._broker.publish(Queue.CONNECT, shard)

    def let_in(self, gate: str) -> None:
        raise AssertionError(f"no connector of the simulation has limits, and calls wait at {gate}")
