"""WCP-16, Deferred Choice: the first task that starts wins, and its rivals are withdrawn."""

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from tests.net_notation import net
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
