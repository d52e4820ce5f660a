"""WCP-11, Implicit Termination: a case is complete when nothing remains to be done."""

from engine.case import CaseStatus
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

BRANCHES = "i -> A -> and(B! -> o, C!)"


def test_a_case_ends_when_its_last_branch_has(play: Play) -> None:
    case = play(net(BRANCHES, implicit=True))
    case.do("B")
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"A>C": 1, "end": 1})
    case.do("C")
    assert case.status is CaseStatus.COMPLETED


def test_a_started_item_is_something_that_remains_to_be_done(play: Play) -> None:
    case = play(net(BRANCHES, implicit=True))
    item = case.start("C")
    case.do("B")
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"end": 1})
    case.complete(item)
    assert case.status is CaseStatus.COMPLETED


def test_a_net_that_is_stuck_has_not_ended(play: Play) -> None:
    case = play(net("i -> A -> xor(B, C) -> and:D -> o", implicit=True), go="B")
    assert case.status is CaseStatus.DEADLOCKED


def test_a_call_is_something_that_remains_to_be_done(play: Play) -> None:
    case = play(net("i -> A -> and(B*, C!)", implicit=True))
    case.do("C")
    assert (case.status, case.called) == (CaseStatus.RUNNING, ["B"])
    case.answer("B")
    assert case.status is CaseStatus.COMPLETED


def test_a_case_below_is_something_that_remains_to_be_done(play: Play) -> None:
    below = {"kind": "composite", "net": "sub"}
    case = play(net("i -> A -> and(B, C!)", implicit=True, B=below, nets={"sub": "i -> X -> and(Y!, Z!)"}))
    case.do("C")
    [child] = case.children()
    child.do("Y")
    assert (child.status, case.status) == (CaseStatus.RUNNING, CaseStatus.RUNNING)
    child.do("Z")
    assert (child.status, case.status) == (CaseStatus.COMPLETED, CaseStatus.COMPLETED)


def test_who_waits_for_something_outside_has_not_ended(play: Play) -> None:
    case = play(net("i -> A -> and(B, C!)", implicit=True, B={"trigger": {"name": "go", "kind": "transient"}}))
    case.do("C")
    assert (case.status, case.marking) == (CaseStatus.RUNNING, {"A>B": 1})
    case.trigger("go")
    assert case.status is CaseStatus.COMPLETED


def test_a_suspended_case_has_not_ended(play: Play) -> None:
    case = play(net("i -> A! -> B*", implicit=True))
    case.do("A")
    call = case.call("B")
    case.suspend()
    case.answer_call(call)
    assert (case.status, case.called) == (CaseStatus.SUSPENDED, ["B"])
    case.resume()
    assert case.status is CaseStatus.COMPLETED


def test_a_branch_whose_task_is_cancelled_has_nothing_left_to_do(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!)", implicit=True))
    case.do("B")
    case.cancel_item(case.start("C"))
    assert case.status is CaseStatus.COMPLETED


def test_a_case_without_any_work_ends_at_once(play: Play) -> None:
    assert play(net("i -> A -> and(B, C)", implicit=True)).status is CaseStatus.COMPLETED


def test_a_power_cut_is_over_when_everything_was_done(play: Play) -> None:
    case = play(gallery("wcp11-implicit-termination"), street="Elm Street")
    case.do("tell_newspaper")
    case.do("count_customers", customers=42)
    case.answer("compensate")
    assert (case.status, case.offered) == (CaseStatus.RUNNING, ["repair"])
    case.do("repair")
    assert case.status is CaseStatus.COMPLETED and case.case.data["customers"] == 42
