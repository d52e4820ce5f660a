"""Timers: of tasks, delays, deadlines, delayed starts; each fires once, in order, and never for what has gone on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.case import Case, CaseStatus
from engine.data.moments import milliseconds
from engine.events import CaseCancelled, TimerFired
from engine.items.work_item import ItemState
from engine.spec.read import read_specification
from engine.store.memory import MemoryStore
from engine.store.port import TIMERS_PER_DRAIN
from engine.submission import submission
from tests.patterns.played import CASE, Played

HOUR = 3_600_000
MONDAY = milliseconds(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


class Bench:
    """A case of a net whose only task `a` is human, unless its keys say otherwise; then `b` follows."""

    def __init__(self) -> None:
        self.now = MONDAY
        self.store = MemoryStore(2, self.clock)
        self.played: Played | None = None

    def clock(self) -> int:
        return self.now

    def start(self, a: dict[str, Any], *, not_before: int = 0, net: dict[str, Any] | None = None, **top: Any) -> Played:
        task = {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "b", **a}
        if task["kind"] != "human":
            del task["offer"]
        if task["kind"] == "automated":
            task["connector"] = "echo"
        main = {
            "variables": {"sla": {"default": "PT2H"}, "when": {"default": "2026-11-23T12:00:00+01:00"}},
            "start": "a",
            "tasks": {"a": task, "b": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}},
            **(net or {}),
        }
        document = {"specification": "timed", "version": "1", "nets": {"main": main}, **top}
        specification = read_specification(msgspec.json.encode(document).decode())
        begun = submission(specification, CASE, {}, by="ann", correlation_id="", at=self.now, not_before=not_before)
        self.played = Played(self.store, self.tick, CASE, (specification,))
        self.store.submit([begun])
        self.played.drain()
        return self.played

    def tick(self) -> None:
        """Played lets a millisecond pass with every drain; here the time is the test's."""

    def passes(self, milliseconds: int) -> None:
        """Time passes; what is due then is handled."""
        assert self.played is not None
        self.now += milliseconds
        self.store.fire_timers([0, 1], 1_000)
        self.played.drain()

    @property
    def case(self) -> Case:
        case = self.store.case(CASE)
        assert case is not None
        return case


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    if bench.played is not None:
        bench.played.check_replay()


def test_a_timer_that_skips_lets_a_waiting_task_count_as_done(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "skip"}})
    bench.passes(HOUR - 1)
    assert case.offered == ["a"]
    bench.passes(1)
    assert case.offered == ["b"] and case.states("a") == [ItemState.SKIPPED]


def test_a_timer_that_skips_leaves_a_started_task_alone(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "skip"}})
    case.start("a")
    bench.passes(HOUR)
    assert case.states("a") == [ItemState.STARTED]


def test_a_timer_that_completes_completes_a_started_task_by_force(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "complete"}})
    case.start("a")
    bench.passes(HOUR)
    assert case.states("a") == [ItemState.FORCE_COMPLETED] and case.offered == ["b"]


def test_what_a_timer_completes_gives_nothing_to_the_case(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "complete"}, "output": {"sla": "$.promised"}})
    case.start("a")
    bench.passes(HOUR)
    assert bench.case.data["sla"] == "PT2H" and case.offered == ["b"]


def test_a_timer_of_a_started_task_runs_from_its_start(bench: Bench) -> None:
    case = bench.start({"timer": {"trigger": "started", "after": "PT1H", "then": "complete"}})
    bench.passes(10 * HOUR)
    case.start("a")
    bench.passes(HOUR - 1)
    assert case.states("a") == [ItemState.STARTED]
    bench.passes(1)
    assert case.states("a") == [ItemState.FORCE_COMPLETED]


def test_a_timer_that_cancels_ends_the_path_of_its_task(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "cancel"}})
    bench.passes(HOUR)
    assert case.status is CaseStatus.DEADLOCKED and case.states("a") == [ItemState.CANCELLED]


def test_a_timer_that_reminds_stands_in_the_journal_and_the_task_goes_on_waiting(bench: Bench) -> None:
    timers = [{"after": "PT1H", "then": "remind"}, {"after": "PT3H", "then": {"exception": "timeout"}}]
    case = bench.start({"timer": timers})
    bench.passes(HOUR)
    assert case.offered == ["a"] and case.noted[-1] == ("timer", "a")
    bench.passes(2 * HOUR)
    assert case.status is CaseStatus.FAILED
    assert case.case.failure is not None and case.case.failure.kind == "timeout"


def test_the_timers_of_a_task_that_is_done_do_nothing(bench: Bench) -> None:
    case = bench.start({"timer": [{"after": "PT1H", "then": "cancel"}]})
    case.do("a")
    bench.passes(HOUR)
    assert case.offered == ["b"] and bench.case.timers == {}
    assert not any(isinstance(entry.event, TimerFired) for entry in case.journal)


