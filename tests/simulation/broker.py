"""The simulated broker: messages that may be lost, doubled, late, and in any order. Workers compete for them."""

from enum import StrEnum

from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import SECOND, Actor, Scheduler

LATE_S = 6.0


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
        self._waiting: list[tuple[Actor, frozenset[Queue]]] = []

    def publish(self, queue: Queue, shard: int = 0) -> None:
        """Sends a message."""
        actor, strikes = self._scheduler.current, self._faults.strikes
        if strikes(Fault.BELL_LOST, actor):
            return
        copies = 2 if strikes(Fault.BELL_DOUBLED, actor) else 1
        for _ in range(copies):
            if strikes(Fault.BELL_DELAYED, actor):
                after = round(actor.luck.uniform(0, LATE_S) * SECOND)
                self._scheduler.later(self._scheduler.now + after, lambda: self._arrives((queue, shard), 0))
            else:
                overtakes = strikes(Fault.BELL_OVERTAKES, actor)
                self._arrives((queue, shard), 0 if overtakes else len(self._held))

    def take(self, queues: frozenset[Queue]) -> Message:
        """The next message of these queues, when there is one."""
        while True:
            for place, message in enumerate(self._held):
                if message[0] in queues:
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
        self._held.clear()

    def _arrives(self, message: Message, place: int) -> None:
        self._held.insert(place, message)
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
