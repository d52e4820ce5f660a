"""The workers: the station of production in each process, on simulated threads, fed by the simulated broker.

What Celery does is little: it hands a message to a task. Here a line of execution for each of a worker's own does.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from deploy.wiring import Parts
from engine.errors import Unavailable
from tests.simulation.broker import Broker, Queue
from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import SECOND, Process, Scheduler
from workers import timers, upkeep
from workers.station import Station

FIRST_RESTART_S: Final = 0.2
LAST_RESTART_S: Final = 8.0
RECOVER_EVERY_S: Final = 1.5
TICK_EVERY_S: Final = 1.0
LONGEST_STOP_S: Final = 25.0


class Worker:
    """A worker that is started again whenever it has ended."""

    def __init__(
        self, name: str, scheduler: Scheduler, broker: Broker, parts: Parts, *, makes_calls: bool, lines: int
    ) -> None:
        self.name = name
        self._scheduler = scheduler
        self._broker = broker
        self._parts = parts
        self._makes_calls = makes_calls
        self._lines = lines
        self._lives = 0
        self.process = Process(name)
        self._station: Station | None = None

    def boot(self) -> None:
        """Starts the process."""
        self._lives += 1
        self.process = Process(f"{self.name}.{self._lives}")
        self._station = None
        self._scheduler.spawn(f"{self.process.name}/main", self._main, self.process)

    def dies(self, after_s: float) -> None:
        """The process ends, and is started again."""
        self._scheduler.kill(self.process)
        self._scheduler.later(self._scheduler.now + round(after_s * SECOND), self.boot)

    def shut_down(self) -> None:
        """The process is asked to end: it hands back what it has not begun."""
        process, station = self.process, self._station
        if not process.alive or station is None:
            return

        def stop() -> None:
            try:
                station.stop()
            finally:
                if process.alive:
                    self.dies(self._scheduler.current.luck.uniform(FIRST_RESTART_S, LAST_RESTART_S))

        self._scheduler.spawn(f"{process.name}/stop", stop, process)

    def _main(self) -> None:
        station = self._station = Station(self._parts, makes_calls=self._makes_calls)
        for line in range(1, self._lines):
            self._scheduler.spawn(f"{self.process.name}/line-{line}", partial(self._take_messages, station))
        self._take_messages(station)

    def _take_messages(self, station: Station) -> None:
        queues = frozenset({Queue.DISPATCH, Queue.RECOVER, Queue.TICK})
        if self._makes_calls:
            queues |= {Queue.CONNECT}
        tasks: dict[Queue, Callable[[int], None]] = {
            Queue.DISPATCH: station.drain,
            Queue.CONNECT: station.call,
            Queue.RECOVER: lambda _: upkeep.recover(station.parts),
            Queue.TICK: lambda _: timers.tick(station.parts),
        }
        while True:
            queue, shard = self._broker.take(queues)
            try:
                tasks[queue](shard)
            except Unavailable:
                # Celery writes it to its log, and goes on with the next message.
                continue


class Beat:
    """Sends its two messages at their intervals, unless it is not there for a while."""

    def __init__(self, name: str, scheduler: Scheduler, broker: Broker, faults: Faults) -> None:
        self._scheduler = scheduler
        self._broker = broker
        self._faults = faults
        self.process = Process(name)

    def boot(self) -> None:
        """Starts the process."""
        for queue, every_s in ((Queue.RECOVER, RECOVER_EVERY_S), (Queue.TICK, TICK_EVERY_S)):
            self._scheduler.spawn(f"{self.process.name}/{queue}", partial(self._send, queue, every_s), self.process)

    def _send(self, queue: Queue, every_s: float) -> None:
        while True:
            self._scheduler.sleep(round(every_s * SECOND))
            actor = self._scheduler.current
            if self._faults.strikes(Fault.BEAT_STOPS, actor):
                stops = round(actor.luck.uniform(0, LONGEST_STOP_S) * SECOND)
                self.process.frozen_until = self._scheduler.now + stops
                self._scheduler.pause()
            self._broker.publish(queue)
