"""WCP-23, Transient Trigger: an outside event starts a task that waits for it, and is lost when none does."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

BELL = {"trigger": {"name": "bell", "kind": "transient"}}


def waiting(text: str = "i -> A! -> B -> C! -> o", **changes: Any) -> Specification:
    """A net in which B waits for the bell."""
    return net(text, **{"B": BELL, **changes})


def test_a_task_that_waits_is_started_by_the_event(play: Play) -> None:
    case = play(waiting())
    case.do("A")
    assert case.offered == [] and case.marking == {"A>B": 1}
    case.trigger("bell")
    assert case.offered == ["C"] and ("triggered", "B") in case.noted


def test_an_event_for_which_nobody_waits_is_lost(play: Play) -> None:
    case = play(waiting())
    case.trigger("bell")
    assert case.noted[-1] == ("lost", "") and case.case.triggers == ()
    case.do("A")
    assert case.marking == {"A>B": 1} and case.status is CaseStatus.RUNNING


@pytest.mark.parametrize("name", ["Bell", "bel", "door"])
def test_an_event_of_another_name_starts_nothing(play: Play, name: str) -> None:
    case = play(waiting("i -> B -> C! -> o"))
    case.trigger(name)
    assert case.marking == {"start": 1} and case.noted[-1] == ("lost", "")


def test_a_case_that_waits_for_an_event_is_not_deadlocked(play: Play) -> None:
    assert play(waiting("i -> B -> o")).status is CaseStatus.RUNNING


def test_a_case_that_waits_for_an_event_has_not_ended_by_itself(play: Play) -> None:
    case = play(net("i -> B", implicit=True, B=BELL))
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"start": 1})
    case.trigger("bell")
    assert case.status is CaseStatus.COMPLETED


def test_what_the_event_brought_is_seen_by_the_output(play: Play) -> None:
    case = play(waiting(B=BELL | {"output": {"go": "$.trigger.visitor"}}))
    case.do("A")
    case.trigger("bell", {"visitor": "the postman"})
    assert case.case.data["go"] == "the postman"


def test_an_event_that_cannot_be_mapped_fails_its_task(play: Play) -> None:
    visitor = {"path": "$.trigger.visitor", "required": True}
    case = play(waiting("i -> B -> C! -> o", B=BELL | {"output": {"go": visitor}}))
    case.trigger("bell", {})
    failure = case.case.failure
    assert failure is not None and (failure.kind, failure.task) == ("validation_error", "B")


def test_one_event_starts_one_of_several_tasks_that_wait(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> D! -> o", B=BELL, C=BELL))
    case.trigger("bell")
    assert case.fired == ["A", "B"]
    case.trigger("bell")
    assert case.fired == ["A", "B", "C"]


def test_one_event_starts_one_of_several_runs(play: Play) -> None:
    case = play(net("i -> A -> and(X, Y) -> xor:B -> C!", implicit=True, B=BELL))
    case.trigger("bell")
    assert case.offered == ["C"] and case.marking == {"Y>B": 1, "B>C": 1}


def test_of_two_events_that_come_together_each_starts_a_run_of_its_own(play: Play) -> None:
    case = play(net("i -> A -> and(X, Y) -> xor:B -> C!", implicit=True, B=BELL))
    case.trigger("bell")
    case.trigger("bell")
    case.trigger("bell")
    assert case.offered == ["C", "C"] and case.noted[-1] == ("lost", "")


def test_an_and_join_with_a_trigger_waits_for_its_branches_first(play: Play) -> None:
    case = play(net("i -> A -> and(X!, Y!) -> B -> C! -> o", B=BELL))
    case.do("X")
    case.trigger("bell")
    case.do("Y")
    assert case.offered == [] and case.fired == ["A", "X", "Y"]
    case.trigger("bell")
    assert case.offered == ["C"]


def test_the_item_of_a_person_is_shown_from_the_event_on(play: Play) -> None:
    case = play(waiting("i -> B! -> o"))
    assert case.items("B") == []
    case.trigger("bell")
    assert case.offered == ["B"] and case.marking == {"start": 1}
    case.do("B")
    assert case.status is CaseStatus.COMPLETED


def test_an_event_is_lost_while_the_item_is_shown_already(play: Play) -> None:
    case = play(waiting("i -> B! -> o"))
    case.trigger("bell")
    case.trigger("bell")
    assert case.offered == ["B"] and case.noted[-1] == ("lost", "")


def test_a_connector_is_called_when_the_event_comes(play: Play) -> None:
    case = play(waiting("i -> B* -> o"))
    assert case.called == []
    case.trigger("bell")
    assert case.called == ["B"]
    case.trigger("bell")
    assert case.called == ["B"]


def test_a_child_case_begins_when_the_event_comes(play: Play) -> None:
    below = BELL | {"kind": "composite", "net": "sub"}
    case = play(net("i -> B -> o", nets={"sub": "i -> X! -> o"}, B=below))
    assert case.children() == []
    case.trigger("bell")
    [child] = case.children()
    child.do("X")
    assert case.status is CaseStatus.COMPLETED


def test_in_a_deferred_choice_the_event_wins(play: Play) -> None:
    case = play(net("i -> A -> p -> choice(B, C!) -> D! -> o", B=BELL))
    assert case.offered == ["C"]
    case.trigger("bell")
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == ["D"]


def test_an_event_after_the_choice_is_lost(play: Play) -> None:
    case = play(net("i -> A -> p -> choice(B, C!) -> D! -> o", B=BELL))
    case.start("C")
    case.trigger("bell")
    assert case.noted[-1] == ("lost", "") and case.fired == ["A", "C"]


def test_the_event_of_an_item_that_is_withdrawn_is_lost_with_it(play: Play) -> None:
    case = play(net("i -> A -> p -> choice(B!, C!) -> D -> xor(A, o)", B=BELL))
    case.trigger("bell")
    assert case.offered == ["C", "B"]
    case.do("C", go="A")
    assert case.offered == ["C"] and case.states("B") == [ItemState.WITHDRAWN]


def test_an_event_is_lost_while_the_mutex_of_its_task_is_held(play: Play) -> None:
    held = {"mutex": "m"}
    case = play(net("i -> A -> and(X*, B*) -> C! -> o", X=held, B=BELL | held))
    case.trigger("bell")
    assert case.noted[-1] == ("lost", "")
    case.answer("X")
    assert case.called == []
    case.trigger("bell")
    assert case.called == ["B"]


def test_an_event_starts_each_round_of_a_net_that_loops(play: Play) -> None:
    case = play(net("i -> A -> B -> C! -> xor(A, o)", B=BELL))
    for _ in range(3):
        case.trigger("bell")
        case.do("C", go="A")
    assert case.marking == {"A>B": 1} and case.fired.count("B") == 3


def test_nobody_is_asked_when_the_loop_is_over_before_its_first_round(play: Play) -> None:
    case = play(waiting("i -> B! -> C! -> o", B=BELL | {"loop": {"while": "go == 'more'"}}))
    case.trigger("bell")
    assert case.items("B") == [] and case.offered == ["C"]


def test_instances_that_nobody_waits_for_begin_with_the_event(play: Play) -> None:
    case = play(waiting("i -> B! -> C! -> o", B=BELL | {"instances": {"count": 2, "threshold": "none"}}))
    case.trigger("bell")
    assert case.offered == ["B", "B", "C"] and case.marking == {"B>C": 1}


def test_an_event_for_a_case_that_has_ended_is_ignored(play: Play) -> None:
    case = play(waiting("i -> B -> o"))
    case.cancel()
    case.trigger("bell")
    assert case.noted[-1] == ("ignored", "") and case.status is CaseStatus.CANCELLED


def test_a_passenger_takes_the_seat_that_is_called_out_while_she_is_at_the_gate(play: Play) -> None:
    case = play(gallery("wcp23-transient-trigger"), passenger="Ada")
    case.trigger("seat-free", {"seat": "3A"})
    case.do("check_in")
    assert case.offered == ["give_up"], "seat 3A went to somebody else"
    case.trigger("seat-free", {"seat": "27F"})
    assert case.items("board")[0].input == {"passenger": "Ada", "seat": "27F"}
    case.do("board")
    assert case.status is CaseStatus.COMPLETED
