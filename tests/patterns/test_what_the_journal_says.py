"""The journal is read by people and by whoever audits them: what it says of each event, in its words."""

from typing import Any

import msgspec
import pytest

from engine.case import CaseStatus
from engine.events import (
    CallFailed,
    CaseFaulted,
    CaseResumed,
    CaseRetried,
    CaseSuspended,
    DataGiven,
    SharedAnswered,
    SpecificationAnswered,
    TimerFired,
)
from engine.items.work_item import ItemState
from engine.net import sharing
from engine.spec.read import read_specification
from tests.net_notation import net
from tests.patterns.played import Play, Played
from tests.patterns.test_migration import FIRST, HUMAN, refused, version


def told(case: Played, what: str) -> list[tuple[str, Any]]:
    """The task and the detail of each note of a kind."""
    return [(note.task, note.detail) for entry in case.journal for note in entry.notes if note.what == what]


def calling(**retry: Any) -> dict[str, Any]:
    return {"kind": "automated", "connector": "echo", "retry": {"attempts": 3, "backoff_s": 1, **retry}}


# -- items -------------------------------------------------------------------------------------------------------------


def test_an_administrator_offers_an_item_to_others(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    item = case.waiting("A")
    case.reject_offer(item)
    case.offer(item, "dora", "carl", "dora")
    [offered] = case.items("A")
    assert (offered.offered_to, offered.owner, offered.state) == (("carl", "dora"), None, ItemState.OFFERED)
    assert offered.offered_at == case.journal[-1].at


def test_an_administrator_allocates_an_item(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.allocate(case.waiting("A"), "carl")
    [item] = case.items("A")
    assert (item.owner, item.state, item.allocated_at) == ("carl", ItemState.ALLOCATED, case.journal[-1].at)


def test_an_item_is_suspended_and_resumed(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    item = case.start("A")
    case.suspend_item(item)
    assert case.states("A") == [ItemState.SUSPENDED]
    case.resume_item(item)
    assert case.states("A") == [ItemState.STARTED]
    case.complete(item)
    assert case.status is CaseStatus.COMPLETED


def test_who_cancelled_an_item_is_known(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.cancel_item(case.start("A"))
    assert case.states("A") == [ItemState.CANCELLED]
    assert ("cancelled", "A") in case.noted


# -- calls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "kind", "again"),
    [
        (["any"], "bad_response", True),
        (["bad_response"], "bad_response", True),
        (["timeout"], "bad_response", False),
        ([503], "http_503", True),
        (["503"], "http_503", True),
        ([502], "http_503", False),
        (["5xx"], "http_503", True),
        (["4xx"], "http_503", False),
        (["503", "4xx"], "http_404", True),
        (["timeout"], "http_503", False),
    ],
)
def test_what_is_tried_again_is_what_on_names(play: Play, on: list[Any], kind: str, again: bool) -> None:
    case = play(net("i -> A* -> o", A=calling(on=on)))
    call = case.call("A")
    case.happens(CallFailed(call, 1, kind, "no", retryable=True))
    assert case.called == (["A"] if again else [])
    assert [detail["kind"] for _, detail in told(case, "retry")] == ([kind] if again else [])


def test_a_failure_that_comes_again_says_that_it_was_superseded(play: Play) -> None:
    case = play(net("i -> A* -> o", A=calling()))
    call = case.call("A")
    for _ in range(2):
        case.happens(CallFailed(call, 1, "timeout", "slow", retryable=True))
    assert told(case, "ignored") == [("A", "attempt 1 was superseded: timeout")]


def test_a_repetition_says_why_and_when(play: Play) -> None:
    case = play(net("i -> A* -> o", A=calling()))
    case.happens(CallFailed(case.call("A"), 1, "timeout", "slow", True, 7.0))
    [(task, detail)] = told(case, "retry")
    assert (task, detail) == ("A", {"kind": "timeout", "not_before": case.journal[-1].at + 7000})


# -- the case ----------------------------------------------------------------------------------------------------------


def test_events_of_a_case_that_has_ended_are_ignored_and_say_so(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.cancel()
    case.happens(CaseSuspended("ann"))
    case.happens(CaseResumed("ann"))
    case.happens(DataGiven({"go": "x"}, "ann"))
    case.happens(SharedAnswered({"go": "x"}))
    assert told(case, "ignored") == [("", "the case is cancelled")] * 4


def test_only_what_is_suspended_is_resumed(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.resume()
    assert told(case, "ignored") == [("", "the case is running")]
    assert told(case, "resumed") == []


def test_given_data_that_do_not_fit_are_refused_with_every_reason(play: Play) -> None:
    variables = {
        "n": {"default": 1, "schema": {"type": "integer"}},
        "s": {"default": "", "schema": {"type": "string"}},
    }
    case = play(version("1", FIRST, variables=variables))
    case.happens(DataGiven({"n": "one", "s": 2}, "ann"))
    [(_, detail)] = told(case, "refused")
    first, second = detail.split("; ")
    assert first.startswith("$.n: ") and second.startswith("$.s: ")
    assert case.case.data == {"n": 1, "s": ""}


def test_an_answer_for_a_child_that_nobody_waits_for_is_ignored(play: Play) -> None:
    case = play(net("i -> A! -> o"))
    case.happens(SpecificationAnswered(77, "other", "1", "main", {}))
    [note] = [note for entry in case.journal for note in entry.notes if note.what == "ignored"]
    assert (note.number, note.detail) == (77, "nobody waits for this child any more")


def test_a_trigger_says_what_it_set_off(play: Play) -> None:
    case = play(net("i -> A! -> o", A={"trigger": {"name": "rings", "kind": "persistent"}}))
    case.trigger("rings")
    assert told(case, "triggered") == [("A", "rings")]


# -- timers ------------------------------------------------------------------------------------------------------------


def timed(**timer: Any) -> dict[str, Any]:
    return {**HUMAN, "timer": {"then": {"exception": "timeout"}, **timer}, "next": "end"}


def test_a_moment_that_is_none_is_told_with_what_it_was(play: Play) -> None:
    case = play(version("1", {"a": timed(at="$.due")}, variables={"due": {"default": "tomorrow"}}))
    [(task, detail)] = told(case, "raised")
    assert task == "a" and "tomorrow" in detail["message"]


def test_a_duration_that_is_not_there_is_told(play: Play) -> None:
    case = play(version("1", {"a": timed(after="$.due")}, variables={"due": {}}))
    [(task, detail)] = told(case, "raised")
    assert task == "a" and "nothing" in detail["message"]


def test_the_deadline_of_a_case_says_that_it_has_passed(play: Play) -> None:
    document = {**version("1", FIRST).document, "deadline": "PT1H"}
    case = play(read_specification(msgspec.json.encode(document).decode()))
    [(number, timer)] = case.case.timers.items()
    case.happens(TimerFired(number, timer.due))
    assert case.status is CaseStatus.FAILED
    [(_, detail)] = told(case, "raised")
    assert detail == {"kind": "timeout", "message": "the case is not complete by its deadline"}


# -- migration ---------------------------------------------------------------------------------------------------------


def test_a_trigger_that_waits_for_nobody_of_the_other_version_is_named(play: Play) -> None:
    waiting = {**HUMAN, "trigger": {"name": "rings", "kind": "persistent"}, "next": "end"}
    case = play(version("1", {"a": {**HUMAN, "next": "b"}, "b": waiting}), version("2", FIRST))
    case.trigger("rings")
    assert refused(case, "2") == {"triggers.rings": "was posted and waits, and no task waits for it"}


def test_a_timer_that_the_other_version_lacks_is_named(play: Play) -> None:
    case = play(version("1", {"a": timed(after="PT1H")}), version("2", {"a": {**HUMAN, "next": "end"}}))
    assert refused(case, "2") == {"tasks.a.timer": "runs, and there is no such timer"}


def test_a_mutex_that_the_other_version_lacks_is_named(play: Play) -> None:
    held = {**HUMAN, "mutex": "desk", "next": "end"}
    case = play(version("1", {"a": held}), version("2", {"a": {**HUMAN, "next": "end"}}))
    case.start("a")
    assert refused(case, "2") == {"mutexes.desk": "is held, and no task names it"}


def test_data_that_fit_go_to_the_other_version_as_they_are(play: Play) -> None:
    variables = {"n": {"default": 1, "schema": {"type": "integer"}}}
    case = play(version("1", FIRST, variables=variables), version("2", FIRST, variables=variables))
    case.migrate("2")
    assert case.case.data == {"n": 1}
    assert case.case.specification_version == "2"


def test_a_timer_that_both_versions_have_goes_on(play: Play) -> None:
    tasks = {"a": timed(after="PT1H")}
    case = play(version("1", tasks), version("2", tasks))
    case.migrate("2")
    assert case.case.specification_version == "2"
    assert len(case.case.timers) == 1


def test_a_partial_join_in_the_middle_of_a_round_stays_one(play: Play) -> None:
    def with_join(number: str, **join: Any) -> Any:
        tasks = {
            "a": {"kind": "routing", "split": "and", "next": ["b", "c", "d"]},
            **{name: {**HUMAN, "next": "e"} for name in "bcd"},
            "e": {**HUMAN, **join, "next": "f"},
            "f": {**HUMAN, "next": "end"},
        }
        return version(number, tasks)

    case = play(with_join("1", join={"partial": 2}), with_join("2", join="xor"))
    case.do("b")
    case.do("c")
    case.do("e")
    reason = "is a partial join in the middle of a round, and there is none"
    assert refused(case, "2")["tasks.e"] == reason


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("drop", "detail"), [(False, None), (True, "without the event that raised")])
def test_who_goes_on_after_a_fault_says_how(play: Play, drop: bool, detail: str | None) -> None:
    case = play(net("i -> A! -> o"))
    case.happens(CaseRetried("ann"))
    assert told(case, "ignored") == [("", "the case is running")]
    case.happens(CaseFaulted("CallAnswered", "ValueError: no"))
    assert case.case.before_fault is CaseStatus.RUNNING
    case.happens(CaseRetried("ann", drop=drop))
    assert told(case, "retried") == [("", detail)]
    case.do("A")
    assert case.status is CaseStatus.COMPLETED


# -- what cases share --------------------------------------------------------------------------------------------------


def test_only_what_differs_is_read() -> None:
    shared = {"rate": {"shared": "specification"}, "limit": {"shared": "specification"}}
    main = version("1", FIRST, variables=shared).nets["main"]
    assert sharing.news(main, {"rate": 7, "limit": {"a": [1]}}, {"rate": 7, "limit": {"a": [1]}}) == ({}, [])
    assert sharing.news(main, {"rate": 7, "limit": 1}, {"rate": 8, "limit": 1}) == ({"rate": 8}, [])


# -- delays and instances ----------------------------------------------------------------------------------------------


def test_a_task_with_a_delay_is_enabled_before_it_starts(play: Play) -> None:
    case = play(version("1", {"a": {"kind": "routing", "delay": "PT1H", "next": "end"}}))
    assert [task for task, _ in told(case, "enabled")] == ["a"]
    assert case.fired == []


def test_a_delay_that_is_none_is_told_at_its_task(play: Play) -> None:
    tasks = {"a": {"kind": "routing", "delay": "$.pause", "next": "end"}}
    case = play(version("1", tasks, variables={"pause": {"default": "a while"}}))
    [(task, detail)] = told(case, "raised")
    assert task == "a" and "a while" in detail["message"]


def test_more_instances_are_added_than_numbers_were_set_apart(play: Play) -> None:
    case = play(net("i -> A! -> o", A={"instances": {"count": 2, "max": 100, "creation": "dynamic"}}))
    first = case.start("A")
    for element in range(40):
        case.add_instance(first, element)
    items = case.items("A")
    assert len({item.id for item in items}) == len(items) == 42
    assert [item.input for item in items[2:]] == [items[0].input] * 40
    case.complete(first)
    for item in items[1:]:
        case.start_item(item.id)
        case.complete(item.id)
    assert case.status is CaseStatus.COMPLETED
