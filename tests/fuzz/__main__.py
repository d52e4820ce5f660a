"""`python -m tests.fuzz`: at least 20,000 requests, all checks; exit code 1 when any of them fails.

Two runs, each on an API of its own: with whatever names the description allows, and with names of what is there.
"""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.fuzz.target import CONFIG, KNOWN, Fuzzed, fuzz, target
from tests.redis_server import running_redis

PHASES = "examples,coverage,fuzzing,stateful"


@click.command()
@click.option("--examples", default=70, show_default=True, help="How many cases are made up for each operation.")
@click.option("--seed", default=20261123, show_default=True, help="What decides which.")
def main(examples: int, seed: int) -> None:
    """Fuzzes the running API."""
    sent, failed = 0, False
    for config in (CONFIG, KNOWN):
        arguments = ["--checks", "all", "--phases", PHASES, "--continue-on-failure", "--workers", "2"]
        arguments += ["--max-examples", str(examples), "--seed", str(seed)]
        result = _run(arguments, config)
        found = re.search(r"([\d,]+) generated", result.said)
        sent += int(found[1].replace(",", "")) if found else 0
        failed = failed or result.code != 0
    print(f"{sent:,} requests in all, {'with failures' if failed else 'no failure'}")
    sys.exit(1 if failed else 0)


def _run(arguments: list[str], config: Path) -> Fuzzed:
    with (
        TemporaryDirectory() as directory,
        running_redis(Path(directory)) as port,
        target(port, Path(directory)) as reached,
    ):
        return fuzz(reached, arguments, config)


if __name__ == "__main__":
    main()
