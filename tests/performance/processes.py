"""The same processes in both languages: five tasks in a sequence, ten in parallel, a hundred instances of one.

No data is carried on either side, so that what is measured is the control flow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

STEPS = 5
BRANCHES = 10
INSTANCES = 100

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


@dataclass(frozen=True, slots=True)
class Process:
    """A process with so many tasks: `document` is the specification, `bpmn` the same as an XML text.

    Gateways, and the routing tasks that stand for them, do not count as tasks.
    """

    name: str
    tasks: int
    document: dict[str, Any]
    bpmn: str


def sequence() -> Process:
    """Five tasks, one after another."""
    names = [f"T{number}" for number in range(STEPS)]
    ways = list(zip(names, [*names[1:], "end"], strict=True))
    document = _document(names[0], {task: _automated(following) for task, following in ways})
    return Process("sequence of 5", STEPS, document, _bpmn(_tasks(names), [("start", names[0]), *ways]))


def parallel() -> Process:
    """Ten tasks between an and-split and an and-join."""
    names = [f"T{number}" for number in range(BRANCHES)]
    document = _document(
        "A",
        {
            "A": {"kind": "routing", "split": "and", "next": names},
            **{name: _automated("Z") for name in names},
            "Z": {"kind": "routing", "join": "and", "next": "end"},
        },
    )
    gateways = '<parallelGateway id="A"/><parallelGateway id="Z"/>'
    ways = [("start", "A"), *(("A", name) for name in names), *((name, "Z") for name in names), ("Z", "end")]
    return Process("and-split of 10", BRANCHES, document, _bpmn(gateways + _tasks(names), ways))


def instances() -> Process:
    """A hundred instances of one task at the same time, all of them waited for."""
    document = _document("T0", {"T0": {**_automated("end"), "instances": {"count": INSTANCES}}})
    several = (
        '<multiInstanceLoopCharacteristics isSequential="false">'
        f"<loopCardinality>{INSTANCES}</loopCardinality></multiInstanceLoopCharacteristics>"
    )
    bpmn = _bpmn(_tasks(["T0"], several), [("start", "T0"), ("T0", "end")])
    return Process("100 instances", INSTANCES, document, bpmn)


def _document(start: str, tasks: dict[str, Any]) -> dict[str, Any]:
    return {"specification": "bench", "version": "1", "nets": {"main": {"start": start, "tasks": tasks}}}


def _automated(following: str) -> dict[str, Any]:
    return {"kind": "automated", "connector": "echo", "next": following}


def _bpmn(elements: str, ways: Iterable[tuple[str, str]]) -> str:
    flows = "".join(f'<sequenceFlow id="{a}-{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in ways)
    return (
        f'<definitions xmlns="{BPMN}"><process id="bench" isExecutable="true">'
        f'<startEvent id="start"/>{elements}<endEvent id="end"/>{flows}</process></definitions>'
    )


def _tasks(names: Iterable[str], inner: str = "") -> str:
    return "".join(f'<task id="{name}" name="{name}">{inner}</task>' for name in names)
