"""What was true a moment ago, for those who ask all the time and can live with that."""

from collections.abc import Callable
from time import monotonic

from engine.errors import Unavailable

KNOWN_FOR_S = 0.5


class Recently:
    """Asks at most twice a second. Safe for use by several threads: two who ask at once are both told the same."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._answer = False
        self._asked_at = -KNOWN_FOR_S

    def known(self) -> bool:
        """The answer, at most half a second old; while the store is away the last one there was."""
        if monotonic() - self._asked_at >= KNOWN_FOR_S:
            try:
                self._answer = self._ask()
            except Unavailable:
                return self._answer
            self._asked_at = monotonic()
        return self._answer
