"""`python -m tests.performance.kernel`: tasks per second of the kernel alone, beside SpiffWorkflow in memory.

Three processes, written in both languages, run in turn: ours by the step alone (pure: nothing packed or kept), ours by
the runner on the store in memory (journal, packing, batches, calls taken and reported), and SpiffWorkflow's. Each of
our tasks is automated: it places a call, and its answer is an event of its own. Those of the other side have nothing to
do. Every side gets the same processor time in every round, and rounds are short: the ratio is that of the round, so
that a slow second of the machine is slow for all. Time is processor time.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from engine.case import CaseStatus
from engine.spec.read import load_document
from tests.performance import processes
from tests.performance.in_memory import Stepped, Stored, nothing
from tests.performance.processes import Process
from tests.performance.spiff import Spiff

WAVE = 50
"""Cases that are under way at the same time on the store."""

ANSWERED_AT_ONCE = 256
"""Answers that arrive together, as from a worker."""


def main() -> None:
    """Prints a table of each process, and JSON."""
    arguments = _arguments()
    result = {}
    for process in (processes.sequence(), processes.parallel(), processes.instances()):
        result[process.name] = _compared(process, arguments.rounds, arguments.seconds)
        _print_table(process, result[process.name])
    print(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="rounds of all sides (default 50)")
    parser.add_argument("--seconds", type=float, default=0.05, help="processor time of a side a round (default 0.05)")
    return parser.parse_args()


def _compared(process: Process, rounds: int, seconds: float) -> dict[str, Any]:
    """Tasks per second of each side, and the ratios of ours to the better way of the other, round by round."""
    stepped, stored, others = _by_step(process), _by_store(process), Spiff(process.bpmn).ways
    for side in (stepped, stored, *others):
        side()
    rates: dict[str, list[float]] = {"step": [], "store": []}
    ways: list[list[float]] = [[] for _ in others]
    for _ in range(rounds):
        rates["step"].append(_rate(stepped, process.tasks, seconds))
        for way, other in zip(ways, others, strict=True):
            way.append(_rate(other, process.tasks, seconds))
        # A store keeps all its cases: each round begins with an empty one.
        rates["store"].append(_rate(_by_store(process), process.tasks * WAVE, seconds))
    rates["spiff"] = max(ways, key=statistics.median)
    ratios = {
        f"{side}_to_spiff": [ours / other for ours, other in zip(rates[side], rates["spiff"], strict=True)]
        for side in ("step", "store")
    }
    return {name: _spread(values) for name, values in (rates | ratios).items()}


def _by_step(process: Process) -> Callable[[], None]:
    specification = load_document(process.document)

    def one() -> None:
        case = Stepped(specification, {})
        while case.calls:
            case.answer({})
        assert case.case.status is CaseStatus.COMPLETED, case.case

    return one


def _by_store(process: Process) -> Callable[[], None]:
    stored, number = Stored(process.document), 0

    def wave() -> None:
        nonlocal number
        number += WAVE
        calls = stored.submit([f"c{n}" for n in range(number, number + WAVE)], {})
        answered = 0
        while calls:
            answered += len(calls[:ANSWERED_AT_ONCE])
            calls = calls[ANSWERED_AT_ONCE:] + stored.answer(calls[:ANSWERED_AT_ONCE], nothing)
        assert answered == WAVE * process.tasks, f"{answered} answers"

    return wave


def _rate(side: Callable[[], None], tasks: int, seconds: float) -> float:
    """Tasks per second of processor time, if each call of `side` does so many."""
    # Nobody pays for what another one has left behind.
    gc.collect()
    done, began = 0, time.process_time()
    until = began + seconds
    while True:
        side()
        done += tasks
        now = time.process_time()
        if now >= until:
            return done / (now - began)


def _spread(values: list[float]) -> dict[str, float]:
    digits = 1 if max(values) < 1_000 else None
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def _print_table(process: Process, result: dict[str, Any]) -> None:
    print(f"{process.name:<32}    median       min       max")
    for name, label in (
        ("step", "step alone, tasks/s"),
        ("store", "runner and store, tasks/s"),
        ("spiff", "SpiffWorkflow, tasks/s"),
        ("step_to_spiff", "ratio, step alone"),
        ("store_to_spiff", "ratio, runner and store"),
    ):
        spread = result[name]
        print(f"  {label:30} {spread['median']:>9,} {spread['min']:>9,} {spread['max']:>9,}", flush=True)


if __name__ == "__main__":
    main()
