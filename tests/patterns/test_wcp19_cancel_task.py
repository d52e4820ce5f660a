"""WCP-19, Cancel Task: an enabled task is withdrawn and an executing one stopped; no token goes on from it."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.played import Play

TWO = "i -> A -> and(B!, C!) -> xor:D! -> o"


def test_a_cancelled_item_takes_its_token_with_it(play: Play) -> None:
    case = play(net(TWO))
    case.cancel_item(case.items("B")[0].id)
    assert case.states("B") == [ItemState.CANCELLED] and case.marking == {"A>C": 1}


def test_a_started_item_can_be_cancelled(play: Play) -> None:
    case = play(net(TWO))
    case.cancel_item(case.start("B"))
    assert case.states("B") == [ItemState.CANCELLED] and case.offered == ["C"]


def test_cancelling_one_side_of_a_choice_withdraws_the_other(play: Play) -> None:
    case = play(net("i -> A -> and(p, D!); p -> choice(B!, C!) -> o; D -> o"))
    case.cancel_item(case.items("B")[0].id)
    assert case.states("C") == [ItemState.WITHDRAWN] and case.offered == ["D"]


def test_a_case_whose_last_task_is_cancelled_can_no_longer_move(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.cancel_item(case.start("A"))
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {}