def test_a_duration_and_a_moment_may_come_from_variables(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "$.sla", "then": "remind"}})
    assert [timer.due for timer in bench.case.timers.values()] == [MONDAY + 2 * HOUR]
    case.cancel()
    bench = Bench()
    bench.start({"timer": {"at": "$.when", "then": "remind"}})
    assert [timer.due for timer in bench.case.timers.values()] == [MONDAY + 2 * HOUR]


def test_a_moment_that_has_passed_is_due_at_once(bench: Bench) -> None:
    case = bench.start({"timer": {"at": "2020-01-01T00:00:00Z", "then": "skip"}})
    bench.passes(0)
    assert case.offered == ["b"]


def test_what_is_no_duration_is_an_error_at_the_task(bench: Bench) -> None:
    bench.start({"timer": {"after": "$.when", "then": "skip"}})
    assert bench.case.status is CaseStatus.FAILED
    assert bench.case.failure is not None and bench.case.failure.kind == "validation_error"


def test_working_days_leave_out_the_week_end_and_the_holidays_of_a_country(bench: Bench) -> None:
    bench.now = milliseconds(datetime(2026, 12, 23, 10, 0, tzinfo=UTC))
    workdays = {"country": "DE", "subdivision": "BY"}
    bench.start({"timer": {"after": "P2D", "workdays": workdays, "then": "skip"}})
    # Thursday is the first day; Christmas and the week end are none.
    [timer] = bench.case.timers.values()
    assert timer.due == milliseconds(datetime(2026, 12, 28, 10, 0, tzinfo=UTC))


def test_working_hours_that_end_on_a_sunday_mean_monday(bench: Bench) -> None:
    bench.now = milliseconds(datetime(2026, 11, 27, 22, 0, tzinfo=UTC))
    bench.start({"timer": {"after": "PT4H", "workdays": True, "then": "skip"}})
    [timer] = bench.case.timers.values()
    assert timer.due == milliseconds(datetime(2026, 11, 30, 2, 0, tzinfo=UTC))


@pytest.mark.parametrize("kind", ["automated", "routing", "composite"])
def test_a_task_with_a_delay_starts_when_it_is_over(bench: Bench, kind: str) -> None:
    keys: dict[str, Any] = {"kind": kind, "delay": "PT1H"}
    nets = {"sub": {"start": "x", "tasks": {"x": {"kind": "routing", "next": "end"}}}}
    if kind == "composite":
        keys["net"] = "sub"
    case = started_with(bench, keys, nets)
    assert case.fired == [] and case.marking == {"start": 1} and case.status is CaseStatus.RUNNING
    bench.passes(HOUR)
    if kind == "automated":
        case.answer("a")
    assert case.offered == ["b"] and case.fired[0] == "a"


def started_with(bench: Bench, a: dict[str, Any], nets: dict[str, Any]) -> Played:
    tasks = {"a": {"next": "b", **a}, "b": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}}
    if a["kind"] == "automated":
        tasks["a"]["connector"] = "echo"
    document = {
        "specification": "timed",
        "version": "1",
        "nets": {"main": {"start": "a", "tasks": tasks}, **nets},
    }
    specification = read_specification(msgspec.json.encode(document).decode())
    bench.played = Played(bench.store, bench.tick, CASE, (specification,))
    bench.store.submit([submission(specification, CASE, {}, by="ann", correlation_id="", at=bench.now)])
    bench.played.drain()
    return bench.played


def test_a_delay_is_one_branch_of_a_deferred_choice(bench: Bench) -> None:
    late = {"kind": "routing", "delay": "PT1H", "next": "b"}
    tasks = {
        "a": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"},
        "late": late,
        "b": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"},
    }
    case = bench.start({}, net={"start": ["a", "late"], "tasks": tasks})
    bench.passes(HOUR)
    assert case.states("a") == [ItemState.WITHDRAWN] and case.offered == ["b"]


def test_a_person_who_is_faster_than_the_delay_stops_it(bench: Bench) -> None:
    tasks = {
        "a": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "b"},
        "late": {"kind": "routing", "delay": "PT1H", "next": "end"},
        "b": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"},
    }
    case = bench.start({}, net={"start": ["a", "late"], "tasks": tasks})
    case.start("a")
    assert bench.case.timers == {}
    bench.passes(HOUR)
    assert case.status is CaseStatus.RUNNING and case.states("a") == [ItemState.STARTED]


def test_a_delay_that_is_over_still_waits_for_its_mutex(bench: Bench) -> None:
    tasks = {
        "split": {"kind": "routing", "next": ["a", "late"]},
        "a": {"kind": "human", "offer": {"roles": ["clerk"]}, "mutex": "m", "next": "b"},
        "late": {"kind": "automated", "connector": "echo", "delay": "PT1H", "mutex": "m", "next": "b"},
        "b": {"kind": "routing", "join": "and", "next": "end"},
    }
    case = bench.start({}, net={"start": "split", "tasks": tasks})
    item = case.start("a")
    bench.passes(HOUR)
    assert case.called == []
    case.complete(item)
    assert case.called == ["late"]


