"""The table of faults, as it stands in `docs/guarantees.md`."""

from collections.abc import Sequence
from statistics import median

from tests.chaos.runs import Run

HEAD = (
    "| fault | runs | cases | acknowledged calls | losses | doubles | stuck or wrong | recovery p50, max (s) |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


def row_of(fault: str, runs: Sequence[Run]) -> str:
    """The line of one fault."""
    losses = sum(len(run.losses) for run in runs)
    forgiven = [loss for run in runs for loss in run.forgiven]
    oldest_s = max((run.oldest_loss_s for run in runs), default=0.0)
    lost = f"{losses} (and {len(forgiven)} of the last {oldest_s:.1f} s)" if forgiven else str(losses)
    doubles = sum(len(run.verdict.doubles) for run in runs)
    wrong = sum(len(run.verdict.stuck) + len(run.verdict.wrong) for run in runs)
    cases, acknowledged = sum(run.cases for run in runs), sum(run.acknowledged for run in runs)
    return f"| {fault} | {len(runs)} | {cases} | {acknowledged} | {lost} | {doubles} | {wrong} | {recovery_of(runs)} |"


def recovery_of(runs: Sequence[Run]) -> str:
    """The median and the longest time to recovery."""
    times = [run.recovered_s for run in runs]
    known = [seconds for seconds in times if seconds is not None]
    if len(known) < len(times):
        return f"never in {len(times) - len(known)} of {len(times)}"
    return f"{median(known):.1f}, {max(known):.1f}"
