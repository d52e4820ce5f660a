"""`python -m tests.chaos`: all scenarios so many times, and the table of what came of them."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import format_exc

from tests.chaos import faults
from tests.chaos.campaign import problems_of, runs_of
from tests.chaos.crashes import EFFECTS, crashes
from tests.chaos.linearizability.rounds import NETWORK_S, hold, tally_of
from tests.chaos.runs import Run
from tests.chaos.scenarios import EVERYTHING, SCENARIOS, Scenario
from tests.chaos.site import Site
from tests.chaos.table import HEAD, row_of

Groups = Mapping[str, Sequence[Scenario]]
"""What runs on one installation and makes one line of the table, by its name there."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 when everything is as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="how often each scenario runs")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="those whose name contains it")
    parser.add_argument("--failpoints", action="store_true", help="crashes at each side effect instead of the faults")
    parser.add_argument("--linearizability", action="store_true", help="four processes compete for the same items")
    parser.add_argument("--items", type=int, default=150, help="how many items they compete for in each run")
    given = parser.parse_args(arguments)
    if given.linearizability:
        return _compete(given.runs, given.items)
    groups = CRASHES if given.failpoints else FAULTS
    chosen = {name: group for name, group in groups.items() if _is_chosen(name, given.only)}
    if not chosen:
        _tell(f"nothing is named so; there are: {', '.join(groups)}")
        return 2
    return _run_all(chosen, given.runs)


FAULTS: Groups = {scenario.name: [scenario] for scenario in SCENARIOS}
CRASHES: Groups = {effect.name: list(crashes(effect)) for effect in EFFECTS}


def _is_chosen(name: str, only: list[str]) -> bool:
    return not only or any(part.lower() in name.lower() for part in only)


def _run_all(groups: Groups, count: int) -> int:
    rows: list[str] = []
    wrong = 0
    for name, scenarios in groups.items():
        runs: list[Run] = []
        try:
            runs.extend(runs_of(scenarios, count, _tell))
        except Exception:  # noqa: BLE001
            # The boundary of a scenario: whatever went wrong in one, the others are run, and it counts as failed.
            _tell(f"{name}: {format_exc()}")
            wrong += 1
        wrong += sum(bool(problems_of(run)) for run in runs)
        if runs:
            rows.append(row_of(name, runs))
    print(HEAD, *rows, sep="\n")
    return 1 if wrong else 0


def _compete(count: int, items: int) -> int:
    """Rounds of competition, each undisturbed and then with one fault after another."""
    with TemporaryDirectory(prefix="chaos-") as directory, Site(Path(directory), EVERYTHING) as site:
        rounds = []
        for number in range(count):
            for name, meanwhile in (("quiet", _nothing), ("hurt", _hurting(site))):
                site.proxy.delay(NETWORK_S)
                held = hold(site, f"{name}-{number}", items, meanwhile)
                _tell(f"{name} {number + 1}/{count}: {tally_of(held)}")
                rounds.append(held)
                for problem in held.problems:
                    _tell(f"    {problem}")
    return 1 if any(held.problems for held in rounds) else 0


def _nothing() -> None:
    """An undisturbed round."""


def _hurting(site: Site) -> Callable[[], None]:
    def hurt() -> None:
        for fault in (faults.connections_cut, faults.worker_killed, faults.api_killed, faults.redis_killed):
            fault(site)
            site.proxy.delay(NETWORK_S)
            # Between two faults some calls are to be answered.
            site.wait_until_ready()

    return hurt


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
