"""WCP-33, Generalized AND-Join: a branch may arrive more than once; what is too many is kept for the next time."""

from itertools import permutations
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# `p` gets tokens from B and X, `q` from C and Y, and E takes one of each.
SURPLUS = "i -> A -> and(B, C, X!, Y!); B -> p; X -> p; C -> q; Y -> q; p -> and:E! -> F!; q -> E"

# P and Q run twice each; R takes one of each.
PAIRS = "i -> A -> and(S, T); S -> P! -> and:R! -> Z!; T -> Q! -> R"
TWICE: dict[str, Any] = {"S": {"split": {"threads": 2}}, "T": {"split": {"threads": 2}}}


def test_a_surplus_token_is_kept(play: Play) -> None:
    case = play(net(SURPLUS, implicit=True))
    case.do("X")
    assert case.marking == {"p": 2, "q": 1, "A>Y": 1} and case.offered == ["Y", "E"]
    case.do("E")
    assert case.marking == {"p": 1, "A>Y": 1, "E>F": 1}


def test_a_kept_token_is_used_when_its_partner_comes(play: Play) -> None:
    case = play(net(SURPLUS, implicit=True))
    case.do("X")
    case.do("E")
    assert "E" not in case.offered
    case.do("Y")
    assert case.offered == ["F", "E"]


@pytest.mark.parametrize("order", sorted(set(permutations("PPQQ"))), ids="".join)
def test_it_runs_once_for_each_pair_in_whatever_order_they_come(play: Play, order: tuple[str, ...]) -> None:
    case = play(net(PAIRS, implicit=True, **TWICE))
    for arrived, task in enumerate(order, 1):
        case.do(task)
        pairs = min(order[:arrived].count("P"), order[:arrived].count("Q"))
        assert case.offered.count("R") == pairs
    case.do("R")
    case.do("R")
    assert case.offered == ["Z", "Z"] and case.marking == {"R>Z": 2}


def test_its_runs_may_overlap(play: Play) -> None:
    case = play(net(PAIRS, implicit=True, **TWICE))
    for task in "PPQQ":
        case.do(task)
    first, second = case.start("R"), case.start("R")
    assert case.states("R") == [ItemState.STARTED, ItemState.STARTED] and case.marking == {}
    case.complete(second)
    case.complete(first)
    assert case.offered == ["Z", "Z"]


def test_a_token_that_comes_while_it_runs_is_not_lost(play: Play) -> None:
    case = play(net(PAIRS, implicit=True, **TWICE))
    case.do("P")
    case.do("Q")
    item = case.start("R")
    case.do("P")
    case.do("Q")
    assert case.offered == ["R"]
    case.complete(item)
    assert case.offered == ["R", "Z"]


def test_a_connector_is_called_once_for_each_pair(play: Play) -> None:
    threads: dict[str, Any] = {"S": {"split": {"threads": 3}}, "T": {"split": {"threads": 2}}}
    case = play(net("i -> A -> and(S, T); S -> P -> and:R* -> Z!; T -> Q -> R", implicit=True, **threads))
    assert case.called == ["R", "R"] and case.marking == {"P>R": 1}


def test_what_is_left_without_a_partner_is_a_deadlock(play: Play) -> None:
    threads: dict[str, Any] = {"S": {"split": {"threads": 2}}}
    case = play(net("i -> A -> and(S, T); S -> P -> and:R; T -> Q -> R", implicit=True, **threads))
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"P>R": 1}


def test_bicycles_are_assembled_whenever_there_is_one_of_each(play: Play) -> None:
    case = play(gallery("wcp33-generalized-and-join"), customer="Dana")
    case.do("weld")
    case.do("weld")
    assert "assemble" not in case.offered
    case.do("lace")
    case.do("assemble")
    assert case.marking["weld>assemble"] == 1
    for task in ("lace", "weld", "lace", "assemble", "assemble"):
        case.do(task)
    assert case.items("deliver")[0].input == {"customer": "Dana", "bicycles": 3}
    case.do("deliver")
    assert case.status is CaseStatus.COMPLETED
