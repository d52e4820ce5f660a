"""WCP-8, Multi-Merge: each branch that arrives leads to a run of its own."""

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def test_each_token_that_arrives_makes_a_run(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> xor:D!", implicit=True))
    case.do("B")
    assert case.offered == ["C", "D"]
    case.do("C")
    assert case.offered == ["D", "D"]


def test_the_runs_wait_each_for_its_own_person(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> xor:D! -> E!", implicit=True))
    first, second = case.start("D"), case.start("D")
    assert first != second and case.states("D") == [ItemState.STARTED, ItemState.STARTED]
    case.complete(second)
    assert case.states("D") == [ItemState.STARTED, ItemState.COMPLETED] and case.offered == ["E"]
    case.complete(first)
    assert case.offered == ["E", "E"]


def test_two_calls_are_made_for_two_tokens(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> xor:D*", implicit=True))
    assert case.called == ["D", "D"]
    case.answer("D")
    assert (case.called, case.status) == (["D"], CaseStatus.RUNNING)
    case.answer("D")
    assert case.status is CaseStatus.COMPLETED


def test_branches_that_arrive_together_lead_to_two_runs(play: Play) -> None:
    # An engine that looks at the marking only now and then would merge them into one.
    case = play(net("i -> A -> and(B*, C*) -> xor:D!", implicit=True))
    case.answer_together(case.call("B"), case.call("C"))
    assert case.offered == ["D", "D"]


def test_a_branch_that_arrives_while_the_task_runs_does_not_wait_for_it(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> xor:D!", implicit=True))
    case.do("B")
    running = case.start("D")
    case.do("C")
    assert case.offered == ["D"]
    case.start("D")
    case.complete(running)
    assert case.states("D") == [ItemState.COMPLETED, ItemState.STARTED]


def test_a_merge_of_cases_below_has_one_for_each_arrival(play: Play) -> None:
    below = {"kind": "composite", "net": "sub"}
    case = play(net("i -> A -> and(B!, C!) -> xor:D", implicit=True, D=below, nets={"sub": "i -> X!"}))
    case.do("B")
    case.do("C")
    first, second = case.children()
    second.do("X")
    assert [first.status, second.status, case.status] == [CaseStatus.RUNNING, CaseStatus.COMPLETED, CaseStatus.RUNNING]
    first.do("X")
    assert case.status is CaseStatus.COMPLETED


def test_a_merge_within_a_merge_runs_as_often_as_branches_arrive(play: Play) -> None:
    case = play(net("i -> A -> and(B, C, E); B -> xor:D -> xor:F!; C -> D; E -> F", implicit=True))
    assert case.fired.count("D") == 2 and case.offered == ["F", "F", "F"]


def test_each_opinion_on_a_building_permit_is_filed_as_it_comes(play: Play) -> None:
    case = play(gallery("wcp08-multi-merge"), plot="12 Elm Street")
    case.do("ask_water_board")
    filing = case.start("file_opinion")
    case.do("ask_fire_brigade")
    case.do("file_opinion")
    case.complete(filing)
    assert case.status is CaseStatus.COMPLETED and case.case.data["filed"] == 2
