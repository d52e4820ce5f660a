"""An exlet at a task with more instances than one step of a case may touch."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.draft import SWEPT_PER_STEP
from engine.items.work_item import ItemState
from tests.exceptions.bench import HOUR, Bench, specification

COUNT = 2 * SWEPT_PER_STEP + 50
CLERKS = {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}
TALK = {"start": "talk", "tasks": {"talk": CLERKS}}
TIMER = {"after": "PT1H", "then": {"exception": "timeout"}}


@pytest.mark.parametrize("held", [False, True], ids=["while the case runs", "while the case is suspended"])
def test_every_instance_is_put_aside_and_taken_up_again(bench: Bench, held: bool) -> None:
    exlet: list[Any] = [{"suspend": "item"}, {"compensate": {"net": "talk"}}, {"continue": "item"}]
    if held:
        exlet = [{"suspend": "case"}, *exlet, {"continue": "case"}]
    many = {**CLERKS, "instances": {"count": COUNT}, "timer": TIMER, "on": {"timeout": exlet}}
    case = bench.start(specification("many", {"start": "many", "tasks": {"many": many}}, nets={"talk": TALK}))
    assert case.states("many") == [ItemState.OFFERED] * COUNT
    bench.passes(2 * HOUR)
    assert case.states("many") == [ItemState.SUSPENDED] * COUNT
    assert case.status is (CaseStatus.SUSPENDED if held else CaseStatus.RUNNING)
    [talk] = case.children()
    talk.do("talk")
    case.drain()
    assert case.states("many") == [ItemState.OFFERED] * COUNT
    assert case.case.status is CaseStatus.RUNNING and not case.case.handling
    bench.check_replay()
