"""Who handles an exception, and what becomes of a case in which nobody does."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.events import CallFailed, CaseCancelled, DataGiven, Distributed, ExceptionRaised
from engine.items.work_item import ItemState
from engine.journal import Note
from tests.exceptions.bench import HOUR, Bench, call_customer, specification
from tests.patterns.played import Played

CLERKS = {"offer": {"roles": ["clerk"]}}


def asks(**more: Any) -> dict[str, Any]:
    return {"kind": "automated", "connector": "echo", **more}


def person(**more: Any) -> dict[str, Any]:
    return {"kind": "human", **CLERKS, **more}


def net(start: str, variables: dict[str, Any] | None = None, **tasks: Any) -> dict[str, Any]:
    return {"variables": variables or {}, "start": start, "tasks": tasks}


def notes(case: Played, *what: str) -> list[Note]:
    return [note for entry in case.journal for note in entry.notes if note.what in what]


def fails(case: Played, task: str, kind: str = "refused") -> None:
    case.happens(CallFailed(case.call(task), 1, kind, "no", False))


# -- who handles it --------------------------------------------------------------------------------------------------


def test_the_nearest_handler_is_taken(bench: Bench) -> None:
    main = net("ask", ask=asks(next="rest", on={"connector_failed": ["complete"]}), rest=asks(next="end"))
    case = bench.start(specification("near", {**main, "on": {"connector_failed": ["fail"]}}))
    fails(case, "ask")
    assert case.called == ["rest"]
    fails(case, "rest")
    assert case.status is CaseStatus.DEADLOCKED and case.case.failure is None


def test_what_no_task_handles_the_specification_does(bench: Bench) -> None:
    case = bench.start(specification("top", net("ask", ask=asks(next="end")), on={"connector_failed": ["complete"]}))
    fails(case, "ask")
    assert case.status is CaseStatus.COMPLETED


def test_what_nobody_handles_fails_the_item_and_then_the_case(bench: Bench) -> None:
    timer = {"after": "PT1H", "then": {"exception": "timeout"}}
    case = bench.start(specification("late", net("do", do=person(timer=timer, next="end"))))
    bench.passes(2 * HOUR)
    failure = case.case.failure
    assert case.status is CaseStatus.FAILED and case.states("do") == [ItemState.FAILED]
    assert failure is not None and (failure.kind, failure.task, failure.item) == (
        "timeout",
        "do",
        case.items("do")[0].id,
    )
    assert "not done in the time" in failure.message


def test_a_child_that_fails_is_handled_by_its_parent(bench: Bench) -> None:
    below = net("ask", ask=asks(next="end"))
    run = {"kind": "composite", "net": "below", "next": "end", "on": {"child_failed": ["restart"]}}
    case = bench.start(specification("tree", net("run", run=run), nets={"below": below}))
    [first] = case.children()
    fails(first, "ask")
    case.drain()
    first, second = case.children()
    assert first.status is CaseStatus.FAILED and second.status is CaseStatus.RUNNING
    second.answer("ask")
    case.drain()
    assert case.status is CaseStatus.COMPLETED


def test_an_external_trigger_that_nobody_foresaw_is_only_noted(bench: Bench) -> None:
    case = bench.start(specification("calm", net("do", do=person(next="end"))))
    case.happens(ExceptionRaised("fire", "ann"))
    assert case.status is CaseStatus.RUNNING and len(notes(case, "unhandled")) == 1


def test_whoever_is_missing_is_replaced_by_the_boss(bench: Bench) -> None:
    do = person(next="end", on={"resource_unavailable": [{"escalate": {"participants": ["boss"]}}]})
    case = bench.start(specification("missing", net("do", do=do)))
    case.happens(Distributed(case.waiting("do")))
    [item] = case.items("do")
    assert (item.state, item.offered_to) == (ItemState.OFFERED, ("boss",))


def test_a_cancelled_item_ends_its_path_unless_that_is_handled(bench: Bench) -> None:
    case = bench.start(specification("abort", net("do", do=person(next="end", on={"item_aborted": ["restart"]}))))
    case.cancel_item(case.start("do"))
    assert case.states("do") == [ItemState.CANCELLED, ItemState.OFFERED]
    case.do("do")
    assert case.status is CaseStatus.COMPLETED


# -- a task that cannot begin ----------------------------------------------------------------------------------------


def divides(*exlet: Any) -> dict[str, Any]:
    """A task whose input cannot be made while `n` is 0."""
    do = asks(input={"part": {"expr": "12 / n"}}, next="end", on={"constraint_violation": list(exlet)})
    return net("do", {"n": {"default": 0}}, do=do)


def test_a_task_begins_when_what_kept_it_is_mended(bench: Bench) -> None:
    mends = net("ask", {"n": {"input": True, "output": True}}, ask=person(output={"n": "$.n"}, next="end"))
    written = specification("part", divides({"compensate": "mend"}, "restart"))
    case = bench.start(written, specification("mend", mends))
    assert case.called == []
    [worklet] = case.children()
    worklet.do("ask", n=4)
    case.drain()
    assert case.called == ["do"] and case.case.data == {"n": 4}


@pytest.mark.parametrize("word", ["complete", "skip"])
def test_a_task_that_cannot_begin_is_passed_by(bench: Bench, word: str) -> None:
    assert bench.start(specification("part", divides(word))).status is CaseStatus.COMPLETED


@pytest.mark.parametrize("word", ["fail", "remove"])
def test_a_task_that_cannot_begin_ends_its_path(bench: Bench, word: str) -> None:
    case = bench.start(specification("part", divides(word)))
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {}


def test_a_task_about_which_nothing_was_decided_ends_its_path(bench: Bench) -> None:
    case = bench.start(specification("part", divides({"suspend": "case"}, {"continue": "case"})))
    assert case.status is CaseStatus.DEADLOCKED


# -- while it is handled ---------------------------------------------------------------------------------------------


def suspending(*more: Any) -> dict[str, Any]:
    exlet = [{"suspend": "case"}, {"compensate": "call-customer"}, {"continue": "case"}, *more]
    variables = {"amount": {"default": 3}, "answer": {}}
    return net("ask", variables, ask=asks(next="rest", on={"connector_failed": exlet}), rest=asks(next="end"))


def test_a_worklet_runs_while_its_case_stands_still(bench: Bench) -> None:
    case = bench.start(specification("still", suspending("restart")), call_customer())
    fails(case, "ask")
    [worklet] = case.children()
    assert case.case.status.value == CaseStatus.SUSPENDED.value and worklet.status is CaseStatus.RUNNING
    assert worklet.case.data["amount"] == 3
    worklet.do("call", answer="yes")
    case.drain()
    assert case.status is CaseStatus.RUNNING and case.called == ["ask"]
    assert case.case.data["answer"] == "yes"


def test_a_restarted_call_has_a_key_of_its_own(bench: Bench) -> None:
    case = bench.start(specification("again", net("ask", ask=asks(next="end", on={"connector_failed": ["restart"]}))))
    first = case.call("ask")
    fails(case, "ask")
    assert case.call("ask") != first
    case.happens(CallFailed(first, 2, "refused", "late", False))
    assert len(case.called) == 1


def test_a_worklet_that_fails_fails_the_case_with_both_reasons(bench: Bench) -> None:
    case = bench.start(specification("still", suspending("restart")), call_customer())
    fails(case, "ask")
    [worklet] = case.children()
    worklet.cancel()
    case.drain()
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert "refused at attempt 1" in case.case.failure.message and "worklet c.3 cancelled" in case.case.failure.message


def test_a_worklet_that_is_not_deployed_fails_the_case(bench: Bench) -> None:
    case = bench.start(specification("still", suspending("restart")))
    fails(case, "ask")
    assert case.case.failure is not None and "no specification call-customer" in case.case.failure.message


def test_a_case_that_ends_takes_its_worklets_with_it(bench: Bench) -> None:
    case = bench.start(specification("still", suspending("restart")), call_customer())
    fails(case, "ask")
    case.cancel()
    [worklet] = case.children()
    assert worklet.status is CaseStatus.CANCELLED and case.case.handling == {}


def test_a_worklet_is_given_and_gives_what_is_written(bench: Bench) -> None:
    step = {"compensate": {"worklet": "call-customer", "input": {"amount": 99}, "output": {"said": "$.answer"}}}
    main = net("ask", {"said": {}}, ask=asks(next="end", on={"connector_failed": [step, "complete"]}))
    case = bench.start(specification("mapped", main), call_customer())
    fails(case, "ask")
    [worklet] = case.children()
    assert worklet.case.data["amount"] == 99
    worklet.do("call", answer="no")
    case.drain()
    assert case.case.data["said"] == "no" and case.status is CaseStatus.COMPLETED


def test_a_net_of_the_same_specification_compensates(bench: Bench) -> None:
    undo = net("tell", {"amount": {"input": True}}, tell=person(next="end"))
    on = {"connector_failed": [{"compensate": [{"net": "undo"}, {"net": "undo"}]}, {"fail": "case"}]}
    main = net("ask", {"amount": {"default": 5}}, ask=asks(next="end", on=on))
    case = bench.start(specification("own", main, nets={"undo": undo}))
    fails(case, "ask")
    first, second = case.children()
    first.do("tell")
    case.drain()
    assert case.case.status.value == CaseStatus.RUNNING.value
    second.do("tell")
    case.drain()
    assert case.status is CaseStatus.FAILED


def test_the_same_exception_is_handled_once_at_a_time(bench: Bench) -> None:
    on = {"external_trigger": [{"compensate": "call-customer"}]}
    case = bench.start(
        specification("once", net("do", {"amount": {"default": 1}}, do=person(next="end")), on=on), call_customer()
    )
    case.happens(ExceptionRaised("fire", "ann"))
    case.happens(ExceptionRaised("fire", "ann"))
    assert len(case.children()) == 1
    case.children()[0].do("call", answer="x")
    case.drain()
    case.happens(ExceptionRaised("fire", "ann"))
    assert len(case.children()) == 2


def stuck() -> dict[str, Any]:
    """One of two branches is chosen, and both are waited for."""
    routing = {"kind": "routing"}
    return net(
        "choose",
        {"n": {"default": 1}, "amount": {"default": 1}, "answer": {}},
        choose={**routing, "split": "xor", "next": [{"to": "left", "when": "n > 0"}, {"to": "right"}]},
        left={**routing, "next": "both"},
        right={**routing, "next": "both"},
        both={**routing, "join": "and", "next": "end"},
    )


def test_a_deadlock_is_handled_and_stays_one_if_nothing_came_of_it(bench: Bench) -> None:
    written = specification("stuck", stuck(), on={"deadlock": [{"compensate": "call-customer"}]})
    case = bench.start(written, call_customer())
    assert case.case.status.value == CaseStatus.RUNNING.value
    case.children()[0].do("call", answer="x")
    case.drain()
    assert case.status is CaseStatus.DEADLOCKED and case.marking == {"left>both": 1}


def test_a_deadlock_may_fail_the_case(bench: Bench) -> None:
    case = bench.start(specification("stuck", stuck(), on={"deadlock": [{"fail": "case"}]}))
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert case.case.failure.message == "nothing can move, and there are tokens in left>both: 1"


# -- timers --------------------------------------------------------------------------------------------------------


def test_a_chain_of_reminders_escalates_and_ends_in_an_exception(bench: Bench) -> None:
    chain = [
        {"after": "PT4H", "then": "remind"},
        {"after": "PT8H", "then": {"escalate": {"participants": ["boss"]}}},
        {"after": "P2D", "then": {"exception": "timeout"}},
    ]
    do = person(timer=chain, next="end", on={"timeout": [{"compensate": "call-customer"}, "complete"]})
    case = bench.start(specification("slow", net("do", {"amount": {"default": 1}}, do=do)), call_customer())
    bench.passes(4 * HOUR)
    assert [note.detail for note in notes(case, "timer")] == ["remind"]
    case.claim(case.waiting("do"))
    bench.passes(4 * HOUR)
    [item] = case.items("do")
    assert (item.state, item.offered_to, item.owner) == (ItemState.OFFERED, ("boss",), None)
    bench.passes(41 * HOUR)
    case.children()[0].do("call", answer="x")
    case.drain()
    assert case.status is CaseStatus.COMPLETED and case.states("do") == [ItemState.SKIPPED]


def test_the_deadline_of_a_case_is_handled_by_its_specification(bench: Bench) -> None:
    main = net("do", {"amount": {"default": 1}}, do=person(next="end"))
    on = {"timeout": [{"compensate": "call-customer"}]}
    case = bench.start(specification("due", main, deadline="PT1H", on=on), call_customer())
    bench.passes(2 * HOUR)
    assert len(case.children()) == 1 and case.status is CaseStatus.RUNNING


# -- going back ------------------------------------------------------------------------------------------------------


def trip(*exlet: Any) -> dict[str, Any]:
    """A flight and a hotel are booked beside each other, then paid; each can be undone."""
    variables = {"flight": {}, "hotel": {}, "card": {"default": "blue"}}
    tasks = {
        "both": {"kind": "routing", "split": "and", "next": ["fly", "sleep"]},
        "fly": asks(output={"flight": "$.n"}, compensation="unfly", next="pay"),
        "sleep": asks(output={"hotel": "$.n"}, compensation="unsleep", next="pay"),
        "pay": asks(join="and", next="end", **({"on": {"connector_failed": list(exlet)}} if exlet else {})),
        "unfly": asks(input={"n": "$.flight"}),
        "unsleep": asks(input={"n": "$.hotel"}),
    }
    return {"variables": variables, "start": "both", "tasks": tasks}


def booked(bench: Bench, *exlet: Any) -> Played:
    case = bench.start(specification("trip", trip(*exlet)))
    case.answer("fly", n=1)
    case.answer("sleep", n=2)
    return case


def test_a_case_goes_back_to_where_a_task_began(bench: Bench) -> None:
    case = booked(bench, {"rollback": "sleep"})
    fails(case, "pay")
    # Both had begun then; both are done again, the last one undone first.
    assert case.called == ["unsleep"]
    case.answer("unsleep")
    assert case.called == ["unfly"]
    case.answer("unfly")
    assert sorted(case.called) == ["fly", "sleep"]
    assert {"flight", "hotel"}.isdisjoint(case.case.data) and case.case.done == ()


def test_a_case_goes_back_to_its_start(bench: Bench) -> None:
    case = booked(bench, {"rollback": "start"})
    case.give(card="red")
    fails(case, "pay")
    case.answer("unsleep")
    case.answer("unfly")
    assert sorted(case.called) == ["fly", "sleep"] and case.case.data == {"card": "blue"}


def test_what_was_never_begun_cannot_be_gone_back_to(bench: Bench) -> None:
    main = trip({"rollback": "never"})
    main["tasks"]["both"]["next"] = ["fly", "sleep"]
    main["tasks"]["never"] = asks(next="end")
    main["tasks"]["pay"] |= {"split": "xor", "next": [{"to": "never", "when": "false"}, "end"]}
    case = bench.start(specification("trip", main))
    case.answer("fly", n=1)
    case.answer("sleep", n=2)
    fails(case, "pay")
    for undone in ("unsleep", "unfly"):
        case.answer(undone)
    assert case.case.failure is not None and "never at never" in case.case.failure.message


# -- sagas ---------------------------------------------------------------------------------------------------------


def test_a_case_that_fails_undoes_what_it_has_done_the_last_first(bench: Bench) -> None:
    case = booked(bench)
    fails(case, "pay")
    assert case.case.status.value == CaseStatus.RUNNING.value and case.case.ending is not None
    [unsleep] = bench.store.calls_of(case.id)
    assert (unsleep.task, unsleep.input) == ("unsleep", {"n": 2})
    case.answer("unsleep")
    case.answer("unfly")
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert case.case.failure.kind == "connector_failed"
    assert [note.task for note in notes(case, "compensating")] == ["sleep", "fly"]


def test_a_cancelled_case_undoes_what_it_has_done(bench: Bench) -> None:
    case = booked(bench)
    case.cancel()
    case.cancel()
    case.answer("unsleep")
    case.answer("unfly")
    assert case.status is CaseStatus.CANCELLED


def test_a_case_that_is_complete_undoes_nothing(bench: Bench) -> None:
    case = booked(bench)
    case.answer("pay")
    assert case.status is CaseStatus.COMPLETED and notes(case, "compensating") == []


def test_what_cannot_be_undone_does_not_keep_the_rest_from_it(bench: Bench) -> None:
    case = booked(bench)
    fails(case, "pay")
    fails(case, "unsleep")
    case.answer("unfly")
    assert case.status is CaseStatus.FAILED
    [left] = notes(case, "uncompensated")
    assert left.task == "unsleep" and "refused" in left.detail


def test_a_suspended_case_that_is_cancelled_undoes_what_it_has_done(bench: Bench) -> None:
    case = booked(bench)
    case.suspend()
    case.cancel()
    case.answer("unsleep")
    case.answer("unfly")
    assert case.status is CaseStatus.CANCELLED


def test_a_parent_hears_of_the_end_when_all_is_undone(bench: Bench) -> None:
    run = {"kind": "composite", "net": "trip", "next": "end"}
    case = bench.start(specification("whole", net("run", run=run), nets={"trip": trip()}))
    [child] = case.children()
    child.answer("fly", n=1)
    child.answer("sleep", n=2)
    fails(child, "pay")
    case.drain()
    assert case.status is CaseStatus.RUNNING
    child.answer("unsleep")
    child.answer("unfly")
    case.drain()
    assert (child.status, case.status) == (CaseStatus.FAILED, CaseStatus.FAILED)


# -- several, above, all ---------------------------------------------------------------------------------------------


def test_a_failed_instance_that_fails_its_task_is_handled_as_the_task(bench: Bench) -> None:
    do = asks(instances={"count": 3}, next="end", on={"connector_failed": ["restart"]})
    case = bench.start(specification("several", net("do", do=do)))
    first = case.calls("do")
    case.happens(CallFailed(first[1], 1, "refused", "no", False))
    again = case.calls("do")
    assert len(again) == 3 and not set(first) & set(again)
    for call in again:
        case.answer_call(call)
    assert case.status is CaseStatus.COMPLETED


def test_all_above_a_case_stand_still_and_go_on(bench: Bench) -> None:
    exlet = [{"suspend": "ancestors"}, {"compensate": "call-customer"}, {"continue": "ancestors"}, "complete"]
    below = net("ask", {"amount": {"default": 1}}, ask=asks(next="end", on={"connector_failed": exlet}))
    run = {"kind": "composite", "net": "below", "next": "end"}
    case = bench.start(specification("tree", net("run", run=run), nets={"below": below}), call_customer())
    [child] = case.children()
    fails(child, "ask")
    case.drain()
    assert (case.status, child.status) == (CaseStatus.SUSPENDED, CaseStatus.SUSPENDED)
    [worklet] = child.children()
    worklet.do("call", answer="x")
    case.drain()
    assert case.status is CaseStatus.COMPLETED


def test_a_step_on_all_cases_waits_until_they_are_told(bench: Bench) -> None:
    on = {"external_trigger": [{"suspend": "all"}, {"continue": "all"}]}
    case = bench.start(specification("all", net("do", do=person(next="end")), on=on))
    case.happens(ExceptionRaised("recall", "ann"))
    [call] = bench.store.calls_of(case.id)
    assert call.input == {"specification": "all", "wish": "suspend", "root": "c"}
    case.answer_call(call.item, told=7)
    assert case.case.status.value == CaseStatus.SUSPENDED.value
    [call] = bench.store.calls_of(case.id)
    case.answer_call(call.item, told=7)
    assert case.status is CaseStatus.RUNNING and case.case.handling == {}


def test_a_case_that_ends_meanwhile_tells_nobody_any_more(bench: Bench) -> None:
    on = {"external_trigger": [{"remove": "all"}]}
    case = bench.start(specification("all", net("do", do=person(next="end")), on=on))
    case.happens(ExceptionRaised("recall", "ann"))
    case.happens(CaseCancelled("ann"))
    assert bench.store.calls_of(case.id) == []


def test_data_that_comes_with_a_trigger_is_there_for_the_rules(bench: Bench) -> None:
    case = bench.start(specification("told", net("do", {"n": {"default": 0}}, do=person(next="end"))))
    case.happens(ExceptionRaised("fire", "ann", None, {"n": 7}))
    assert case.case.data == {"n": 7}
    case.happens(DataGiven({"n": 8}, "ann"))
