"""WCP-18, Milestone: a task can be done only while the case is in a given state: while a condition is marked."""

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# While `open` is marked B can be done, as often as there is a token in `wish`; C takes the milestone away.
MILESTONE = (
    "i -> A -> and(X!, W!, V!); X -> open; W -> wish; V -> wish;"
    "open -> C! -> o; open -> and:B! -> and(open, done); wish -> B; done -> D"
)


def test_the_task_is_enabled_only_while_the_milestone_is_reached(play: Play) -> None:
    case = play(net(MILESTONE, implicit=True))
    case.do("W")
    assert "B" not in case.offered
    case.do("X")
    assert "B" in case.offered
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.marking["wish"] == 1


def test_the_task_puts_the_milestone_back(play: Play) -> None:
    case = play(net(MILESTONE, implicit=True))
    case.do("X")
    case.do("W")
    case.do("B")
    assert case.marking["open"] == 1 and "C" in case.offered


def test_the_task_can_be_done_again_while_the_milestone_stands(play: Play) -> None:
    case = play(net(MILESTONE, implicit=True))
    for task in ("X", "W", "B", "V", "B"):
        case.do(task)
    assert case.fired.count("B") == 2 and case.offered == ["C"]


def test_one_milestone_is_one_item_however_many_wishes_there_are(play: Play) -> None:
    case = play(net(MILESTONE, implicit=True))
    for task in ("X", "W", "V"):
        case.do(task)
    assert case.offered.count("B") == 1


def test_the_milestone_cannot_be_left_while_the_task_is_under_way(play: Play) -> None:
    # What was begun in the state ends in it.
    case = play(net(MILESTONE, implicit=True))
    case.do("X")
    case.do("W")
    left = case.waiting("C")
    running = case.start("B")
    with pytest.raises(Conflict):
        case.start_item(left)
    case.complete(running)
    case.do("C")
    assert case.fired[-1] == "C"


def test_a_wish_that_comes_too_late_is_not_fulfilled(play: Play) -> None:
    case = play(net(MILESTONE, implicit=True))
    case.do("X")
    case.do("C")
    case.do("W")
    assert "B" not in case.offered


def test_the_milestone_may_be_reached_again(play: Play) -> None:
    text = "i -> A -> and(X!, W!); X -> open; W -> wish; open -> C! -> X; open -> and:B! -> and(open, o); wish -> B"
    case = play(net(text))
    for task in ("W", "X", "C"):
        case.do(task)
    assert case.offered == ["X"]
    case.do("X")
    assert sorted(case.offered) == ["B", "C"]
    case.do("B")
    assert case.status is CaseStatus.COMPLETED


def test_a_call_is_made_only_while_the_milestone_is_reached(play: Play) -> None:
    text = "i -> A -> and(X!, W!); X -> open; W -> wish; open -> C! -> o; open -> and:B* -> and(open, done); wish -> B"
    case = play(net(f"{text}; done -> D", implicit=True))
    case.do("W")
    assert case.called == []
    case.do("X")
    assert case.called == ["B"] and "C" not in case.offered
    case.answer("B")
    assert case.offered == ["C"]


def test_an_address_is_changed_before_the_parcel_is_packed(play: Play) -> None:
    case = play(gallery("wcp18-milestone"), address="12 Elm Street")
    assert case.offered == ["change_address", "decline", "pack"]
    case.do("change_address", address="7 Oak Street")
    assert case.offered == ["pack"]
    case.do("pack")
    case.answer("send")
    assert case.status is CaseStatus.COMPLETED
    assert (case.case.data["address"], case.case.data["changed"]) == ("7 Oak Street", True)


def test_an_address_is_not_changed_when_the_parcel_is_packed(play: Play) -> None:
    case = play(gallery("wcp18-milestone"), address="12 Elm Street")
    changing = case.waiting("change_address")
    packing = case.start("pack")
    with pytest.raises(Conflict, match="withdrawn"):
        case.start_item(changing)
    case.complete(packing)
    case.answer("send")
    case.do("decline")
    assert case.status is CaseStatus.COMPLETED and case.case.data["address"] == "12 Elm Street"
