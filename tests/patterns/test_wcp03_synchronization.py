"""WCP-3, Synchronization: an AND-join waits for all branches."""

from itertools import permutations

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def test_an_and_join_waits_for_the_last_branch(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> D! -> o"))
    case.do("C")
    assert case.offered == ["B"] and case.marking["C>D"] == 1
    case.do("B")
    assert case.offered == ["D"] and case.marking == {"B>D": 1, "C>D": 1}
    case.do("D")
    assert case.status is CaseStatus.COMPLETED


@pytest.mark.parametrize("order", list(permutations("BCE")), ids="".join)
def test_the_join_fires_once_whichever_branch_is_last(play: Play, order: tuple[str, ...]) -> None:
    case = play(net("i -> A -> and(B!, C!, E!) -> D! -> o"))
    for task in order:
        assert "D" not in case.offered
        case.do(task)
    assert case.offered == ["D"]


def test_two_arrivals_of_one_branch_do_not_make_up_for_the_other(play: Play) -> None:
    # X and Y arrive by the same place: counting arrivals would let D start without Z.
    case = play(net("i -> A -> and(X!, Y!, Z!); X -> p; Y -> p; p -> and:D! -> o; Z -> D", implicit=True))
    case.do("X")
    case.do("Y")
    assert case.offered == ["Z"] and case.marking == {"p": 2, "A>Z": 1}
    case.do("Z")
    assert case.offered == ["D"]


def test_a_started_branch_has_not_arrived(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> D! -> o"))
    running = case.start("B")
    case.do("C")
    assert case.offered == []
    case.complete(running)
    assert case.offered == ["D"]


def test_branches_that_arrive_together_fire_the_join_once(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> D! -> o"))
    case.complete_together(case.start("B"), case.start("C"))
    assert case.offered == ["D"]


def test_a_join_within_a_branch_is_done_before_the_join_around_it(play: Play) -> None:
    case = play(net("i -> A -> and(B -> and(C!, D!) -> E, F!) -> G! -> o"))
    case.do("F")
    case.do("D")
    assert case.offered == ["C"] and "E" not in case.fired
    case.do("C")
    assert case.offered == ["G"]


def test_a_mortgage_is_decided_on_when_all_is_known(play: Play) -> None:
    case = play(gallery("wcp03-synchronization"), applicant="Dana", income=60_000, loan=250_000)
    case.do("look_up_register", owner="Dana")
    case.answer("check_income", affordable=300_000)
    assert case.offered == ["value_house"]
    case.do("value_house", value=280_000)
    [decision] = case.items("decide")
    assert decision.input == {"loan": 250_000, "value": 280_000, "owner": "Dana", "affordable": 300_000}
    case.do("decide", granted=True)
    assert case.status is CaseStatus.COMPLETED and case.case.data["granted"] is True
