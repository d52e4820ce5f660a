"""WCP-4, Exclusive Choice: of several flows the first whose predicate holds is taken."""

from typing import Any

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
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


def test_a_predicate_behind_the_one_that_holds_is_not_looked_at(play: Play) -> None:
    flows = [{"to": "B", "when": "true"}, {"to": "C", "when": "1 / 0 == 1"}, {"to": "D"}]
    assert play(net("i -> A -> xor(B!, C!, D!) -> o", A={"next": flows})).offered == ["B"]


def test_a_predicate_that_fails_before_the_one_that_holds_is_an_exception(play: Play) -> None:
    flows = [{"to": "B", "when": "1 / 0 == 1"}, {"to": "C", "when": "true"}, {"to": "D"}]
    case = play(net("i -> A -> xor(B!, C!, D!) -> o", A={"next": flows}))
    assert case.status is CaseStatus.FAILED and case.offered == []


def test_the_choice_is_made_when_the_task_completes(play: Play) -> None:
    # E changes what the choice looks at, while A is under way.
    case = play(net("i -> S -> and(A!, E!); A -> xor(B!, C!) -> o; E -> o", implicit=True), go="B")
    choosing = case.start("A")
    case.do("E", go="C")
    case.complete(choosing)
    assert case.offered == ["C"]


def test_two_predicates_may_lead_the_same_way(play: Play) -> None:
    flows = [{"to": "B", "when": "go == 'x'"}, {"to": "C", "when": "go == 'y'"}, {"to": "B"}]
    case = play(net("i -> A -> xor(B!, C!) -> o", A={"next": flows}), go="z")
    assert case.offered == ["B"] and case.marking == {"A>B": 1}


@pytest.mark.parametrize(
    ("amount", "suspicious", "way"),
    [(5_000, True, "investigate"), (5_000, False, "adjust"), (100, True, "investigate")],
)
def test_an_insurance_claim_finds_its_way_to_a_person(play: Play, amount: int, suspicious: bool, way: str) -> None:
    case = play(gallery("wcp04-exclusive-choice"), amount=amount)
    case.do("assess", suspicious=suspicious)
    assert (case.offered, case.called) == ([way], [])
    case.do(way)
    assert case.status is CaseStatus.COMPLETED


def test_a_small_insurance_claim_is_paid_at_once(play: Play) -> None:
    case = play(gallery("wcp04-exclusive-choice"), amount=100)
    case.do("assess", suspicious=False)
    case.answer("pay")
    assert case.status is CaseStatus.COMPLETED and case.case.data["decision"] == "paid"
