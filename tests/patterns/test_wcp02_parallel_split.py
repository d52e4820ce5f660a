"""WCP-2, Parallel Split: one task is followed by several at once."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play


def test_every_branch_is_enabled_at_once(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D!) -> E -> o"))
    assert case.offered == ["B", "C", "D"]
    assert case.marking == {"A>B": 1, "A>C": 1, "A>D": 1}


def test_the_branches_go_on_independently(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> C!, D!) -> E -> o"))
    case.do("B")
    assert sorted(case.offered) == ["C", "D"]


def test_all_branches_may_run_at_the_same_time(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!, D*) -> and:E -> o"))
    case.start("B", by="ann")
    case.start("C", by="bob")
    assert case.called == ["D"] and {run.state for run in case.case.runs.values()} == {"executing"}


def test_a_branch_may_begin_in_a_condition(play: Play) -> None:
    case = play(net("i -> A! -> and(p, B!); p -> C! -> o; B -> o"))
    case.do("A")
    assert case.marking == {"p": 1, "A>B": 1} and case.offered == ["B", "C"]


def test_the_branches_begin_when_the_task_completes_and_not_when_it_starts(play: Play) -> None:
    case = play(net("i -> A! -> and(B!, C!) -> D -> o"))
    started = case.start("A")
    assert case.offered == []
    case.complete(started)
    assert case.offered == ["B", "C"]


def test_a_branch_may_be_done_before_another_has_begun(play: Play) -> None:
    case = play(net("i -> A -> and(B! -> C!, D!) -> and:E -> o"))
    case.do("B")
    case.do("C")
    assert case.offered == ["D"] and case.status is CaseStatus.RUNNING


def test_a_new_colleague_is_expected(play: Play) -> None:
    case = play(gallery("wcp02-parallel-split"), name="Dana")
    case.do("sign")
    assert (case.offered, case.called) == (["set_up_laptop", "print_badge"], ["open_account"])
    case.do("print_badge")
    case.answer("open_account", account="dana")
    case.do("set_up_laptop")
    case.do("welcome")
    assert case.status is CaseStatus.COMPLETED and case.case.data["account"] == "dana"
