"""Pre- and postconditions beside what else a task waits for or does: triggers, joins, mutexes, loops, instances.

Small nets in the notation of the control-flow tests, on each store, replayed afterwards.
"""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict, InvalidInput
from engine.events import DataGiven, TimerFired
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.conftest import play
from tests.patterns.played import Play, Played

__all__ = ["play"]

OPEN = {"requires": "open"}
VARIABLES: dict[str, Any] = {
    "open": {"schema": {"type": "boolean"}, "default": False},
    "n": {"schema": {"type": "integer"}, "default": 0},
}


def guarded(text: str, **changes: Any) -> Specification:
    return net(text, variables=VARIABLES, **changes)


def given(case: Played, **data: Any) -> None:
    """Somebody outside sets variables."""
    case.happens(DataGiven(data, "ann"))


def test_a_transient_trigger_is_lost_while_the_precondition_does_not_hold(play: Play) -> None:
    trigger = {"trigger": {"name": "mail", "kind": "transient"}}
    case = play(guarded("i -> B -> C! -> o", B=OPEN | trigger))
    case.trigger("mail")
    assert case.noted[-1] == ("lost", "")
    given(case, open=True)
    assert case.fired == []
    case.trigger("mail")
    assert case.fired == ["B"] and case.offered == ["C"]


def test_a_persistent_trigger_is_kept_until_the_precondition_holds(play: Play) -> None:
    trigger = {"trigger": {"name": "mail", "kind": "persistent"}}
    case = play(guarded("i -> B! -> C! -> o", B=OPEN | trigger))
    case.trigger("mail")
    assert case.offered == [] and [name for name, _ in case.case.triggers] == ["mail"]
    given(case, open=True)
    assert case.offered == ["B"] and not case.case.triggers


def test_a_trigger_that_an_item_consumed_is_kept_again_when_the_item_is_withdrawn(play: Play) -> None:
    trigger = {"trigger": {"name": "mail", "kind": "persistent"}}
    case = play(guarded("i -> B! -> C! -> o", B=OPEN | trigger))
    given(case, open=True)
    case.trigger("mail", "a letter")
    given(case, open=False)
    assert case.offered == [] and list(case.case.triggers) == [("mail", "a letter")]
    given(case, open=True)
    assert case.offered == ["B"]


def test_of_a_deferred_choice_only_what_holds_is_offered(play: Play) -> None:
    case = play(guarded("i -> A -> p -> choice(B!, C!) -> D! -> o", B=OPEN, C={"requires": "!open"}))
    assert case.offered == ["C"]
    given(case, open=True)
    assert case.offered == ["B"] and case.states("C") == [ItemState.WITHDRAWN]
    case.do("B")
    assert case.offered == ["D"]


def test_an_and_join_waits_for_its_branches_and_its_data(play: Play) -> None:
    case = play(guarded("i -> A -> and(B!, C!) -> D* -> o", D=OPEN))
    given(case, open=True)
    case.do("B")
    assert case.called == []
    given(case, open=False)
    case.do("C")
    assert case.called == [] and case.marking == {"B>D": 1, "C>D": 1}
    given(case, open=True)
    assert case.called == ["D"]


def test_an_or_join_waits_for_its_branches_and_its_data(play: Play) -> None:
    for kind, started in (("", "fired"), ("!", "offered")):
        case = play(guarded(f"i -> A -> or(B!, C!) -> D{kind} -> E! -> o", D=OPEN), go="B")
        case.do("B", go="B")
        assert case.status is CaseStatus.RUNNING and case.offered == []
        given(case, open=True)
        assert "D" in getattr(case, started)


def test_a_task_that_waits_for_data_holds_no_mutex(play: Play) -> None:
    held = {"mutex": "m"}
    case = play(guarded("i -> A -> and(B*, C*) -> D! -> o", B=OPEN | held, C=held))
    assert case.called == ["C"]
    given(case, open=True)
    assert case.called == ["C"]
    case.answer("C")
    assert case.called == ["B"]


def test_instances_begin_when_the_precondition_holds(play: Play) -> None:
    case = play(guarded("i -> B! -> C! -> o", B=OPEN | {"instances": {"count": "n", "min": 1}}))
    given(case, n=3)
    assert case.offered == []
    given(case, open=True)
    assert case.offered == ["B", "B", "B"]
    given(case, open=False)
    assert case.offered == [] and case.states("B") == [ItemState.WITHDRAWN] * 3


def test_as_many_items_as_there_are_tokens_are_offered_when_it_holds(play: Play) -> None:
    spec = net("i -> A -> and(X, Y) -> xor:B! -> C!", implicit=True, variables=VARIABLES, B=OPEN)
    case = play(spec)
    given(case, open=True)
    assert case.offered == ["B", "B"]


def test_a_delay_begins_when_the_precondition_holds_and_ends_with_it(play: Play) -> None:
    case = play(guarded("i -> B -> C! -> o", B=OPEN | {"delay": "PT1H"}))
    assert case.case.timers == {}
    given(case, open=True)
    [timer] = case.case.timers
    given(case, open=False)
    assert case.case.timers == {} and case.fired == []
    given(case, open=True)
    [(again, pending)] = case.case.timers.items()
    assert again != timer
    case.happens(TimerFired(again, pending.due))
    assert case.fired == ["B"]


