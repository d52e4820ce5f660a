"""WCP-5, Simple Merge: alternative branches come together without waiting for each other."""

import pytest

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


@pytest.mark.parametrize("go", ["B", "C"])
def test_either_branch_alone_enables_what_follows(play: Play, go: str) -> None:
    case = play(net("i -> A -> xor(B!, C!) -> D! -> o"), go=go)
    case.do(go)
    assert case.offered == ["D"]
    case.do("D")
    assert case.status is CaseStatus.COMPLETED


@pytest.mark.parametrize("go", ["B", "C"])
def test_nothing_is_left_of_the_way_that_was_not_taken(play: Play, go: str) -> None:
    case = play(net("i -> A -> xor(B, C) -> D! -> o"), go=go)
    assert case.marking == {f"{go}>D": 1} and case.fired == ["A", go]
    case.start("D")
    assert case.marking == {}


def test_the_merge_is_ready_for_the_next_round_of_a_loop(play: Play) -> None:
    case = play(net("i -> A! -> xor(B, C) -> D! -> xor(A, o)"))
    case.do("A", go="B")
    case.do("D", go="A")
    case.do("A", go="C")
    case.do("D", go="end")
    assert (case.status, case.fired) == (CaseStatus.COMPLETED, ["A", "B", "D", "A", "C", "D"])


def test_a_condition_merges_without_a_task(play: Play) -> None:
    case = play(net("i -> A -> xor(B!, C!) -> p; p -> D! -> o"), go="C")
    case.do("C")
    assert case.marking == {"p": 1} and case.offered == ["D"]


def test_a_ticket_is_issued_when_it_was_paid_by_card(play: Play) -> None:
    case = play(gallery("wcp05-simple-merge"))
    case.answer("charge_card", paid="card")
    case.answer("issue", ticket="TICKET-card")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["order", "charge_card", "issue"]


def test_a_ticket_is_issued_when_it_was_put_on_an_account(play: Play) -> None:
    case = play(gallery("wcp05-simple-merge"), company="Lindgren")
    case.do("bill")
    case.answer("issue", ticket="TICKET-account")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["order", "bill", "issue"]