def test_a_case_that_is_not_complete_by_its_deadline_fails(bench: Bench) -> None:
    case = bench.start({}, deadline="P1D")
    bench.passes(24 * HOUR)
    assert case.status is CaseStatus.FAILED and case.states("a") == [ItemState.CANCELLED]
    assert bench.case.failure is not None and bench.case.failure.kind == "timeout"


def test_the_deadline_of_a_case_that_has_ended_is_forgotten(bench: Bench) -> None:
    case = bench.start({}, deadline="P1D")
    case.cancel()
    assert bench.case.timers == {} and bench.store.work()[0].due_timers == 0


def test_a_case_may_begin_later(bench: Bench) -> None:
    case = bench.start({}, not_before=MONDAY + HOUR, deadline="P1D")
    assert (case.status, case.offered) == (CaseStatus.SUBMITTED, [])
    bench.passes(HOUR)
    assert (case.status, case.offered) == (CaseStatus.RUNNING, ["a"])
    assert [timer.due for timer in bench.case.timers.values()] == [MONDAY + 25 * HOUR]


def test_no_timer_fires_while_a_case_is_suspended_and_late_ones_fire_when_it_goes_on(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "skip"}})
    case.suspend()
    bench.passes(2 * HOUR)
    assert case.states("a") == [ItemState.OFFERED]
    case.resume()
    assert case.states("a") == [ItemState.SKIPPED]


def test_a_drain_fires_the_timers_of_its_own_shard(bench: Bench) -> None:
    case = bench.start({"timer": {"after": "PT1H", "then": "skip"}})
    bench.now += HOUR
    case.drain()
    assert case.offered == ["b"]


def test_each_round_of_a_loop_has_its_own_timer(bench: Bench) -> None:
    case = bench.start({"loop": {"until": "false"}, "timer": {"after": "PT1H", "then": "skip"}})
    bench.passes(HOUR // 2)
    case.do("a")
    bench.passes(HOUR // 2)
    assert case.states("a") == [ItemState.COMPLETED, ItemState.OFFERED]
    bench.passes(HOUR // 2)
    assert case.states("a") == [ItemState.COMPLETED, ItemState.SKIPPED, ItemState.OFFERED]


def test_a_timer_of_several_instances_completes_those_that_are_left(bench: Bench) -> None:
    case = bench.start({"instances": {"count": 3}, "timer": {"after": "PT1H", "then": "complete"}})
    case.do("a")
    bench.passes(HOUR)
    assert sorted(case.states("a")) == [
        ItemState.COMPLETED,
        ItemState.FORCE_COMPLETED,
        ItemState.FORCE_COMPLETED,
    ]
    assert case.offered == ["b"]


def test_more_timers_than_a_drain_takes_all_fire_in_order(bench: Bench) -> None:
    count = TIMERS_PER_DRAIN + 50
    timers = [{"after": f"PT{count - n}S", "then": "remind"} for n in range(count)]
    case = bench.start({"timer": timers})
    bench.now += HOUR
    for _ in range(3):
        case.drain()
    fired = [entry.event.due for entry in case.journal if isinstance(entry.event, TimerFired)]
    assert len(fired) == count and fired == sorted(fired)


def test_a_timer_that_completes_a_composite_task_cancels_its_child_and_says_why(bench: Bench) -> None:
    sub = {"start": "x", "tasks": {"x": {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}}}
    keys = {"kind": "composite", "net": "sub", "timer": {"after": "PT2H", "then": "complete"}}
    case = started_with(bench, keys, {"sub": sub})
    (child,) = case.children()
    bench.passes(2 * HOUR)
    cancelled = [entry.event for entry in child.journal if isinstance(entry.event, CaseCancelled)]
    assert cancelled == [CaseCancelled("", "its time is over")] and child.status is CaseStatus.CANCELLED


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_an_hour_fires_each_timer_once_and_in_order(bench: Bench, jump: int) -> None:
    timers = [{"after": f"PT{minutes}M", "then": "remind"} for minutes in (30, 50, 80)]
    case = bench.start({"timer": timers})
    bench.passes(HOUR * 40 // 60)
    bench.passes(jump)
    bench.passes(HOUR // 60)
    bench.passes(-jump)
    bench.passes(HOUR)
    fired = [entry.event.due for entry in case.journal if isinstance(entry.event, TimerFired)]
    assert fired == [MONDAY + minutes * HOUR // 60 for minutes in (30, 50, 80)]
    moments = [entry.at for entry in case.journal]
    assert moments == sorted(moments), "within a case time never goes back"
