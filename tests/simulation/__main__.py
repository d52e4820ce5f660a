"""`python -m tests.simulation`: runs seeds, shows one with its trace, or shows how soon planted bugs are found."""

import argparse
import os
import sys
from time import monotonic

from tests.simulation.campaign import campaign, seeds_until_found
from tests.simulation.plan import Plan, Report
from tests.simulation.planted import Plant
from tests.simulation.shrink import Shrinker
from tests.simulation.world import run

SHOWN_FAILING = 20
SHRUNK = 3
TRACE_LINES_SHOWN = 40
LINE_CHARACTERS = 220


def main() -> int:
    """The command. 1 when a promise was broken, or a planted bug not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many seeds (default 1000)")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed (default 1)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    parser.add_argument("--redis", action="store_true", help="all on the Redis store (fakeredis), not every 25th")
    parser.add_argument("--seed", type=int, help="one seed; a failing one is made small")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that was done")
    parser.add_argument("--planted", action="store_true", help="how many seeds planted bugs take to be found")
    asked = parser.parse_args()
    on_redis = True if asked.redis else None
    if asked.planted:
        return _planted(asked.first)
    if asked.seed is not None:
        return _one(Plan(asked.seed, on_redis=on_redis), traced=asked.trace)
    plans = (Plan(seed, on_redis=on_redis) for seed in range(asked.first, asked.first + asked.seeds))
    tally = campaign(plans, processes=asked.processes)
    print("\n".join(tally.lines()))
    for report in tally.failing[:SHOWN_FAILING]:
        print(_sentence(report))
    for report in tally.failing[:SHRUNK]:
        _show_small(report)
    return 1 if tally.failing else 0


def _one(plan: Plan, *, traced: bool) -> int:
    report = run(plan, traced=traced)
    print("\n".join(report.trace))
    print(_sentence(report))
    if report.promise:
        _show_small(report)
    return 1 if report.promise else 0


def _planted(first: int) -> int:
    missed = 0
    for plant in Plant:
        for blind in (False, True):
            began = monotonic()
            found = seeds_until_found(Plan(first, on_redis=False, plant=plant, blind=blind))
            how = "by the end alone" if blind else "by watching each step"
            took = f"({monotonic() - began:.1f} s)"
            if found is None:
                missed += 1
                print(f"{plant}, {how}: NOT FOUND {took}")
            else:
                print(
                    f"{plant}, {how}: found by seed number {found.plan.seed - first + 1} {took}: {found.problem[:200]}"
                )
    return 1 if missed else 0


def _show_small(report: Report) -> None:
    """A failing seed, made small, with the end of its trace."""
    small = Shrinker(report).shrink()
    print(f"\nseed {report.plan.seed} made small: {len(small.fault_names)} faults instead of {len(report.fault_names)}")
    print(f"  plan: {small.plan.seed=} cases={sorted(small.plan.cases)} off={sorted(small.plan.off)}")
    for name in small.fault_names:
        print(f"  fault: {name}")
    print("\n".join(line[:LINE_CHARACTERS] for line in small.trace[-TRACE_LINES_SHOWN:]))
    print(f"  {small.problem}")


def _sentence(report: Report) -> str:
    said = report.problem or "every promise kept"
    again = f"python -m tests.simulation --seed {report.plan.seed}{' --redis' if report.plan.on_redis else ''} --trace"
    store = "redis" if report.plan.redis else "memory"
    return f"seed {report.plan.seed} ({store}, {sum(report.faults.values())} faults): {said[:700]}\n    {again}"


if __name__ == "__main__":
    sys.exit(main())
