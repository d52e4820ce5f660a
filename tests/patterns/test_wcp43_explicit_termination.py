"""WCP-43, Explicit Termination: when `end` is marked the case is complete, and what remains is cancelled."""

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

BELOW = {"kind": "composite", "net": "sub"}
NETS = {"sub": "i -> P! -> Q! -> o"}


def test_the_first_token_at_the_end_completes_the_case(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o, D* -> o)"))
    case.do("B")
    assert (case.status, case.marking, case.called) == (CaseStatus.COMPLETED, {}, [])
    assert case.states("C") == [ItemState.CANCELLED]


def test_nothing_fires_once_the_end_is_marked(play: Play) -> None:
    assert play(net("i -> A -> and(o, B); B -> o")).fired == ["A"]


def test_what_a_person_completes_after_the_end_is_discarded(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o)"))
    first, second = case.start("B"), case.start("C")
    case.complete_together(first, second)
    assert case.status is CaseStatus.COMPLETED
    assert [case.items("B")[0].applied, case.items("C")[0].applied] == [True, False]


def test_an_answer_that_comes_after_the_end_is_ignored(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C* -> o)"))
    late = case.call("C")
    case.do("B")
    ended = case.case.ended_at
    case.answer_call(late)
    assert case.noted[-1] == ("ignored", "")
    assert (case.status, case.case.ended_at) == (CaseStatus.COMPLETED, ended)


def test_a_failure_that_comes_after_the_end_fails_nothing(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C* -> o)"))
    late = case.call("C")
    case.do("B")
    case.fail_call(late)
    assert case.status is CaseStatus.COMPLETED and case.case.failure is None


def test_cases_below_are_cancelled(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C -> o)", nets=NETS, C=BELOW))
    [child] = case.children()
    child.start("P")
    case.do("B")
    assert child.status is CaseStatus.CANCELLED and child.states("P") == [ItemState.CANCELLED]


def test_instances_are_cancelled(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o)", C={"instances": {"count": 3}}))
    case.do("C")
    case.do("B")
    assert case.states("C") == [ItemState.COMPLETED, ItemState.CANCELLED, ItemState.CANCELLED]


def test_the_end_of_a_case_below_ends_that_case_only(play: Play) -> None:
    # What else runs in the case below is cancelled; what runs beside it is not.
    nets = {"sub": "i -> K -> and(P! -> o, Q! -> o)"}
    case = play(net("i -> A -> and(B!, C) -> D! -> o", nets=nets, C=BELOW))
    [child] = case.children()
    child.do("Q")
    assert child.status is CaseStatus.COMPLETED and child.states("P") == [ItemState.CANCELLED]
    assert case.status is CaseStatus.RUNNING and case.offered == ["B"]


def test_tokens_and_kept_events_are_gone(play: Play) -> None:
    mail = {"trigger": {"name": "mail", "kind": "persistent"}}
    case = play(net("i -> A -> and(B! -> o, C! -> D -> o)", D=mail))
    case.trigger("mail")
    case.do("B")
    assert (case.marking, case.case.triggers, case.case.runs) == ({}, (), {})


def test_a_task_that_waits_for_an_event_does_not_hold_up_the_end(play: Play) -> None:
    bell = {"trigger": {"name": "bell", "kind": "transient"}}
    case = play(net("i -> A -> and(B! -> o, C -> o)", C=bell))
    case.do("B")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["A", "B"]


def test_the_result_is_what_the_variables_say_at_the_end(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> o, C! -> o)"))
    case.start("C")
    case.do("B", go="by B")
    assert case.case.data["go"] == "by B"


@pytest.mark.parametrize(
    ("task", "freed_by"),
    [("restart", "restart"), ("send_technician", "technician"), ("call_fire_brigade", "fire brigade")],
)
def test_whoever_frees_the_people_in_the_lift_ends_the_alarm(play: Play, task: str, freed_by: str) -> None:
    case = play(gallery("wcp43-explicit-termination"), lift="L-2")
    others = [other for other in case.offered if other != task]
    case.start(others[0])
    case.do(task)
    assert case.status is CaseStatus.COMPLETED and case.case.data["freed_by"] == freed_by
    assert [case.states(other) for other in others] == [[ItemState.CANCELLED]] * 2
