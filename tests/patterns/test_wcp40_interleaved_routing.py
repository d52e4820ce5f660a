"""WCP-40, Interleaved Routing: a set of tasks is done in any order, each once, and never two at a time."""

from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play, Played

MUTEX: dict[str, Any] = {"mutex": "m"}


def interleaved(text: str = "i -> A -> and(B!, C!, D!) -> E! -> o", **changes: Any) -> Specification:
    """A net in which one of B, C and D is done at a time."""
    return net(text, **{"B": MUTEX, "C": MUTEX, "D": MUTEX, **changes})


def refused_code(case: Played, task: str) -> str:
    with pytest.raises(Conflict) as refused:
        case.start(task)
    return refused.value.code


@pytest.mark.parametrize("order", list(permutations("BCD")), ids="".join)
def test_any_order_leads_to_the_end(play: Play, order: tuple[str, ...]) -> None:
    case = play(interleaved())
    for task in order:
        assert "E" not in case.offered
        case.do(task)
    case.do("E")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["A", *order, "E"]


def test_while_one_is_done_the_others_stay_offered_and_cannot_be_started(play: Play) -> None:
    case = play(interleaved())
    item = case.start("C")
    assert case.offered == ["B", "D"]
    assert refused_code(case, "B") == refused_code(case, "D") == "mutex_held"
    case.complete(item)
    case.start("B")
    assert case.case.held.keys() == {"m"}


def test_one_may_be_claimed_while_another_is_done(play: Play) -> None:
    case = play(interleaved())
    item = case.start("B")
    case.claim(case.items("C")[0].id, by="bob")
    assert case.states("C") == [ItemState.ALLOCATED]
    case.complete(item)
    case.start("C", by="bob")
    assert case.states("C") == [ItemState.STARTED]


def test_one_cannot_be_skipped_while_another_is_done(play: Play) -> None:
    case = play(interleaved())
    case.start("B")
    with pytest.raises(Conflict) as refused:
        case.skip("C")
    assert refused.value.code == "mutex_held"


def test_a_refused_start_changes_nothing(play: Play) -> None:
    case = play(interleaved())
    case.start("B")
    before = case.case
    refused_code(case, "C")
    assert case.case == before and case.states("C") == [ItemState.OFFERED]


def test_one_that_is_cancelled_frees_the_way(play: Play) -> None:
    case = play(interleaved())
    case.cancel_item(case.start("B"))
    case.start("C")
    assert case.states("C") == [ItemState.STARTED]


def test_one_that_only_waits_can_be_cancelled_without_freeing_anything(play: Play) -> None:
    case = play(interleaved())
    case.cancel_item(case.items("C")[0].id)
    case.start("B")
    assert refused_code(case, "D") == "mutex_held"


def test_calls_are_made_one_after_the_other_in_the_order_of_the_document(play: Play) -> None:
    case = play(interleaved("i -> A -> and(B*, C*, D*) -> E! -> o"))
    for task in "BCD":
        assert case.called == [task]
        case.answer(task)
    assert case.offered == ["E"]


def test_a_call_that_waits_for_its_next_attempt_lets_nobody_else_in(play: Play) -> None:
    again = MUTEX | {"retry": {"attempts": 2, "on": ["any"]}}
    case = play(net("i -> A -> and(B*, C*) -> E! -> o", B=again, C=MUTEX))
    case.fail_call(case.call("B"), retryable=True)
    assert case.called == ["B"]
    case.answer("B")
    assert case.called == ["C"]


def test_a_call_waits_until_a_person_is_done(play: Play) -> None:
    case = play(net("i -> A -> and(B!, X! -> C*) -> E! -> o", B=MUTEX, C=MUTEX))
    item = case.start("B")
    case.do("X")
    assert case.called == [] and case.marking == {"X>C": 1}
    case.complete(item)
    assert case.called == ["C"]


def test_a_person_waits_until_a_call_is_answered(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C*) -> E! -> o", B=MUTEX, C=MUTEX))
    assert (case.called, case.offered) == (["C"], ["B"])
    assert refused_code(case, "B") == "mutex_held"
    case.answer("C")
    case.do("B")
    assert case.offered == ["E"]


def test_what_needs_nobody_passes_when_the_way_is_free(play: Play) -> None:
    case = play(net("i -> A -> and(B*, C -> D!) -> E! -> o", B=MUTEX, C=MUTEX))
    assert case.fired == ["A", "B"]
    case.answer("B")
    assert case.fired == ["A", "B", "C"] and case.offered == ["D"]


def test_runs_of_one_task_are_interleaved_too(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q) -> xor:B! -> C!", implicit=True, B=MUTEX))
    assert case.offered == ["B", "B"]
    item = case.start("B")
    assert refused_code(case, "B") == "mutex_held"
    case.complete(item)
    case.do("B")
    assert case.offered == ["C", "C"]


def test_instances_of_one_run_are_done_at_the_same_time(play: Play) -> None:
    many = MUTEX | {"instances": {"count": 2}}
    case = play(net("i -> A -> and(B!, C!) -> E! -> o", B=many, C=MUTEX))
    first, second = case.start("B"), case.start("B")
    assert case.states("B") == [ItemState.STARTED, ItemState.STARTED]
    case.complete(first)
    assert refused_code(case, "C") == "mutex_held"
    case.complete(second)
    case.do("C")
    assert case.offered == ["E"]


def test_an_instance_cannot_slip_in_where_another_one_was_cancelled(play: Play) -> None:
    many = MUTEX | {"instances": {"count": 2}}
    case = play(net("i -> A -> and(B!, C!) -> E! -> o", B=many, C=MUTEX))
    case.start("C")
    with pytest.raises(Conflict) as refused:
        case.cancel_item(case.waiting("B"))
    assert refused.value.code == "mutex_held" and refused_code(case, "B") == "mutex_held"


def test_a_repetition_keeps_the_others_out(play: Play) -> None:
    again = MUTEX | {"loop": {"until": "go == 'enough'"}}
    case = play(net("i -> A -> and(B!, C!) -> E! -> o", B=again, C=MUTEX))
    case.do("B", go="more")
    assert case.offered == ["C", "B"] and refused_code(case, "C") == "mutex_held"
    case.do("B", go="enough")
    case.do("C")
    assert case.offered == ["E"]


def test_a_start_that_is_refused_decides_no_choice(play: Play) -> None:
    case = play(net("i -> A -> and(X!, p) -> xor:E! -> o; p -> choice(B!, C!) -> E", X=MUTEX, B=MUTEX))
    case.start("X")
    assert refused_code(case, "B") == "mutex_held" and case.states("C") == [ItemState.OFFERED]
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN]


def test_sets_of_other_names_do_not_disturb_each_other(play: Play) -> None:
    case = play(interleaved(D={"mutex": "other"}))
    case.start("B")
    case.start("D")
    assert len(case.case.held) == 2 and refused_code(case, "C") == "mutex_held"


def test_a_car_is_inspected_in_any_order(play: Play) -> None:
    case = play(gallery("wcp40-interleaved-routing"), plate="K 123")
    item = case.start("test_lights")
    assert refused_code(case, "test_brakes") == "mutex_held"
    case.complete(item, good=True)
    case.do("test_exhaust", good=True)
    case.do("test_brakes", good=False)
    case.answer("give_badge", good=False)
    assert case.status is CaseStatus.COMPLETED and case.case.data["badge"] is False
