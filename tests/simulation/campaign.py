"""Many seeds, on all cores, and what they add up to."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from multiprocessing import get_context
from time import monotonic

from tests.simulation.faults import Fault
from tests.simulation.known import known
from tests.simulation.plan import Plan, Report
from tests.simulation.world import run

SEEDS_AT_ONCE = 20
TOLD_EVERY = 1_000
MOST_SEEDS_FOR_A_PLANT = 2_000


@dataclass
class Tally:
    """The sum of many seeds. `failing` are the reports of those that broke a promise by no bug that is `known`."""

    seeds: int = 0
    on_redis: int = 0
    turns: int = 0
    operations: int = 0
    looks: int = 0
    cases: int = 0
    simulated_s: float = 0.0
    took_s: float = 0.0
    rests_s: list[float] = field(default_factory=list)
    faults: Counter[Fault] = field(default_factory=Counter)
    struck: Counter[Fault] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failing: list[Report] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    fingerprint: int = 0

    def add(self, report: Report) -> None:
        """One more seed."""
        self.seeds += 1
        self.on_redis += report.plan.redis
        self.turns += report.turns
        self.operations += report.operations
        self.looks += report.looks
        self.cases += report.cases
        self.simulated_s += report.seconds
        self.rests_s.append(report.rest_s)
        self.faults.update(report.faults)
        self.struck.update(report.faults.keys())
        self.ends.update(report.ends)
        self.fingerprint ^= int(report.digest, 16)
        bug = known(report)
        if bug:
            self.known[bug] += 1
        elif report.promise:
            self.failing.append(report)

    def lines(self) -> Iterator[str]:
        """What is printed."""
        yield f"{self.seeds:,} seeds ({self.on_redis:,} on the Redis store) in {self.took_s:.1f} s"
        yield f"{self.operations:,} operations, {self.turns:,} turns of actors, {self.looks:,} looks of the watch"
        yield f"{self.cases:,} cases, {self.simulated_s / 3600:,.1f} hours of simulated time"
        rests = sorted(self.rests_s)
        yield f"at rest after the last fault: p50 {rests[len(rests) // 2]:.0f} s, max {rests[-1]:.0f} s (simulated)"
        yield "cases ended: " + ", ".join(f"{end} {number:,}" for end, number in sorted(self.ends.items()))
        yield f"{sum(self.faults.values()):,} faults:"
        for fault in Fault:
            yield f"  {fault:32} {self.faults[fault]:9,} in {self.struck[fault]:7,} seeds"
        yield f"fingerprint {self.fingerprint:016x}"
        for bug, seeds in sorted(self.known.items()):
            yield f"{seeds} seeds met a known bug: {bug}"
        yield f"{len(self.failing)} seeds broke a promise"


def campaign(plans: Iterable[Plan], *, processes: int = 1, most_failing: int = 1_000_000) -> Tally:
    """Runs plans one after another, or on several cores; stops early after so many failing ones."""
    tally, began = Tally(), monotonic()
    if processes == 1:
        for plan in plans:
            tally.add(run(plan))
            if len(tally.failing) >= most_failing:
                break
    else:
        cores = sorted(os.sched_getaffinity(0))
        context = get_context("spawn")
        turn = context.Value("i", 0)
        with context.Pool(processes, _stay_on_a_core, (cores, turn)) as pool:
            for report in pool.imap_unordered(_run, plans, SEEDS_AT_ONCE):
                tally.add(report)
                if tally.seeds % TOLD_EVERY == 0:
                    print(f"{tally.seeds:,} seeds, {monotonic() - began:.0f} s", file=sys.stderr)
                if len(tally.failing) >= most_failing:
                    break
    tally.failing.sort(key=lambda report: report.plan.seed)
    tally.took_s = monotonic() - began
    return tally


def seeds_until_found(plan: Plan, most: int = MOST_SEEDS_FOR_A_PLANT) -> Report | None:
    """The first seed from that of the plan on that breaks a promise; None when none of so many does."""
    for seed in islice(count(plan.seed), most):
        report = run(replace(plan, seed=seed))
        if report.promise:
            return report
    return None


def _run(plan: Plan) -> Report:
    return run(plan)


def _stay_on_a_core(cores: list[int], turn: "object") -> None:
    """The actors of a world take turns: on one core a turn passes several times faster."""
    with turn.get_lock():  # type: ignore[attr-defined]
        os.sched_setaffinity(0, {cores[turn.value % len(cores)]})  # type: ignore[attr-defined]
        turn.value += 1  # type: ignore[attr-defined]
