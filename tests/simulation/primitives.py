"""What production code takes from `threading`, `queue` and `time`, as the simulated world gives it.

They are put in the place of the real ones in `workers`, so that the room in which calls are made runs as it
stands: its threads are actors.
"""

from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any, Generic, TypeVar

from tests.simulation.scheduler import SECOND, Actor, Scheduler

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue between actors: `queue.SimpleQueue`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held: deque[T] = deque()
        self._waiting: list[Actor] = []

    def put(self, thing: T) -> None:
        """Puts something in, and wakes one who waits."""
        self._held.append(thing)
        self._wake_one()

    def get(self, timeout: float | None = None) -> T:
        """Takes something out. Raises `Empty` when nothing comes in time."""
        scheduler = self._scheduler
        until = None if timeout is None else scheduler.now + round(timeout * SECOND)
        while not self._held:
            if until is not None and scheduler.now >= until:
                raise Empty
            me = scheduler.current
            self._waiting.append(me)
            try:
                scheduler.block(until)
            finally:
                if me in self._waiting:
                    self._waiting.remove(me)
        return self._held.popleft()

    def get_nowait(self) -> T:
        """Takes something out. Raises `Empty` when nothing is there."""
        if not self._held:
            raise Empty
        return self._held.popleft()

    def _wake_one(self) -> None:
        if self._waiting:
            self._scheduler.wake(self._waiting.pop(0))


class Flag:
    """`threading.Event`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._set = False

    def set(self) -> None:
        """From now on it is set. Who waits sees it when his time is over."""
        self._set = True

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Waits for a while, at once if it is set."""
        if not self._set:
            self._scheduler.sleep(round(timeout * SECOND))
        return self._set


class Line:
    """`threading.Thread`: an actor of the process that starts it."""

    def __init__(self, scheduler: Scheduler, target: Callable[[], None], name: str) -> None:
        self._scheduler = scheduler
        self._target = target
        self._name = name
        self._actor: Actor | None = None

    def start(self) -> None:
        """Begins to run."""
        process = self._scheduler.current.process
        self._actor = self._scheduler.spawn(f"{process.name}/{self._name}", self._target)

    def join(self, timeout: float | None = None) -> None:
        """Waits for its end, or for a while."""
        actor, scheduler = self._actor, self._scheduler
        until = None if timeout is None else scheduler.now + round(timeout * SECOND)
        while actor is not None and not actor.done and (until is None or scheduler.now < until):
            actor.watchers.append(scheduler.current)
            try:
                scheduler.block(until)
            finally:
                if scheduler.current in actor.watchers:
                    actor.watchers.remove(scheduler.current)


def thread_factory(scheduler: Scheduler) -> Callable[..., Any]:
    """What stands in the place of the class `Thread`."""

    def thread(*, target: Callable[[], None], name: str, daemon: bool) -> Line:
        assert daemon, "a thread that is no daemon outlives its process"
        return Line(scheduler, target, name)

    return thread
