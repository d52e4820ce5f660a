"""Strategies of the workflow exception patterns on real workers: timers of beat raise, and exlets settle.

Every strategy for an item, and every one for the case with every recovery, each on a case of its own, all at once. All
combinations run on the kernel: tests/exceptions/test_strategies.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState, WorkItem
from engine.names import shard_of
from engine.resources.organisation import Participant
from engine.store.exception_log import ExceptionQuery, PastException, newest
from tests.exceptions.test_strategies import CASE_STRATEGIES, ITEM_STRATEGIES, RECOVERIES, ItemStrategy
from tests.installation import Installation

pytestmark = pytest.mark.servers

CLERKS = {"kind": "human", "offer": {"roles": ["clerk"]}}
ECHO = {"kind": "automated", "connector": "echo"}
SAYS_YES = {"input": {"said": {"expr": "'yes'"}}, "output": {"answer": "$.said"}}
WORKLET = {
    "specification": "call-customer",
    "version": "1",
    "nets": {
        "main": {
            "variables": {"answer": {"output": True}},
            "start": "call",
            "tasks": {
                "call": {**ECHO, "input": {"said": {"expr": "'yes'"}}, "output": {"answer": "$.said"}, "next": "end"}
            },
        }
    },
}
TIME = "PT4S"
"""Until the exception: by then the items of all cases are in the state that is wanted."""


class Tried(NamedTuple):
    """A case, and what is tried on it."""

    case_id: str
    item: ItemStrategy
    case: str
    recovery: str

    @property
    def raises(self) -> bool:
        """Whether it is the one at which something is tried; others of its specification look on."""
        return self.case_id.endswith("-0")


def tried() -> list[Tried]:
    """Every strategy for an item by itself; and with one of them every strategy for the case with every recovery."""
    alone = [Tried(f"{item.name.lower()}-0", item, "CWC", "NIL") for item in ITEM_STRATEGIES]
    goes_on = ITEM_STRATEGIES[0]
    together = [
        Tried(f"{case.lower()}-{recovery.lower()}-{number}", goes_on, case, recovery)
        for case in CASE_STRATEGIES
        for recovery in RECOVERIES
        # Where all cases of the specification go, there is another one.
        for number in range(2 if case == "RAC" else 1)
    ]
    return [*alone, *together]


def written(of: Tried) -> str:
    exlet = [*of.item.exlet, *RECOVERIES[of.recovery], *CASE_STRATEGIES[of.case]]
    then = {"exception": "timeout"}
    work = {**CLERKS, "timer": {"after": "$.time", "then": then}, "on": {"timeout": exlet}, "next": "rest"}
    tasks: dict[str, Any] = {
        "book": {**ECHO, "compensation": "unbook", "next": "work"},
        "unbook": ECHO,
        "work": work,
        "rest": {**CLERKS, "next": "end"},
    }
    name = of.case_id.rpartition("-")[0]
    nets = {
        "main": {
            "variables": {"answer": {}, "time": {"input": True, "schema": {"type": "string"}}},
            "start": "book",
            "tasks": tasks,
        }
    }
    return msgspec.json.encode({"specification": name, "version": "1", "nets": nets}).decode()


@pytest.fixture
def running(redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with Installation(redis_url, tmp_path) as installation:
        installation.hire(Participant("ann", roles=("clerk",)), Participant("bob", roles=("clerk",)))
        yield installation


def items(running: Installation, case_id: str, task: str = "work") -> list[WorkItem]:
    found = [each for each in running.parts.store.items_of(case_id) if each.task == task]
    return sorted(found, key=lambda each: each.created_at)


def logged(running: Installation) -> dict[str, PastException]:
    """The first exception of each case that nothing more is done about."""
    page = newest(running.parts.happenings.exceptions, running.parts.store.shards, ExceptionQuery(limit=500))
    return {each.case_id: each for each in page.exceptions}


def test_each_strategy_for_items_and_for_cases_with_each_recovery(running: Installation) -> None:
    running.deploy(msgspec.json.encode(WORKLET).decode())
    all_tried = tried()
    for each in all_tried:
        running.submit(running.deploy(written(each)), [(each.case_id, {"time": TIME if each.raises else "PT1H"})])
    worklist = running.parts.worklist
    for each in all_tried:
        running.wait_until(lambda: bool(items(running, each.case_id)), "an item")  # noqa: B023
        [item] = items(running, each.case_id)
        if each.item.state is not ItemState.OFFERED:
            worklist.claim(item.id, "ann")
        if each.item.state is ItemState.STARTED and worklist.start(item.id, "ann").ring:
            running.parts.doorbell.ring(shard_of(each.case_id, running.parts.store.shards))
    raising = {each.case_id: each for each in all_tried if each.raises}
    running.wait_until(lambda: raising.keys() <= logged(running).keys(), "all to be handled")
    for case_id, each in raising.items():
        check(running, each, logged(running)[case_id])
    looked_on = [each.case_id for each in all_tried if not each.raises]
    assert {case.status for case in running.wait_for_end(looked_on)} == {CaseStatus.CANCELLED}
    running.check_replay([each.case_id for each in all_tried if each.case == "CWC" and each.recovery != "RBK"])


def check(running: Installation, of: Tried, past: PastException) -> None:
    """What became of a case and its item is what was to become of them."""
    case = running.parts.store.case(of.case_id)
    assert case is not None
    assert (past.kind, past.task) == ("timeout", "work")
    notes = [note for entry in running.parts.store.journal(of.case_id) for note in entry.notes]
    compensated = sum(note.what == "compensating" for note in notes)
    assert (case.data.get("answer") == "yes") is (of.recovery == "COM"), of
    if of.case != "CWC":
        # What it has done is undone, once, before it ends.
        running.wait_for_end([of.case_id])
        assert running.parts.store.case(of.case_id).status is CaseStatus.CANCELLED  # type: ignore[union-attr]
        assert not [item for item in items(running, of.case_id) if item.state is not ItemState.CANCELLED], of
        return
    assert past.outcome == "handled", of
    if of.recovery == "RBK":
        assert compensated >= 1 and items(running, of.case_id)[0].state is ItemState.CANCELLED, of
        return
    assert compensated == 0
    found = items(running, of.case_id)[-1]
    assert found.state is of.item.to, (of, found)
    assert len(items(running, of.case_id, "rest")) == (1 if of.item.goes_on else 0), of
