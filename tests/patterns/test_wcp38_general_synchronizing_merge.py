"""WCP-38, General Synchronizing Merge: it waits while another branch can still arrive, with loops and cancellation.

Whether one can is a question about all that the net may still do (Wynn, van der Aalst, ter Hofstede, Edmond 2006). The
decision itself is compared with brute force in `tests/engine/test_or_join.py`.
"""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

# C may be sent back to C again and again; J waits for B and C.
LOOPED = "i -> A -> and(B!, C!); C -> D -> xor(C, J); B -> or:J! -> o"


def test_a_branch_that_loops_is_waited_for_until_it_leaves_its_loop(play: Play) -> None:
    case = play(net(LOOPED))
    case.do("B")
    for _ in range(3):
        assert case.offered == ["C"]
        case.do("C", go="C")
    case.do("C", go="J")
    assert case.offered == ["J"]


def test_a_merge_may_stand_in_the_loop_that_leads_back_to_it(play: Play) -> None:
    case = play(net("i -> A -> or(B!, C!, D!) -> J! -> K -> xor(A, o)"), go="BC")
    case.do("B")
    assert case.offered == ["C"]
    case.do("C")
    case.do("J", go="A")
    assert case.offered == ["D"], "what the loop leads to is chosen anew; D is the default"
    case.do("D")
    case.do("J", go="out")
    assert case.status is CaseStatus.COMPLETED and case.fired.count("J") == 2


def test_it_does_not_wait_for_what_only_itself_can_bring(play: Play) -> None:
    case = play(net("i -> A -> or:J! -> B -> xor(J, o)"))
    assert case.offered == ["J"]
    case.do("J", go="J")
    assert case.offered == ["J"]
    case.do("J", go="out")
    assert case.status is CaseStatus.COMPLETED


def test_it_waits_for_its_own_run_that_may_lead_back(play: Play) -> None:
    case = play(net("i -> A -> and(X, Y! -> Z!); X -> or:J! -> B -> xor(J, K); Z -> J; K -> o"))
    case.do("Y")
    case.do("Z")
    assert case.offered == ["J"] and case.marking == {"X>J": 1, "Z>J": 1}
    item = case.start("J")
    case.complete(item, go="J")
    assert case.offered == ["J"]


def test_a_branch_that_is_cancelled_is_waited_for_no_more(play: Play) -> None:
    stop: dict[str, Any] = {"X": {"cancels": ["C", "A>C"]}}
    case = play(net("i -> A -> and(B!, C!, X! -> Y!); B -> or:J! -> Z!; C -> J", implicit=True, **stop))
    case.do("B")
    case.start("C")
    assert case.offered == ["X"]
    case.do("X")
    assert case.states("C") == [ItemState.CANCELLED] and case.offered == ["Y", "J"]


def test_an_item_that_is_cancelled_is_waited_for_no_more(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!); B -> or:J! -> o; C -> J"))
    case.do("B")
    case.cancel_item(case.start("C"))
    assert case.offered == ["J"]


def test_it_starts_by_itself_as_soon_as_nothing_else_can_come(play: Play) -> None:
    stop: dict[str, Any] = {"X": {"cancels": ["C", "A>C"]}}
    case = play(net("i -> A -> and(B!, C!, X! -> Y!); B -> or:J -> Z!; C -> J", implicit=True, **stop))
    case.do("B")
    case.do("X")
    assert "J" in case.fired and sorted(case.offered) == ["Y", "Z"]


def test_a_branch_that_can_only_be_emptied_is_not_waited_for(play: Play) -> None:
    # X alone leads from C to J, and it empties the place from which J is to be fed.
    case = play(net("i -> A -> and(B!, C!); B -> or:J! -> o; C -> X! -> J", X={"cancels": ["B>J"]}))
    case.do("B")
    assert "J" in case.offered, "X would take the token of B away"


def test_a_deferred_choice_is_waited_for_until_it_is_made(play: Play) -> None:
    case = play(net("i -> A -> and(B!, p); p -> choice(C!, D!); B -> or:J! -> K! -> o; C -> J; D -> K"))
    case.do("B")
    assert case.offered == ["C", "D"]
    item = case.start("D")
    assert case.offered == ["J"], "the rival is withdrawn, so nothing can come from it"
    case.complete(item)
    assert sorted(case.offered) == ["J", "K"]


