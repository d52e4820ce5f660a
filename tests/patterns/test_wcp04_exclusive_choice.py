"""WCP-4, Exclusive Choice: of several flows the first whose predicate holds is taken."""

from typing import Any

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.played import Play


@pytest.mark.parametrize(("go", "taken"), [("B", "B"), ("C", "C"), ("nowhere", "D"), (None, "D")])
def test_exactly_one_flow_is_taken_and_the_last_one_is_the_default(play: Play, go: str | None, taken: str) -> None:
    assert play(net("i -> A -> xor(B!, C!, D!) -> o"), go=go).offered == [taken]


def test_of_two_that_hold_the_first_is_taken(play: Play) -> None:
    flows = [{"to": "B", "when": "true"}, {"to": "C", "when": "true"}, {"to": "D"}]
    assert play(net("i -> A -> xor(B!, C!, D!) -> o", A={"next": flows})).offered == ["B"]


@pytest.mark.parametrize("predicate", ["go > 1", "go", "size(go) == 1", "1 / 0 == 1"])
def test_a_predicate_that_fails_is_neither_false_nor_the_default(play: Play, predicate: str) -> None:
    flows: list[dict[str, Any]] = [{"to": "B", "when": predicate}, {"to": "C"}]
    case = play(net("i -> A -> xor(B!, C!) -> o", A={"next": flows}))
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert (failure.kind, failure.task) == ("constraint_violation", "A") and case.marking == {"start": 1}


def test_the_choice_sees_what_the_task_gave_back(play: Play) -> None:
    case = play(net("i -> A! -> xor(B!, C!) -> o"), go="C")
    case.do("A", go="B")
    assert case.offered == ["B"]
