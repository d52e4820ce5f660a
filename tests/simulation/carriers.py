"""Threads that carry actors, one after another: starting a thread costs more than a whole turn of an actor."""

from collections.abc import Callable
from threading import Lock, Thread

_idle: list["_Carrier"] = []


class _Carrier(Thread):
    """A thread that does one job after another, and waits between them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._given = Lock()
        self._given.acquire()
        self._job: Callable[[], Callable[[], None]] | None = None
        self.start()

    def give(self, job: Callable[[], Callable[[], None]]) -> None:
        """Has it do a job. What the job returns is called when the thread can be given another one."""
        self._job = job
        self._given.release()

    def run(self) -> None:
        while True:
            self._given.acquire()
            assert self._job is not None
            afterwards = self._job()
            _idle.append(self)
            afterwards()


def carry(job: Callable[[], Callable[[], None]]) -> None:
    """Runs a job in a thread of its own."""
    (_idle.pop() if _idle else _Carrier()).give(job)
