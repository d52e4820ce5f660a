"""What is run, and what became of it."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.faults import Fault
from tests.simulation.planted import Plant

FEW_CASES = 4
MOST_CASES = 12
"""Most worlds have up to a few cases, so that much happens to each; some have many, so that events come in batches."""

REDIS_SHARE = 25
"""Every so manieth seed runs on the Redis store, the others on the memory store."""


@dataclass(frozen=True)
class Plan:
    """What is run: a seed, and what is left out of it while it shrinks.

    `blind`: nothing is looked at but the end.
    """

    seed: int
    on_redis: bool | None = None
    plant: Plant | None = None
    cases: frozenset[int] = frozenset(range(MOST_CASES))
    dropped: frozenset[str] = frozenset()
    off: frozenset[Fault] = frozenset()
    blind: bool = False

    @property
    def redis(self) -> bool:
        """Whether it runs on the Redis store."""
        return self.seed % REDIS_SHARE == 0 if self.on_redis is None else self.on_redis


@dataclass
class Report:
    """What became of a seed. `digest` is the same whenever the same happened."""

    plan: Plan
    turns: int = 0
    operations: int = 0
    looks: int = 0
    cases: int = 0
    seconds: float = 0.0
    rest_s: float = 0.0
    faults: Counter[Fault] = field(default_factory=Counter)
    fault_names: tuple[str, ...] = ()
    ends: Counter[str] = field(default_factory=Counter)
    promise: str = ""
    problem: str = ""
    trace: tuple[str, ...] = ()
    digest: str = ""
