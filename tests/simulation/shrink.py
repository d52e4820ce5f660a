"""Makes a failing seed small: fewer cases, fewer kinds of faults, fewer faults, as long as the same promise is broken.

After delta debugging (Zeller and Hildebrandt 2002), over the names of the faults that struck.
"""

from dataclasses import replace

from tests.simulation.plan import Plan, Report
from tests.simulation.world import run

MOST_TRIES = 300


class Shrinker:
    """Tries smaller plans, a bounded number of times."""

    def __init__(self, failing: Report) -> None:
        self.smallest = failing
        self._promise = failing.promise
        self._tries = 0

    def shrink(self) -> Report:
        """The smallest plan found that still fails in the same way, with its trace."""
        self._fewer_cases()
        self._fewer_kinds()
        self._fewer_faults()
        return run(self.smallest.plan, traced=True)

    def _fewer_cases(self) -> None:
        for case in sorted(self.smallest.plan.cases):
            plan = self.smallest.plan
            self._accepts(replace(plan, cases=plan.cases - {case}))

    def _fewer_kinds(self) -> None:
        for kind in sorted(self.smallest.faults):
            plan = self.smallest.plan
            self._accepts(replace(plan, off=plan.off | {kind}))

    def _fewer_faults(self) -> None:
        size = len(self.smallest.fault_names)
        while size >= 1 and self._tries < MOST_TRIES:
            first = 0
            while first < len(self.smallest.fault_names) and self._tries < MOST_TRIES:
                plan, names = self.smallest.plan, self.smallest.fault_names[first : first + size]
                if not self._accepts(replace(plan, dropped=plan.dropped.union(names))):
                    first += size
            size //= 2

    def _accepts(self, plan: Plan) -> bool:
        """Whether a smaller plan fails in the same way; it is the smallest then."""
        self._tries += 1
        report = run(plan)
        fails = report.promise == self._promise
        if fails:
            self.smallest = report
        return fails
