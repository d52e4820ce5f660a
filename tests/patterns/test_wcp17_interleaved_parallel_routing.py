"""WCP-17, Interleaved Parallel Routing: tasks with a partial order among them are done one at a time.

The order is that of the net; that no two run at once is a mutex that they share.
"""

from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

MUTEX: dict[str, Any] = {"mutex": "m"}


def interleaved(text: str = "i -> A -> and(B! -> C!, D!) -> E -> o", tasks: str = "BCD") -> Specification:
    changes: dict[str, Any] = dict.fromkeys(tasks, MUTEX)
    return net(text, **changes)


@pytest.mark.parametrize("order", [order for order in permutations("BCD") if order.index("B") < order.index("C")])
def test_any_order_that_keeps_the_partial_order_is_possible(play: Play, order: tuple[str, ...]) -> None:
    case = play(interleaved())
    for task in order:
        case.do(task)
    assert case.status is CaseStatus.COMPLETED and case.fired == ["A", *order, "E"]


def test_the_partial_order_is_kept(play: Play) -> None:
    case = play(interleaved())
    assert case.offered == ["B", "D"]
    case.do("D")
    assert case.offered == ["B"]


@pytest.mark.parametrize("first", ["B", "D"])
def test_no_two_run_at_once(play: Play, first: str) -> None:
    case = play(interleaved())
    [second] = {"B", "D"} - {first}
    running = case.start(first)
    with pytest.raises(Conflict) as refused:
        case.start(second, by="bob")
    assert refused.value.code == "mutex_held" and case.fired == ["A", first]
    case.complete(running)
    case.start(second)


def test_the_others_stay_offered_and_can_be_claimed_meanwhile(play: Play) -> None:
    # Unlike the rivals of a deferred choice they are not withdrawn: each is done in the end.
    case = play(interleaved())
    running = case.start("B")
    assert case.offered == ["D"]
    case.claim(case.waiting("D"), by="bob")
    with pytest.raises(Conflict, match="mutex"):
        case.start("D", by="bob")
    case.complete(running)
    case.start("D", by="bob")
    assert case.states("D") == [ItemState.STARTED]


def test_a_waiting_task_cannot_be_skipped_while_another_runs(play: Play) -> None:
    case = play(interleaved())
    running = case.start("B")
    with pytest.raises(Conflict, match="mutex"):
        case.skip("D")
    case.complete(running)
    case.skip("D")
    assert case.states("D") == [ItemState.SKIPPED]


def test_calls_are_made_one_after_another_in_the_order_of_the_document(play: Play) -> None:
    case = play(interleaved("i -> A -> and(B*, C*, D*) -> E -> o"))
    for task in "BCD":
        assert case.called == [task]
        case.answer(task)
    assert case.status is CaseStatus.COMPLETED


def test_a_case_of_its_own_holds_the_mutex_until_it_ends(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", **MUTEX}
    case = play(net("i -> A -> and(B, D!) -> E -> o", B=below, D=MUTEX, nets={"sub": "i -> X! -> Y! -> o"}))
    [child] = case.children()
    child.do("X")
    with pytest.raises(Conflict, match="mutex"):
        case.start("D")
    child.do("Y")
    case.start("D")


def test_several_instances_hold_the_mutex_together_until_the_last_is_done(play: Play) -> None:
    case = play(net("i -> A -> and(B!, D!) -> E -> o", B={**MUTEX, "instances": {"count": 2}}, D=MUTEX))
    first, second = case.start("B"), case.start("B")
    case.complete(first)
    with pytest.raises(Conflict, match="mutex"):
        case.start("D")
    case.complete(second)
    case.start("D")


def test_an_instance_waits_for_the_mutex_like_any_item(play: Play) -> None:
    case = play(net("i -> A -> and(B!, D!) -> E -> o", B={**MUTEX, "instances": {"count": 2}}, D=MUTEX))
    running = case.start("D")
    with pytest.raises(Conflict, match="mutex"):
        case.start("B")
    case.complete(running)
    case.start("B")


@pytest.mark.parametrize("end", ["cancel", "fail", "skip"])
def test_the_mutex_is_free_however_its_holder_ends(play: Play, end: str) -> None:
    text = "i -> A -> and(B!, D!) -> xor:E!"
    case = play(net(text, implicit=True, B={**MUTEX, "instances": {"count": 1, "on_failure": "continue"}}, D=MUTEX))
    if end == "cancel":
        case.cancel_item(case.start("B"))
    elif end == "fail":
        case.fail(case.start("B"))
    else:
        case.skip("B")
    assert case.case.held == {}
    case.start("D")
    assert case.states("D") == [ItemState.STARTED]


def test_a_call_goes_before_people_when_the_mutex_is_freed(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C! -> F*, D!) -> E -> o", B=MUTEX, D=MUTEX, F=MUTEX))
    running = case.start("B")
    case.do("C")
    assert case.called == [] and case.marking["C>F"] == 1
    case.complete(running)
    assert case.called == ["F"] and case.offered == ["D"]
    with pytest.raises(Conflict, match="mutex"):
        case.start("D")


def test_a_token_that_waits_for_the_mutex_can_still_be_taken_by_another_task(play: Play) -> None:
    # F is called when the mutex is free; somebody is faster, and then there is nothing left for it.
    case = play(net("i -> A -> and(B!, X! -> p); p -> choice(F*, G!)", implicit=True, B=MUTEX, F=MUTEX))
    running = case.start("B")
    case.do("X")
    assert case.called == [] and case.offered == ["G"]
    case.do("G")
    case.complete(running)
    assert case.called == [] and case.status is CaseStatus.COMPLETED


def test_two_mutexes_do_not_know_each_other(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D!) -> E -> o", B=MUTEX, C={"mutex": "other"}, D=MUTEX))
    case.start("B")
    case.start("C")
    with pytest.raises(Conflict, match="mutex"):
        case.start("D")


def test_each_case_has_mutexes_of_its_own(play: Play) -> None:
    nets = {"sub": "i -> X! -> o"}
    below = {"kind": "composite", "net": "sub"}
    case = play(net("i -> A -> and(B, C) -> D -> o", B=below, C=below, X=MUTEX, nets=nets))
    first, second = case.children()
    first.start("X")
    second.start("X")
    assert first.states("X") == second.states("X") == [ItemState.STARTED]


def test_a_patient_is_in_one_room_at_a_time(play: Play) -> None:
    case = play(gallery("wcp17-interleaved-parallel-routing"), patient="Dana")
    drawing = case.start("draw_blood")
    with pytest.raises(Conflict, match="mutex"):
        case.start("test_eyes", by="bob")
    case.complete(drawing, finding="iron is low")
    case.do("test_eyes", finding="eyes are good")
    case.do("run_on_treadmill", finding="heart is good")
    case.do("discuss")
    assert case.status is CaseStatus.COMPLETED
    assert case.case.data["findings"] == ["iron is low", "eyes are good", "heart is good"]
