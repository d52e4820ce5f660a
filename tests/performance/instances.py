"""`python -m tests.performance.instances`: what one completion costs in a task with many instances.

One automated task has 100 to 100,000 instances, as many as `count` says or one for `each` element of a list that a
variable holds; what they give is gathered in a list. By the step alone, and by the runner on the store in memory.

*mean* is all that a case costs from its submission to its end, shared out among its instances; *created* is what it
costs until all of them are there, shared out alike; *p50* is the median of the completions only: each by itself with
the step alone, on the store the answers of one batch together, divided by their number. The ratios are to the smallest
size, measured just before; what the smallest has to itself is chance. Time is processor time.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.spec.read import load_document
from tests.performance.in_memory import Stepped, Stored

SIZES = (100, 1_000, 10_000, 100_000)
LEAST_COMPLETIONS = 10_000
"""So many are measured at least for each figure of a round: small sizes run in as many cases as that takes."""

ANSWERED_AT_ONCE = 256
"""Answers that arrive together, as from a worker."""

SOURCES: dict[str, tuple[dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    "count": ({"count": "wanted"}, lambda size: {"wanted": size}),
    "each": ({"each": "$.lines"}, lambda size: {"lines": list(range(size))}),
}
"""How the number of instances is said, and the data of a case that has so many."""


class Ran(NamedTuple):
    """A case at its end, the seconds it took to create its instances, and those of the completions."""

    case: Case
    created: float
    completions: list[float]


Run = Callable[[str, Mapping[str, Any]], Ran]
"""Runs one case with an id and data."""


class Cost(NamedTuple):
    """Microseconds for each instance: all of it, its creation, and its completion."""

    mean: float
    created: float
    p50: float


def main() -> None:
    """Prints a table for each way to say how many, and JSON."""
    arguments = _arguments()
    result = {}
    for name, side in SIDES.items():
        for source in SOURCES:
            title = f"{name}, {source}"
            print(
                f"{title:<25} instances   mean µs   created   p50 µs   mean ratio (min, max)     p50 ratio (min, max)"
            )
            for size in arguments.sizes:
                compared = [_compared(side, source, min(arguments.sizes), size) for _ in range(arguments.rounds)]
                result[f"{title}, {size}"] = _print_row(size, compared)
    print(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help=f"instances of the task (default {SIZES})")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each size (default 3)")
    return parser.parse_args()


def _compared(side: Callable[[Mapping[str, Any]], Run], source: str, smallest: int, size: int) -> tuple[Cost, Cost]:
    """What the smallest size costs, and what another one costs right after it."""
    return _measured(side, source, smallest), _measured(side, source, size)


def _measured(side: Callable[[Mapping[str, Any]], Run], source: str, size: int) -> Cost:
    several, data_of = SOURCES[source]
    run, data = side(_document(several)), data_of(size)
    cases = max(LEAST_COMPLETIONS // size, 1)
    created, completions = 0.0, []
    # Nobody pays for what another one has left behind.
    gc.collect()
    began = time.process_time()
    for number in range(cases):
        ran = run(f"c{number}", data)
        assert ran.case.status is CaseStatus.COMPLETED and ran.case.data["given"] == list(range(size)), ran.case.status
        created += ran.created
        completions += ran.completions
    total = time.process_time() - began
    return Cost(total / cases / size * 1e6, created / cases / size * 1e6, statistics.median(completions) * 1e6)


def _by_step(document: Mapping[str, Any]) -> Run:
    specification = load_document(document)

    def run(case_id: str, data: Mapping[str, Any]) -> Ran:
        began = time.process_time()
        case = Stepped(specification, data, case_id)
        created, completions = time.process_time() - began, []
        while case.calls:
            output = _output(case.calls[0])
            began = time.process_time()
            case.answer(output)
            completions.append(time.process_time() - began)
        return Ran(case.case, created, completions)

    return run


def _by_store(document: Mapping[str, Any]) -> Run:
    stored = Stored(document)

    def run(case_id: str, data: Mapping[str, Any]) -> Ran:
        began = time.process_time()
        calls = stored.submit([case_id], data)
        created, completions = time.process_time() - began, []
        for start in range(0, len(calls), ANSWERED_AT_ONCE):
            batch = calls[start : start + ANSWERED_AT_ONCE]
            began = time.process_time()
            more = stored.answer(batch, _output)
            completions.append((time.process_time() - began) / len(batch))
            assert not more, "all instances were placed before the first was answered"
        case = stored.store.case(case_id)
        assert case is not None, "the case is kept"
        return Ran(case, created, completions)

    return run


SIDES: dict[str, Callable[[Mapping[str, Any]], Run]] = {"step alone": _by_step, "runner and store": _by_store}


def _document(several: dict[str, Any]) -> dict[str, Any]:
    task = {
        "kind": "automated",
        "connector": "echo",
        "input": {"n": "$.line"},
        "instances": {**several, "as": "line", "gather": {"variable": "given", "from": "$.n"}},
        "next": "end",
    }
    variables = {
        "wanted": {"schema": {"type": "integer"}, "input": True, "default": 0},
        "lines": {"schema": {"type": "array"}, "input": True, "default": []},
        "given": {"schema": {"type": "array"}, "output": True},
    }
    main = {"variables": variables, "start": "do", "tasks": {"do": task}}
    return {"specification": "bench", "version": "1", "nets": {"main": main}}


def _output(call: Call) -> dict[str, Any]:
    """What the connector echo gives back."""
    return call.input


def _print_row(size: int, compared: list[tuple[Cost, Cost]]) -> dict[str, Any]:
    cost = Cost(*(statistics.median(values) for values in zip(*(after for _, after in compared), strict=True)))
    mean = _spread([after.mean / before.mean for before, after in compared])
    p50 = _spread([after.p50 / before.p50 for before, after in compared])
    print(
        f"{size:>35,} {cost.mean:>9.1f} {cost.created:>9.1f} {cost.p50:>8.1f}   "
        f"{mean['median']:>10.2f} ({mean['min']:.2f}, {mean['max']:.2f})  "
        f"{p50['median']:>11.2f} ({p50['min']:.2f}, {p50['max']:.2f})",
        flush=True,
    )
    return {**{name: round(value, 2) for name, value in cost._asdict().items()}, "mean_ratio": mean, "p50_ratio": p50}


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


if __name__ == "__main__":
    main()