def test_a_loop_looks_at_the_precondition_before_its_first_round_only(play: Play) -> None:
    loop = {"loop": {"until": "n >= 2"}, "output": {"n": "$.n", "open": {"value": False}}}
    case = play(guarded("i -> B! -> o", B=OPEN | loop))
    given(case, open=True)
    case.do("B", n=1)
    assert case.case.data["open"] is False and case.states("B")[-1] is ItemState.OFFERED
    case.do("B", n=2)
    assert case.status is CaseStatus.COMPLETED


def test_a_case_that_waits_for_data_is_not_deadlocked(play: Play) -> None:
    case = play(guarded("i -> B -> o", B=OPEN))
    assert (str(case.status), case.marking) == ("running", {"start": 1})
    case.cancel()
    assert str(case.status) == "cancelled"


def test_with_implicit_termination_a_task_that_waits_for_data_remains_to_be_done(play: Play) -> None:
    case = play(net("i -> A! -> B", implicit=True, variables=VARIABLES, B=OPEN))
    case.do("A")
    assert str(case.status) == "running"
    given(case, open=True)
    assert str(case.status) == "completed"


def test_a_net_that_changes_what_it_waits_for_without_end_is_stopped(play: Play) -> None:
    trigger = {"trigger": {"name": "mail", "kind": "persistent"}, "output": {"open": {"value": True}}}
    case = play(guarded("i -> A -> X -> xor(Y, o); Y -> X", A=trigger, X=OPEN), go="Y")
    case.trigger("mail")
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert case.case.failure.kind == "constraint_violation"


# -- postconditions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["i -> B -> o", "i -> A -> and(B, C!) -> D -> o"])
def test_a_routing_task_ensures_too(play: Play, text: str) -> None:
    case = play(guarded(text, B={"ensures": "open"}))
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert case.case.failure.message == "task B is to ensure 'open', and it does not hold"
    assert case.case.marking == {"start" if text == "i -> B -> o" else "A>B": 1} | (
        {} if text == "i -> B -> o" else {"A>C": 1}
    )


def test_a_composite_task_ensures_what_its_child_gave(play: Play) -> None:
    variables = {"n": {"schema": {"type": "integer"}, "output": True, "default": 0}}
    task = {"kind": "composite", "net": "below", "output": {"n": "$.n"}, "ensures": "n > 1"}
    spec = net("i -> B -> o", nets={"below": "i -> X! -> o"}, variables=variables, B=task, X={"output": {"n": "$.n"}})
    for n, status in ((1, CaseStatus.FAILED), (2, CaseStatus.COMPLETED)):
        case = play(spec)
        [child] = case.children()
        child.do("X", n=n)
        case.drain()
        assert case.status is status


def test_a_loop_ensures_after_each_round(play: Play) -> None:
    loop = {"loop": {"until": "n >= 2"}, "output": {"n": "$.n"}, "ensures": "n > 0"}
    case = play(guarded("i -> B* -> o", B=loop))
    case.answer("B", n=1)
    assert case.called == ["B"]
    case.answer("B", n=0)
    assert case.status is CaseStatus.FAILED


def test_several_instances_ensure_together(play: Play) -> None:
    several = {"instances": {"count": 2, "gather": {"variable": "n", "from": "$.n", "with": "sum"}}, "ensures": "n > 2"}
    for second, status in ((1, CaseStatus.FAILED), (2, CaseStatus.COMPLETED)):
        case = play(guarded("i -> B! -> o", B=several))
        case.do("B", n=1)
        case.do("B", n=second)
        assert case.status is status


def test_what_held_when_the_item_was_completed_may_no_longer_hold_when_its_turn_comes(play: Play) -> None:
    case = play(guarded("i -> B! -> o", B={"ensures": "open"}))
    given(case, open=True)
    item = case.start("B")
    case.happen_together(DataGiven({"open": False}, "ann"), item)
    assert case.items("B")[0].state is ItemState.COMPLETED and case.items("B")[0].applied is False
    assert case.status is CaseStatus.FAILED


def test_a_postcondition_that_cannot_be_evaluated_refuses_the_output(play: Play) -> None:
    case = play(guarded("i -> B! -> o", B={"output": {"n": "$.n"}, "ensures": "10 / n > 1"}))
    item = case.start("B")
    with pytest.raises(InvalidInput) as refused:
        case.complete(item, n=0)
    assert refused.value.code == "invalid_output" and "division by zero" in refused.value.problems[0].message.lower()
    case.complete(item, n=2)
    assert case.status is CaseStatus.COMPLETED


def test_an_item_whose_task_does_not_ensure_it_is_not_skipped(play: Play) -> None:
    case = play(guarded("i -> B! -> o", B={"ensures": "open"}))
    with pytest.raises(Conflict, match="task B is to ensure 'open'"):
        case.skip("B")
    assert case.offered == ["B"]
