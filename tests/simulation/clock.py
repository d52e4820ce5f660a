"""The clock of the simulated Redis: it follows the world's time, and jumps."""

from random import Random

from tests.simulation.scheduler import Scheduler

FIRST_MS = 1_700_000_000_000
FORWARD_MS = (5, 900, 4_000, 6_000, 30_000, 3_600_000)
"""Within a lease, past a lease, and the hour of a wrong time zone."""

BACK_MS = (5, 900, 4_000, 6_000, 30_000)
"""What stands still until the clock is there again costs a simulated world as much time as a real one."""


class Clock:
    """Milliseconds since 1970 as Redis tells them."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._ahead_ms = 0
        self.back_ms = 0

    def now(self) -> int:
        """The time."""
        return FIRST_MS + self._scheduler.now // 1000 + self._ahead_ms

    def jump(self, luck: Random, *, back: bool) -> None:
        """Someone sets the clock."""
        if back:
            jump = luck.choice(BACK_MS)
            self.back_ms += jump
            self._ahead_ms -= jump
        else:
            self._ahead_ms += luck.choice(FORWARD_MS)