def test_what_data_will_choose_is_not_looked_at(play: Play) -> None:
    # X will go to Y, whatever happens; but only when it has done so is that known.
    never = [{"to": "J", "when": "false"}, {"to": "Y"}]
    case = play(net("i -> A -> and(B!, C!); C -> X -> xor(J, Y!); Y -> o; B -> or:J! -> o", X={"next": never}))
    case.do("B")
    assert case.offered == ["C"]
    case.do("C")
    assert sorted(case.offered) == ["J", "Y"]


def test_one_that_arrives_twice_is_taken_once_at_a_time(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q, C!); P -> B! -> or:J! -> Z!; Q -> B; C -> J", implicit=True))
    case.do("B")
    case.do("B")
    case.do("C")
    assert case.offered == ["J", "J"]
    case.do("J")
    assert case.offered == ["J", "Z"] and case.marking["B>J"] == 1 and "C>J" not in case.marking


def test_a_second_token_of_a_branch_that_has_arrived_is_not_waited_for(play: Play) -> None:
    case = play(net("i -> A -> and(P, Q, C!); P -> B! -> or:J! -> Z!; Q -> B; C -> J", implicit=True))
    case.do("B")
    case.do("C")
    assert case.offered == ["B", "J"]


def test_what_a_partial_join_will_ignore_is_not_waited_for(play: Play) -> None:
    first: dict[str, Any] = {"D": {"join": {"partial": 1}}}
    case = play(net("i -> A -> and(B!, C!, E!); B -> D -> or:J! -> o; C -> D; E -> J", **first))
    case.do("B")
    assert case.offered == ["C", "E"]
    case.do("E")
    assert case.offered == ["C", "J"], "C can no longer start the partial join"


def test_instances_and_cases_below_are_waited_for_as_one_branch(play: Play) -> None:
    nets = {"sub": "i -> P! -> o"}
    below: dict[str, Any] = {"C": {"kind": "composite", "net": "sub", "instances": {"count": 2}}}
    case = play(net("i -> A -> and(B!, C); B -> or:J! -> o; C -> J", nets=nets, **below))
    case.do("B")
    first, second = case.children()
    first.do("P")
    assert case.offered == []
    second.do("P")
    assert case.offered == ["J"]


def test_a_trigger_that_may_come_is_waited_for(play: Play) -> None:
    bell: dict[str, Any] = {"C": {"trigger": {"name": "bell", "kind": "transient"}}}
    case = play(net("i -> A -> and(B!, C); B -> or:J! -> o; C -> J", **bell))
    case.do("B")
    assert case.offered == []
    case.trigger("bell")
    assert case.offered == ["J"]


@pytest.mark.parametrize("first", ["B", "C"])
def test_merges_in_a_row_are_decided_one_after_the_other(play: Play, first: str) -> None:
    other = "BC".replace(first, "")
    case = play(net("i -> A -> and(B!, C!, D!); B -> or:J -> or:K -> E! -> o; C -> J; D -> K"))
    case.do(first)
    case.do("D")
    assert "J" not in case.fired and "K" not in case.fired
    case.do(other)
    assert case.fired[-2:] == ["J", "K"] and case.offered == ["E"]


def test_merges_that_can_each_feed_the_other_wait_for_each_other(play: Play) -> None:
    # A vicious circle: each counts the other one as able to go on. It is said, and not decided by chance.
    circle = "i -> A -> and(B, C); B -> or:J! -> X -> xor(K, o); C -> or:K! -> Y -> xor(J, o)"
    case = play(net(circle))
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"B>J": 1, "C>K": 1}


def test_a_chapter_is_laid_out_when_neither_text_nor_pictures_can_come(play: Play) -> None:
    case = play(gallery("wcp38-general-synchronizing-merge"), chapter="One")
    case.do("edit", ready=True)
    case.do("draw", ready=False)
    assert case.offered == ["sketch"], "the pictures are on their way back"
    case.do("sketch")
    case.do("draw", ready=True)
    case.do("lay_out")
    case.do("read_proof", orders=["text"])
    assert case.offered == ["edit"]
    case.do("edit", ready=True)
    assert case.offered == ["lay_out"], "no pictures were ordered this time"
    case.do("lay_out")
    case.do("read_proof", orders=[])
    assert case.status is CaseStatus.COMPLETED and case.case.data["printable"] is True
