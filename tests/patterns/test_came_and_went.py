"""What one commit places and drops again never was: no call, no timer and no repetition is left behind."""

from engine.case import CaseStatus
from engine.events import CallFailed, CaseCancelled, TimerFired
from tests.net_notation import net
from tests.patterns.played import Play


def test_a_call_that_is_placed_and_dropped_in_one_step_is_not_made(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B); B -> o; A -> o"))
    assert case.status is CaseStatus.COMPLETED
    assert case.due_calls == []


def test_a_call_that_is_repeated_and_dropped_in_one_batch_is_not_made_again(play: Play) -> None:
    case = play(net("i -> S -> and(A*, B!); A -> o; B -> o", A={"retry": {"attempts": 3}}))
    case.happen_together(CallFailed(case.call("A"), 1, "timeout", "no", True), CaseCancelled("ann"))
    assert case.status is CaseStatus.CANCELLED and case.due_calls == []


def test_a_timer_that_is_set_and_stopped_in_one_step_does_not_run(play: Play) -> None:
    timer = {"timer": {"at": "2020-01-01T00:00:00Z", "then": "remind"}}
    case = play(net("i -> S -> and(A*, B); B -> o; A -> o", A=timer))
    case.drain()
    assert case.status is CaseStatus.COMPLETED
    assert not any(isinstance(entry.event, TimerFired) for entry in case.journal)
