"""WCP-16, Deferred Choice: the first task that starts wins, and its rivals are withdrawn."""

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

CHOICE = "i -> A -> p -> choice(B!, C!) -> D! -> o"


def test_starting_an_item_withdraws_its_rival(play: Play) -> None:
    case = play(net(CHOICE))
    assert case.offered == ["B", "C"]
    case.start("C")
    assert (case.states("B"), case.states("C")) == ([ItemState.WITHDRAWN], [ItemState.STARTED])


def test_claiming_an_item_decides_nothing(play: Play) -> None:
    case = play(net(CHOICE))
    [rival] = case.items("B")
    case.claim(rival.id)
    assert case.states("C") == [ItemState.OFFERED]
    case.start("C", by="bob")
    assert case.states("B") == [ItemState.WITHDRAWN]


def test_a_suspended_item_is_withdrawn_like_any_other(play: Play) -> None:
    case = play(net(CHOICE))
    [rival] = case.items("B")
    case.claim(rival.id)
    case.suspend_item(rival.id)
    with pytest.raises(Conflict, match="is suspended"):
        case.start_item(rival.id)
    case.start("C", by="bob")
    assert case.states("B") == [ItemState.WITHDRAWN]
    with pytest.raises(Conflict, match="withdrawn"):
        case.resume_item(rival.id)


def test_a_suspended_item_can_win_when_it_is_resumed(play: Play) -> None:
    case = play(net(CHOICE))
    [item] = case.items("B")
    case.claim(item.id)
    case.suspend_item(item.id)
    case.resume_item(item.id)
    case.start_item(item.id)
    assert (case.states("B"), case.states("C")) == ([ItemState.STARTED], [ItemState.WITHDRAWN])


def test_a_withdrawn_item_cannot_be_started(play: Play) -> None:
    case = play(net(CHOICE))
    [rival] = case.items("B")
    case.start("C")
    with pytest.raises(Conflict, match="withdrawn"):
        case.start_item(rival.id)


def test_a_choice_at_the_start_of_a_case(play: Play) -> None:
    case = play(net("i -> choice(A!, B!) -> o"))
    case.do("B")
    assert case.states("A") == [ItemState.WITHDRAWN] and case.status is CaseStatus.COMPLETED


def test_a_task_that_needs_nobody_wins_before_anybody_is_asked(play: Play) -> None:
    case = play(net("i -> choice(A!, B) -> C! -> o"))
    assert case.fired == ["B"] and case.items("A") == []


def test_a_rival_that_is_claimed_already_is_withdrawn_too(play: Play) -> None:
    case = play(net(CHOICE))
    case.claim(case.items("C")[0].id, by="bob")
    case.start("B")
    assert case.states("C") == [ItemState.WITHDRAWN]


def test_the_rivals_do_not_come_back_when_the_winner_is_cancelled(play: Play) -> None:
    case = play(net("i -> A -> and(p, E!); p -> choice(B!, C!) -> D! -> o; E -> o"))
    case.cancel_item(case.start("B"))
    assert case.offered == ["E"] and case.states("C") == [ItemState.WITHDRAWN]


def test_each_of_two_tokens_is_a_choice_of_its_own(play: Play) -> None:
    case = play(net("i -> A -> and(X -> p, Y -> p); p -> choice(B!, C!) -> D!", implicit=True))
    assert case.offered == ["B", "B", "C", "C"]
    case.start("B")
    assert sorted(case.offered) == ["B", "C"]
    case.start("C")
    assert case.offered == []


def test_a_rival_that_needs_another_token_too_is_withdrawn_with_that_token_left(play: Play) -> None:
    case = play(net("i -> A -> and(p, q); p -> B! -> o; p -> and:C! -> o; q -> C", implicit=True))
    assert case.offered == ["B", "C"]
    case.start("B")
    assert case.states("C") == [ItemState.WITHDRAWN] and case.marking == {"q": 1}


TRIGGERED = "i -> A -> p -> choice(B!, C) -> D! -> o"


@pytest.mark.parametrize("kind", ["transient", "persistent"])
def test_something_outside_wins_over_a_person_who_has_not_begun(play: Play, kind: str) -> None:
    case = play(net(TRIGGERED, C={"trigger": {"name": "paid", "kind": kind}}))
    assert case.offered == ["B"]
    case.trigger("paid")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.offered == ["D"]


@pytest.mark.parametrize("kind", ["transient", "persistent"])
def test_a_person_who_has_begun_wins_over_what_comes_from_outside(play: Play, kind: str) -> None:
    case = play(net(TRIGGERED, C={"trigger": {"name": "paid", "kind": kind}}))
    running = case.start("B")
    case.trigger("paid")
    assert case.fired == ["A", "B"]
    case.complete(running)
    case.do("D")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["A", "B", "D"])


