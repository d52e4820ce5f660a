"""`python -m tests.performance.instances`: what one completion costs in a task with many instances.

One automated task has 100 to 100,000 instances, as many as `count` says or one for `each` element of a list that a
variable holds; what they give is gathered in a list. By the step alone, and by the runner on the store in memory.

*mean* is processor time from the submission to the end of the case, for each instance: creation, completions and the
gathering of the list. *p50* is the median of the completions only: each by itself with the step alone, on the store
the answers of one batch together, divided by their number. The ratios are to the smallest size. Sizes take turns, small
ones with as many cases as make up for their size.
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
"""So many are measured at least for each figure of a round."""

ANSWERED_AT_ONCE = 256
"""Answers that arrive together, as from a worker."""

SOURCES: dict[str, tuple[dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    "count": ({"count": "wanted"}, lambda size: {"wanted": size}),
    "each": ({"each": "$.lines"}, lambda size: {"lines": list(range(size))}),
}
"""How the number of instances is said, and the data of a case that has so many."""


class Cost(NamedTuple):
    """Microseconds for each completion: all that the case costs, and the completion by itself."""

    mean: float
    p50: float


def main() -> None:
    """Prints a table for each way to say how many, and JSON."""
    arguments = _arguments()
    result = {}
    for name, side in (("step alone", _by_step), ("runner and store", _by_store)):
        for source in SOURCES:
            costs: dict[int, list[Cost]] = {size: [] for size in arguments.sizes}
            for _ in range(arguments.rounds):
                for size in arguments.sizes:
                    costs[size].append(_measured(side, source, size))
            result[f"{name}, {source}"] = _print_table(f"{name}, {source}", costs)
    print(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help=f"instances of the task (default {SIZES})")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all sizes (default 3)")
    return parser.parse_args()


Run = Callable[[str, Mapping[str, Any]], tuple[Case, list[float]]]
"""Runs one case with an id and data; gives it at its end, and what its completions cost, in seconds."""

Side = Callable[[Mapping[str, Any]], Run]
"""How cases of a specification are run."""


def _measured(side: Side, source: str, size: int) -> Cost:
    """What a size costs in one round."""
    several, data_of = SOURCES[source]
    run, data = side(_document(several)), data_of(size)
    cases = max(LEAST_COMPLETIONS // size, 1)
    completions: list[float] = []
    gc.collect()
    began = time.process_time()
    for number in range(cases):
        case, took = run(f"c{number}", data)
        completions += took
        assert case.status is CaseStatus.COMPLETED and case.data["given"] == list(range(size)), case.status
    total = time.process_time() - began
    return Cost(total / cases / size * 1e6, statistics.median(completions) * 1e6)


def _by_step(document: Mapping[str, Any]) -> Run:
    specification = load_document(document)

    def run(case_id: str, data: Mapping[str, Any]) -> tuple[Case, list[float]]:
        case = Stepped(specification, data, case_id)
        completions = []
        while case.calls:
            output = _output(case.calls[0])
            began = time.perf_counter()
            case.answer(output)
            completions.append(time.perf_counter() - began)
        return case.case, completions

    return run


def _by_store(document: Mapping[str, Any]) -> Run:
    stored = Stored(document)

    def run(case_id: str, data: Mapping[str, Any]) -> tuple[Case, list[float]]:
        calls = stored.submit([case_id], data)
        completions = []
        for start in range(0, len(calls), ANSWERED_AT_ONCE):
            batch = calls[start : start + ANSWERED_AT_ONCE]
            began = time.process_time()
            more = stored.answer(batch, _output)
            completions.append((time.process_time() - began) / len(batch))
            assert not more, "all instances were placed before the first was answered"
        case = stored.store.case(case_id)
        assert case is not None, "the case is kept"
        return case, completions

    return run


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


def _print_table(name: str, costs: Mapping[int, list[Cost]]) -> dict[str, Any]:
    print(f"{name:<24} instances   mean µs    p50 µs   mean ratio   p50 ratio", flush=True)
    medians = {
        size: Cost(statistics.median(c.mean for c in rounds), statistics.median(c.p50 for c in rounds))
        for size, rounds in costs.items()
    }
    first = medians[min(medians)]
    for size, (mean, p50) in medians.items():
        print(f"{size:>34,} {mean:>9.1f} {p50:>9.1f} {mean / first.mean:>12.2f} {p50 / first.p50:>11.2f}", flush=True)
    return {str(size): {"mean_us": round(cost.mean, 2), "p50_us": round(cost.p50, 2)} for size, cost in medians.items()}


if __name__ == "__main__":
    main()
