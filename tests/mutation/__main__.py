"""`python -m tests.mutation`: changes the kernel in small ways, one at a time, and counts the changes that a test sees.

mutmut makes every mutant in `mutants/`, a copy of the tree, and runs those tests against each that reach the function
it changes (DeMillo, Lipton, Sayward 1978: a test suite is as good as the faults it tells apart). A seeded sample of the
mutants stands for all of them. What is mutated, which tests run and how long each may take: `[tool.mutmut]` in
pyproject.toml.
"""

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

MUTANTS = Path("mutants")
FEWEST = "engine.net.marking.*"
"""mutmut names its mutants only after it has run some: these are few."""

MOST_MUTANTS = 500
SEED = 20261123
LEAST_KILLED = 0.85
KILLED = frozenset({"killed", "timeout", "segfault"})
"""A mutant that runs into its time limit has made something endless, and a bound of the kernel does not stop it."""


def main() -> int:
    """The command. 1 when too few mutants are killed, or some were not tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--mutants", type=int, default=MOST_MUTANTS, help=f"how many at most (default {MOST_MUTANTS})")
    parser.add_argument("--seed", type=int, default=SEED, help="which ones: the same seed chooses the same")
    parser.add_argument("--processes", type=int, default=2, help="how many are tried at the same time (default 2)")
    parser.add_argument("--keep", action="store_true", help="goes on with the mutants that were made before")
    asked = parser.parse_args()
    if MUTANTS.exists() and not asked.keep:
        shutil.rmtree(MUTANTS)
    _mutmut("run", "--max-children", str(asked.processes), FEWEST)
    sample = chosen(states(_results()), asked.mutants, asked.seed)
    _mutmut("run", "--max-children", str(asked.processes), *sample)
    of_all = states(_results())
    return _told({name: of_all[name] for name in sample}, len(of_all))


def states(results: str) -> dict[str, str]:
    """The state of each mutant, from the lines that `mutmut results` writes: `<name>: <state>`."""
    lines = (line.strip().partition(": ") for line in results.splitlines())
    return {name: state for name, colon, state in lines if colon}


def chosen(names: Iterable[str], most: int, seed: int) -> list[str]:
    """A sample of at most `most` names, the same for the same seed; a smaller one is the beginning of a larger one."""
    known = sorted(names)
    return random.Random(seed).sample(known, min(MOST_MUTANTS, len(known)))[:most]


def share_killed(sample: dict[str, str]) -> float:
    """The share of a sample that a test saw. What no test reaches counts as a survivor."""
    return sum(state in KILLED for state in sample.values()) / len(sample)


def _told(sample: dict[str, str], of: int) -> int:
    for name, state in sorted(sample.items()):
        if state not in KILLED:
            print(f"{state:12} {name}    (mutmut show {name})")
    counted = ", ".join(f"{number} {state}" for state, number in Counter(sample.values()).most_common())
    share = share_killed(sample)
    print(f"{len(sample)} of {of} mutants: {counted}; killed {share:.1%}, {LEAST_KILLED:.0%} are asked for")
    return int(share < LEAST_KILLED or "not checked" in sample.values())


def _mutmut(*arguments: str) -> None:
    # Not the script: beside it lies another one, named like a module of the kernel's.
    subprocess.run([sys.executable, "-m", "mutmut", *arguments], check=True)


def _results() -> str:
    command = [sys.executable, "-m", "mutmut", "results", "--all", "true"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