def test_of_two_things_outside_the_first_wins(play: Play) -> None:
    paid, refused = ({"trigger": {"name": name, "kind": "transient"}} for name in ("paid", "refused"))
    case = play(net("i -> A -> p -> choice(B, C*) -> D! -> o", B=paid, C=refused))
    assert case.called == [] and case.status is CaseStatus.RUNNING
    case.trigger("refused")
    case.trigger("paid")
    assert case.called == ["C"] and case.fired == ["A", "C"]


def test_a_kept_trigger_decides_the_choice_before_anybody_is_asked(play: Play) -> None:
    case = play(net("i -> A! -> p -> choice(B!, C) -> D! -> o", C={"trigger": {"name": "paid", "kind": "persistent"}}))
    case.trigger("paid")
    case.do("A")
    assert case.items("B") == [] and case.offered == ["D"]


def test_a_trigger_whose_item_was_withdrawn_waits_for_the_next_one(play: Play) -> None:
    # The item of C had consumed the trigger, but nobody has done anything with it.
    text = "i -> A -> p -> choice(B!, C!) -> D! -> xor(A, o)"
    case = play(net(text, C={"trigger": {"name": "paid", "kind": "persistent"}}))
    case.trigger("paid", 12)
    assert case.offered == ["B", "C"]
    case.do("B")
    assert case.case.triggers == (("paid", 12),)
    case.do("D", go="A")
    assert case.offered == ["B", "C"]


def test_a_case_of_its_own_that_waits_for_something_outside_is_a_rival(play: Play) -> None:
    below = {"kind": "composite", "net": "sub", "trigger": {"name": "go", "kind": "transient"}}
    case = play(net(TRIGGERED, C=below, nets={"sub": "i -> X! -> o"}))
    assert case.children() == [] and case.offered == ["B"]
    case.trigger("go")
    assert case.states("B") == [ItemState.WITHDRAWN]
    case.children()[0].do("X")
    assert case.offered == ["D"]


def test_a_case_of_its_own_that_waits_for_nothing_wins_at_once(play: Play) -> None:
    case = play(net(TRIGGERED, C={"kind": "composite", "net": "sub"}, nets={"sub": "i -> X! -> o"}))
    assert len(case.children()) == 1 and case.items("B") == []


SEVERAL = {"instances": {"count": 3}}


def test_the_start_of_one_of_several_instances_withdraws_the_rival(play: Play) -> None:
    case = play(net(CHOICE, B=SEVERAL))
    assert case.offered == ["B", "B", "B", "C"]
    case.start("B")
    assert case.states("C") == [ItemState.WITHDRAWN]
    assert case.states("B") == [ItemState.STARTED, ItemState.OFFERED, ItemState.OFFERED]


def test_the_start_of_the_rival_withdraws_all_instances(play: Play) -> None:
    case = play(net(CHOICE, B=SEVERAL))
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN] * 3


def test_of_two_tasks_with_instances_one_wins(play: Play) -> None:
    case = play(net(CHOICE, B=SEVERAL, C=SEVERAL))
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN] * 3 and case.states("C").count(ItemState.OFFERED) == 2
    for item in case.items("C"):
        if item.state is ItemState.OFFERED:
            case.start_item(item.id)
        case.complete(item.id)
    assert case.offered == ["D"]


def test_an_instance_that_was_withdrawn_cannot_be_started(play: Play) -> None:
    case = play(net(CHOICE, B=SEVERAL))
    case.start("C")
    with pytest.raises(Conflict):
        case.start_item(case.items("B")[1].id)


def test_reserved_seats_are_paid(play: Play) -> None:
    case = play(gallery("wcp16-deferred-choice"), seats=["7A", "7B"])
    case.answer("reserve")
    assert case.offered == ["give_back", "release"]
    case.trigger("paid", {"receipt": "R-1"})
    assert case.items("print_tickets")[0].input == {"seats": ["7A", "7B"], "receipt": "R-1"}
    case.do("print_tickets")
    assert case.status is CaseStatus.COMPLETED and case.case.data["outcome"] == "paid"


def test_reserved_seats_are_released_and_a_payment_comes_too_late(play: Play) -> None:
    case = play(gallery("wcp16-deferred-choice"), seats=["7A"])
    case.answer("reserve")
    releasing = case.start("release")
    case.trigger("paid", {"receipt": "R-1"})
    case.complete(releasing)
    assert case.status is CaseStatus.COMPLETED and case.case.data["outcome"] == "released"
