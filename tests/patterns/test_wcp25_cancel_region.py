"""WCP-25, Cancel Region: when a task completes, places and tasks that need not be connected are emptied."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# B and what leads to it, and D behind C: two parts that are not connected.
APART = "i -> A -> and(B! -> E, C! -> D! -> F, X! -> Y)"
REGION = {"cancels": ["A>B", "B", "C>D", "D"]}


def apart(**changes: Any) -> Specification:
    """A net in which X cancels B, D and the places before them, and lets C alone."""
    return net(APART, implicit=True, **{"X": REGION, **changes})


def test_parts_that_are_not_connected_are_emptied_together(play: Play) -> None:
    case = play(apart())
    case.do("C")
    assert sorted(case.offered) == ["B", "D", "X"]
    case.do("X")
    assert case.states("B") == case.states("D") == [ItemState.WITHDRAWN]
    assert case.status is CaseStatus.COMPLETED and case.fired[-1] == "Y"


def test_what_lies_outside_goes_on(play: Play) -> None:
    case = play(apart())
    case.do("X")
    assert case.offered == ["C"] and case.states("B") == [ItemState.WITHDRAWN]
    case.do("C")
    assert case.offered == ["D"], "the region is emptied once, and not closed for ever"


def test_nothing_is_cancelled_before_the_task_completes(play: Play) -> None:
    case = play(apart())
    item = case.start("X")
    assert sorted(case.offered) == ["B", "C"]
    case.complete(item)
    assert case.offered == ["C"]


def test_a_task_that_is_cancelled_itself_cancels_nothing(play: Play) -> None:
    case = play(apart())
    case.cancel_item(case.start("X"))
    assert sorted(case.offered) == ["B", "C"]


def test_a_task_that_runs_is_stopped_and_gives_no_token(play: Play) -> None:
    case = play(apart())
    case.start("B")
    case.do("X")
    assert case.states("B") == [ItemState.CANCELLED] and "E" not in case.fired
    assert "A>B" not in case.marking, "the token that it took does not come back"


def test_what_a_person_completes_after_the_cancellation_is_discarded(play: Play) -> None:
    case = play(apart())
    cancelling, cancelled = case.start("X"), case.start("B")
    case.complete_together(cancelling, cancelled)
    assert (case.items("B")[0].state, case.items("B")[0].applied) == (ItemState.COMPLETED, False)
    assert "E" not in case.fired


def test_what_a_person_completes_before_the_cancellation_counts(play: Play) -> None:
    case = play(apart())
    cancelling, first = case.start("X"), case.start("B")
    case.complete_together(first, cancelling)
    assert case.items("B")[0].applied and "E" in case.fired


def test_a_call_is_dropped_and_its_answer_comes_too_late(play: Play) -> None:
    case = play(net("i -> A -> and(B* -> E!, X! -> Y!)", implicit=True, X={"cancels": ["B"]}))
    late = case.call("B")
    case.do("X")
    assert case.called == []
    case.answer_call(late)
    assert case.noted[-1] == ("ignored", "") and case.offered == ["Y"]


def test_a_call_that_waits_for_its_next_attempt_is_dropped(play: Play) -> None:
    again = {"retry": {"attempts": 3, "on": ["any"]}}
    case = play(net("i -> A -> and(B* -> E!, X! -> Y!)", implicit=True, X={"cancels": ["B"]}, B=again))
    case.fail_call(case.call("B"), retryable=True)
    assert case.called == ["B"]
    case.do("X")
    assert case.called == [] and case.offered == ["Y"]


def test_a_child_case_is_cancelled_with_all_below_it(play: Play) -> None:
    nets = {"sub": "i -> L -> o", "deep": "i -> P! -> o"}
    below: dict[str, Any] = {"B": {"kind": "composite", "net": "sub"}, "L": {"kind": "composite", "net": "deep"}}
    case = play(net("i -> A -> and(B -> E!, X! -> Y!)", implicit=True, nets=nets, X={"cancels": ["B"]}, **below))
    [child] = case.children()
    [grandchild] = child.children()
    item = grandchild.start("P")
    case.do("X")
    assert child.status is grandchild.status is CaseStatus.CANCELLED
    assert grandchild.items("P")[0].id == item and grandchild.states("P") == [ItemState.CANCELLED]
    assert case.offered == ["Y"] and case.status is CaseStatus.RUNNING


def test_all_instances_of_a_task_are_cancelled(play: Play) -> None:
    many = {"instances": {"count": 3}}
    case = play(net("i -> A -> and(B! -> E!, X! -> Y!)", implicit=True, X={"cancels": ["B", "A>B"]}, B=many))
    case.start("B")
    case.do("X")
    assert case.states("B") == [ItemState.CANCELLED] * 3 and case.offered == ["Y"]


def test_every_run_of_a_task_is_stopped(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q, X!); P -> B! -> E; Q -> B; X -> Y", implicit=True, X={"cancels": ["B"]}))
    case.start("B")
    case.start("B")
    case.do("X")
    assert case.states("B") == [ItemState.CANCELLED, ItemState.CANCELLED]


def test_all_tokens_of_a_place_are_removed(play: Play) -> None:
    case = play(net("i -> A -> and(P -> q, Q -> q, X!); q -> B! -> E; X -> Y", implicit=True, X={"cancels": ["q"]}))
    assert case.marking["q"] == 2 and case.offered == ["X", "B", "B"]
    case.do("X")
    assert case.states("B") == [ItemState.WITHDRAWN, ItemState.WITHDRAWN] and case.status is CaseStatus.COMPLETED


def test_a_task_that_only_waits_stays_when_its_place_does(play: Play) -> None:
    # To name a task stops its runs; what leads to it is named by itself.
    case = play(net("i -> A -> and(B! -> E, X! -> Y)", implicit=True, X={"cancels": ["B"]}))
    case.do("X")
    assert case.offered == ["B"]


def test_one_empty_place_of_an_and_join_withdraws_its_item(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q, X!); P -> and:B! -> E; Q -> B; X -> Y", implicit=True, X={"cancels": ["P>B"]}))
    case.do("X")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.marking == {"Q>B": 1}
    assert case.status is CaseStatus.DEADLOCKED


def test_the_own_tokens_are_put_after_the_region_is_empty(play: Play) -> None:
    case = play(net("i -> A -> and(X!, P! -> p); X -> p -> B! -> E", implicit=True, X={"cancels": ["p"]}))
    case.do("P")
    assert case.marking == {"A>X": 1, "p": 1}
    case.do("X")
    assert case.marking == {"p": 1} and case.offered == ["B"]


def test_a_task_may_cancel_its_own_other_runs(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q) -> xor:X! -> Y!", implicit=True, X={"cancels": ["X", "P>X", "Q>X"]}))
    first, second = case.start("X"), case.start("X")
    case.complete(second)
    assert case.states("X") == [ItemState.CANCELLED, ItemState.COMPLETED] and case.offered == ["Y"]
    assert case.items("X")[0].id == first


def test_a_task_that_needs_nobody_cancels_too(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> E, C! -> X -> Y!)", implicit=True, X={"cancels": ["B", "A>B"]}))
    case.do("C")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.offered == ["Y"]


def test_an_empty_region_is_emptied_without_effect(play: Play) -> None:
    case = play(apart())
    case.do("B")
    case.do("C")
    case.do("D")
    case.do("X")
    assert case.status is CaseStatus.COMPLETED and {"E", "F", "Y"} <= set(case.fired)


def test_what_a_partial_join_still_ignores_is_forgotten_with_its_region(play: Play) -> None:
    changes: dict[str, Any] = {"D": {"join": {"partial": 1}}, "X": {"cancels": ["D", "C", "A>C"]}}
    case = play(net("i -> A -> and(B!, C!, X!); B -> D -> E!; C -> D; X -> F! -> B", implicit=True, **changes))
    case.do("B")
    assert case.case.due == {"D": 1}
    case.do("X")
    assert case.case.due == {} and case.states("C") == [ItemState.WITHDRAWN]
    case.do("F")
    case.do("B")
    assert case.offered == ["E", "E"], "the token of the new round is the first one again"


def test_the_mutex_of_a_cancelled_run_is_free(play: Play) -> None:
    held = {"mutex": "m"}
    case = play(net("i -> A -> and(B*, C*, X!) -> Y -> o", B=held, C=held, X={"cancels": ["B"]}))
    assert case.called == ["B"]
    case.do("X")
    assert case.called == ["C"]


def test_tasks_that_wait_for_an_event_are_reached_too(play: Play) -> None:
    bell = {"trigger": {"name": "bell", "kind": "transient"}}
    case = play(net("i -> A -> and(B -> E, X! -> Y)", implicit=True, B=bell, X={"cancels": ["A>B"]}))
    case.do("X")
    assert case.status is CaseStatus.COMPLETED and "B" not in case.fired


def test_a_task_that_repeats_itself_is_stopped_between_its_rounds(play: Play) -> None:
    again = {"loop": {"until": "go == 'enough'"}}
    case = play(net("i -> A -> and(B! -> E, X! -> Y)", implicit=True, B=again, X={"cancels": ["B"]}))
    case.do("B")
    assert sorted(case.offered) == ["B", "X"]
    case.do("X")
    assert case.states("B") == [ItemState.COMPLETED, ItemState.CANCELLED] and case.status is CaseStatus.COMPLETED


def test_the_case_may_be_stuck_when_too_much_was_cancelled(play: Play) -> None:
    case = play(net("i -> A -> and(B!, X!) -> D -> o", X={"cancels": ["B", "A>B"]}))
    case.do("X")
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"X>D": 1}


@pytest.mark.parametrize("started", [False, True])
def test_the_treatment_of_a_patient_ends_and_the_watch_goes_on(play: Play, started: bool) -> None:
    case = play(gallery("wcp25-cancel-region"), patient="P-12")
    case.do("exercise")
    if started:
        case.start("give_drug")
    case.do("report_reaction", reaction="rash")
    assert case.offered == ["watch"] and case.called == []
    case.do("watch", pulse=[70, 72])
    case.do("discharge")
    assert case.status is CaseStatus.COMPLETED and case.case.data["reaction"] == "rash"


def test_the_treatment_of_a_patient_comes_to_its_own_end(play: Play) -> None:
    case = play(gallery("wcp25-cancel-region"), patient="P-12")
    case.do("exercise")
    case.do("give_drug")
    assert case.states("report_reaction") == [ItemState.WITHDRAWN]
    case.do("watch", pulse=[])
    case.do("discharge")
    assert case.status is CaseStatus.COMPLETED
