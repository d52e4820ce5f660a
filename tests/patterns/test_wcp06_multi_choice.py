"""WCP-6, Multi-Choice: of several flows every one whose predicate holds is taken."""

from typing import Any

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# What `go` contains is taken; E is the default.
CHOICE = "i -> A -> or(B!, C!, D!, E!)"


@pytest.mark.parametrize("go", ["B", "C", "D", "BC", "BD", "CD", "BCD"])
def test_every_set_of_flows_can_be_taken(play: Play, go: str) -> None:
    case = play(net(CHOICE, implicit=True), go=go)
    assert case.offered == list(go) and case.marking == {f"A>{task}": 1 for task in go}


@pytest.mark.parametrize("go", ["nothing", "", None])
def test_the_default_is_taken_when_no_predicate_holds(play: Play, go: str | None) -> None:
    assert play(net(CHOICE, implicit=True), go=go).offered == ["E"]


def test_the_default_is_not_taken_beside_others(play: Play) -> None:
    assert play(net(CHOICE, implicit=True), go="BCDE").offered == ["B", "C", "D"]


@pytest.mark.parametrize("predicates", [("true", "1 / 0 == 1"), ("1 / 0 == 1", "true"), ("true", "go")])
def test_a_predicate_that_fails_takes_no_flow_at_all(play: Play, predicates: tuple[str, str]) -> None:
    flows: list[dict[str, Any]] = [{"to": "B", "when": predicates[0]}, {"to": "C", "when": predicates[1]}, {"to": "D"}]
    case = play(net("i -> A -> or(B!, C!, D!)", implicit=True, A={"next": flows}))
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and failure is not None
    assert (failure.kind, case.offered, case.marking) == ("constraint_violation", [], {"start": 1})


def test_the_choice_sees_what_the_task_gave_back(play: Play) -> None:
    case = play(net("i -> A! -> or(B!, C!, D!)", implicit=True), go="B")
    case.do("A", go="C")
    assert case.offered == ["C"]


def test_the_chosen_branches_run_side_by_side(play: Play) -> None:
    case = play(net("i -> A -> or(B!, C!, D!)", implicit=True), go="BC")
    case.start("B", by="ann")
    case.start("C", by="bob")
    assert len(case.case.runs) == 2


def test_the_choice_is_made_anew_in_each_round_of_a_loop(play: Play) -> None:
    case = play(net("i -> A! -> or(B!, C!) -> D! -> xor(A, o)"))
    case.do("A", go="BC")
    assert case.offered == ["B"], "C is the default"
    case.do("B")
    case.do("D", go="A")
    case.do("A", go="nothing")
    assert case.offered == ["C"]


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        ({"injured": True, "fire": True}, ["send_ambulance", "send_fire_brigade"]),
        ({"injured": True, "fire": True, "crime": True}, ["send_ambulance", "send_fire_brigade", "send_police"]),
        ({}, ["advise"]),
    ],
)
def test_an_emergency_call_sends_who_is_needed(play: Play, call: dict[str, bool], sent: list[str]) -> None:
    case = play(gallery("wcp06-multi-choice"))
    case.do("take_call", **call)
    assert case.offered == sent
    for task in sent:
        case.do(task)
    assert case.status is CaseStatus.COMPLETED
