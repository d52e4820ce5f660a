"""Many runs: each scenario so many times on an installation of its own, and whether what came of it is as promised."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from tests.chaos.runs import Run, run
from tests.chaos.scenarios import Scenario
from tests.chaos.site import Site

Told = Callable[[str], None]


def runs_of(scenarios: Sequence[Scenario], count: int, tell: Told) -> Iterator[Run]:
    """Runs scenarios of one layout so many times, on one installation. Where something is wrong its files are kept."""
    directory = Path(mkdtemp(prefix="chaos-"))
    is_right = False
    try:
        with Site(directory, scenarios[0].layout) as site:
            found: list[str] = []
            for number, scenario in enumerate([*scenarios] * count, 1):
                done = run_once(site, scenario, f"r{number}")
                wrong = problems_of(done)
                tell(f"{scenario.name} {number}/{count * len(scenarios)}: {summary_of(done)}")
                for problem in wrong:
                    tell(f"    {problem}")
                found += wrong
                yield done
            is_right = not found
    finally:
        if is_right:
            rmtree(directory, ignore_errors=True)
        else:
            tell(f"    what was written is in {directory}")


def run_once(site: Site, scenario: Scenario, name: str) -> Run:
    """One run of a scenario on an installation that is up, which is healthy again before it begins."""
    site.wait_until_ready()
    return run(site, name, scenario.fault, scenario.load, scenario.forgiven_s)


def problems_of(done: Run) -> list[str]:
    """What is not as promised, in words. What a scenario forgives is no problem."""
    verdict = done.verdict
    problems = [
        f"lost: {loss.what}, answered {done.crashed_at - loss.answered_at:.2f} s before the fault"
        for loss in done.losses
    ]
    problems += [f"double: {what}" for what in verdict.doubles]
    problems += [f"stuck: {what}" for what in verdict.stuck]
    problems += [f"wrong: {what}" for what in verdict.wrong]
    if done.recovered_s is None:
        problems.append(f"no recovery: {done.recovery}")
    if not done.cases:
        problems.append("no case was begun")
    return problems


def summary_of(done: Run) -> str:
    """One line about a run."""
    verdict = done.verdict
    ended = f", {done.restarted} processes ended by themselves" if done.restarted else ""
    recovered = "never" if done.recovered_s is None else f"{done.recovered_s:.1f} s"
    return (
        f"{done.cases} cases, {done.acknowledged} acknowledged calls, {len(done.losses)} lost, "
        f"{len(done.forgiven)} forgiven, {len(verdict.doubles)} doubles, {len(verdict.stuck)} stuck, "
        f"{len(verdict.wrong)} wrong; the fault took {done.over - done.began:.1f} s, "
        f"{done.recovery.waiting} waited, recovered after {recovered}{ended}"
    )
