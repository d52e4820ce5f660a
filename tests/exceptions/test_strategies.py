"""The framework of workflow exception patterns (Russell, van der Aalst, ter Hofstede 2006): every combination.

A pattern is what becomes of the work item, of the case, and how what was done is recovered: 15 strategies for items
that are offered, allocated or started, 3 for cases, 3 recoveries; each for the 5 types of exception. A strategy is
written as an exlet, the exception is raised at an item in that state, and what comes of it is looked at.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest

from engine.case import CaseStatus
from engine.events import DataGiven, Distributed, ExceptionRaised, ItemFailed, ItemStarted
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.spec.model import STEERING_CONNECTOR
from tests.exceptions.bench import HOUR, Bench, call_customer, specification
from tests.patterns.played import Played


class ItemStrategy(NamedTuple):
    """What becomes of an item in one state: its short name in the literature, the primitives, and what it then is.

    `goes_on`: the work after the item begins.
    """

    name: str
    state: ItemState
    exlet: list[Any]
    to: ItemState
    goes_on: bool = False


CONTINUE = [{"suspend": "item"}, {"continue": "item"}]

ITEM_STRATEGIES = [
    ItemStrategy("OCO", ItemState.OFFERED, CONTINUE, ItemState.OFFERED),
    ItemStrategy("ORO", ItemState.OFFERED, ["reoffer"], ItemState.OFFERED),
    ItemStrategy("OFF", ItemState.OFFERED, ["fail"], ItemState.FAILED),
    ItemStrategy("OFC", ItemState.OFFERED, ["complete"], ItemState.SKIPPED, goes_on=True),
    ItemStrategy("ACA", ItemState.ALLOCATED, CONTINUE, ItemState.ALLOCATED),
    ItemStrategy("ARA", ItemState.ALLOCATED, [{"reallocate": "bob"}], ItemState.ALLOCATED),
    ItemStrategy("ARO", ItemState.ALLOCATED, ["reoffer"], ItemState.OFFERED),
    ItemStrategy("AFF", ItemState.ALLOCATED, ["fail"], ItemState.FAILED),
    ItemStrategy("AFC", ItemState.ALLOCATED, ["complete"], ItemState.SKIPPED, goes_on=True),
    ItemStrategy("SCE", ItemState.STARTED, CONTINUE, ItemState.STARTED),
    ItemStrategy("SRS", ItemState.STARTED, ["restart"], ItemState.STARTED),
    ItemStrategy("SRA", ItemState.STARTED, [{"reallocate": "bob"}], ItemState.ALLOCATED),
    ItemStrategy("SRO", ItemState.STARTED, ["reoffer"], ItemState.OFFERED),
    ItemStrategy("SFF", ItemState.STARTED, ["fail"], ItemState.FAILED),
    ItemStrategy("SFC", ItemState.STARTED, ["complete"], ItemState.FORCE_COMPLETED, goes_on=True),
]
CASE_STRATEGIES: dict[str, list[Any]] = {"CWC": [], "RCC": [{"remove": "case"}], "RAC": [{"remove": "all"}]}
RECOVERIES: dict[str, list[Any]] = {
    "NIL": [],
    "RBK": [{"rollback": "book"}],
    "COM": [{"compensate": {"worklet": "call-customer", "output": {"answer": "$.answer"}}}],
}


class Raised(NamedTuple):
    """How a type of exception is raised at an item, and as what kind. `lost`: the item is over by it."""

    kind: str
    how: Callable[[Bench, Played, str, ItemState], None]
    lost: Callable[[ItemState], bool] = lambda state: False


def _fails(bench: Bench, case: Played, item: str, state: ItemState) -> None:
    case.happens(ItemFailed(item, "no", "ann"))


def _time_is_over(bench: Bench, case: Played, item: str, state: ItemState) -> None:
    bench.passes(2 * HOUR)


def _nobody_is_there(bench: Bench, case: Played, item: str, state: ItemState) -> None:
    case.happens(Distributed(item))


def _is_told(bench: Bench, case: Played, item: str, state: ItemState) -> None:
    case.happens(ExceptionRaised("customer called", "ann", item))


def _breaks_a_constraint(bench: Bench, case: Played, item: str, state: ItemState) -> None:
    """What was started ends with what may not be; what was not cannot be given its input."""
    if state is ItemState.STARTED:
        case.happen_together(DataGiven({"order": "xy"}, "bob"), item)
    else:
        case.happens(ItemStarted(item, "ann"))


TYPES = {
    "item failure": Raised("item_failed", _fails, lambda state: True),
    "deadline": Raised("timeout", _time_is_over),
    "resource unavailable": Raised("resource_unavailable", _nobody_is_there),
    "external trigger": Raised("external_trigger", _is_told),
    "constraint violation": Raised(
        "constraint_violation", _breaks_a_constraint, lambda state: state is ItemState.STARTED
    ),
}


def combinations() -> Iterator[Any]:
    for type_, item, case, recovery in product(TYPES, ITEM_STRATEGIES, CASE_STRATEGIES, RECOVERIES):
        yield pytest.param(type_, item, case, recovery, id=f"{type_}: {item.name}-{case}-{recovery}")


def exlet_of(item: ItemStrategy, case: str, recovery: str) -> list[Any]:
    return [*item.exlet, *RECOVERIES[recovery], *CASE_STRATEGIES[case]]


@pytest.mark.parametrize(("type_", "item", "case_strategy", "recovery"), combinations())
def test_the_strategy(type_: str, item: ItemStrategy, case_strategy: str, recovery: str, bench: Bench) -> None:
    raised = TYPES[type_]
    case = begun(bench, raised.kind, exlet_of(item, case_strategy, recovery), item.state)
    work = case.items("work")[0].id
    raised.how(bench, case, work, item.state)
    if recovery == "COM":
        (worklet,) = case.children()
        worklet.do("call", answer="yes")
        case.drain()
    if recovery == "RBK":
        case.answer("unbook")
    if case_strategy == "RAC":
        [steering] = [call for call in bench.store.calls_of(case.id) if call.task == ""]
        assert steering.connector == STEERING_CONNECTOR and steering.input["wish"] == "remove"
        case.answer_call(steering.item, told=3)
    if case_strategy != "CWC":
        undo_the_rest(case)
        assert case.status is CaseStatus.CANCELLED
        assert case.live == [] and bench.store.calls_of(case.id) == []
    elif recovery == "RBK":
        assert case.called == ["book"] and case.live == []
    else:
        check_item(case, item, lost=raised.lost(item.state))
    assert (case.case.data.get("answer") == "yes") is (recovery == "COM")
    assert compensated(case) == (1 if recovery == "RBK" or case_strategy != "CWC" else 0)


def begun(bench: Bench, kind: str, exlet: list[Any], state: ItemState) -> Played:
    """A case that has booked something, and whose item of `work` is in a state."""
    work = {
        "kind": "human",
        "offer": {"roles": ["clerk"]},
        "input": {"need": {"expr": "12 / (size(order) - 2)"}} if state is not ItemState.STARTED else {},
        "output": {"done": "$.done"},
        "ensures": "order != 'xy'",
        "timer": {"trigger": "started" if state is ItemState.STARTED else "enabled", "after": "PT1H",
                  "then": {"exception": "timeout"}},
        "on": {kind: exlet},
        "next": "rest",
    }  # fmt: skip
    tasks = {
        "book": {"kind": "automated", "connector": "echo", "compensation": "unbook", "next": "work"},
        "unbook": {"kind": "automated", "connector": "echo"},
        "work": work,
        "rest": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"},
    }
    variables = {"order": {"default": "A-1", "input": True}, "done": {}, "answer": {}}
    written = specification("booking", {"variables": variables, "start": "book", "tasks": tasks})
    case = bench.start(written, call_customer())
    case.answer("book")
    if state is ItemState.ALLOCATED:
        case.claim(case.waiting("work"))
    elif state is ItemState.STARTED:
        case.start("work")
    if kind == "constraint_violation" and state is not ItemState.STARTED:
        # Nothing can be divided by nothing: the input of an item cannot be made any more.
        case.give(order="xy")
    return case


def undo_the_rest(case: Played) -> None:
    """What the case has done is compensated before it ends."""
    if case.called == ["unbook"]:
        case.answer("unbook")


def check_item(case: Played, item: ItemStrategy, *, lost: bool) -> None:
    """The item is what its strategy says; what was lost is a new one."""
    newest = max(case.items("work"), key=lambda each: number_of(each.id))
    rest = case.items("rest")
    if lost and item.exlet == CONTINUE:
        assert newest.state in (ItemState.FAILED, ItemState.COMPLETED) and rest == []
        return
    if lost and item.goes_on:
        assert len(rest) == 1
        return
    if lost and item.to is ItemState.FAILED:
        assert newest.state in (ItemState.FAILED, ItemState.COMPLETED) and rest == []
        return
    wanted = ItemState.OFFERED if lost and item.exlet == ["restart"] else item.to
    assert newest.state is wanted, newest
    assert len(rest) == (1 if item.goes_on else 0)
    if item.exlet[0] == {"reallocate": "bob"}:
        assert newest.owner == "bob"


def compensated(case: Played) -> int:
    """How often the booking was compensated."""
    return [note.what for entry in case.journal for note in entry.notes].count("compensating")
