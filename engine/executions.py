"""An execution: what an item, a call or a child case belongs to. It is a run, or one instance of a run."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.case import LEFT, Case, Run


class Execution(NamedTuple):
    """`execution` is the number the item goes by; `number` that of its run; `instance` its index among several."""

    execution: int
    number: int
    run: Run
    instance: int | None


def execution_of(case: Case, execution: int) -> Execution | None:
    """What a number stands for in a case; None when it is over."""
    run = case.runs.get(execution)
    if run is not None:
        return Execution(execution, execution, run, None) if run.instances is None and run.state not in LEFT else None
    for number, several in case.runs.items():
        if several.instances is not None and several.state not in LEFT:
            index = several.instances.index(execution)
            if index is not None:
                return Execution(execution, number, several, index)
    return None


def executions(case: Case) -> Iterator[int]:
    """The numbers of all items, calls and children that the living runs of a case have out."""
    for number, run in case.runs.items():
        if run.instances is None:
            yield number
        else:
            yield from (run.instances.number(index) for index in range(run.instances.created))
