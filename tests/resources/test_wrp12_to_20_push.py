"""Push patterns (WRP-12 to 20): how the system brings work to people."""

from collections import Counter
from typing import Any

import pytest

from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.resources.organisation import Absence
from tests.net_notation import net
from tests.patterns.played import Played
from tests.resources.office import HOUR_MS, MINUTE_MS, Office, human, newest, offered, owner, raised

CLERK: dict[str, Any] = {"offer": {"roles": ["clerk"]}}
NOBODY: tuple[str, ...] = ()


def allocated(allocator: str, **offer: Any) -> dict[str, Any]:
    return {"offer": {"roles": ["clerk"], **offer}, "allocate": allocator}


def finish(case: Played, task: str = "A") -> str:
    """Whoever has an item does it."""
    who = owner(case, task)
    assert who is not None
    case.complete(case.start(task, by=who), by=who)
    return who


def test_wrp12_an_offer_to_one_person_binds_nobody(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.of_task(**CLERK)
    assert offered(case) == ("ann",) and owner(case) is None
    case.reject_offer(newest(case).id)
    case.drain()
    assert newest(case).state is ItemState.CREATED


def test_wrp13_of_many_who_are_offered_an_item_the_first_gets_it_and_the_others_lose_it(office: Office) -> None:
    office.hire("ann", "bob", "eve", roles=("clerk",))
    case = office.of_task(**CLERK)
    assert offered(case) == ("ann", "bob", "eve")
    case.claim(newest(case).id, by="bob")
    assert (newest(case).state, owner(case)) == (ItemState.ALLOCATED, "bob")
    with pytest.raises(Conflict):
        case.claim(newest(case).id, by="ann")


def test_wrp13_what_one_rejects_stays_with_the_others(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.of_task(**CLERK)
    case.reject_offer(newest(case).id, by="ann")
    case.drain()
    assert offered(case) == ("bob",)


def test_wrp13_what_all_have_rejected_goes_to_the_administrators_and_is_said(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.of_task(**CLERK)
    for person in ("ann", "bob"):
        case.reject_offer(newest(case).id, by=person)
    case.drain()
    assert newest(case).state is ItemState.CREATED and raised(case) == ["resource_unavailable"]


def test_wrp13_what_is_rejected_is_offered_to_the_next_of_a_ranking(office: Office) -> None:
    for name, cost in (("ann", 30.0), ("bob", 10.0), ("eve", 20.0)):
        office.hire(name, roles=("clerk",), cost=cost)
    case = office.of_task(offer={"roles": ["clerk"], "rank": "cheapest", "top": 1})
    seen = []
    while offered(case):
        [person] = offered(case)
        seen.append(person)
        case.reject_offer(newest(case).id, by=person)
        case.drain()
    assert seen == ["bob", "eve", "ann"] and raised(case) == ["resource_unavailable"]


def test_wrp13_an_offer_reaches_the_best_few_of_a_ranking(office: Office) -> None:
    for name, cost in (("ann", 30.0), ("bob", 10.0), ("eve", 20.0)):
        office.hire(name, roles=("clerk",), cost=cost)
    case = office.of_task(offer={"roles": ["clerk"], "rank": "cheapest", "top": 2})
    assert offered(case) == ("bob", "eve")
    [event] = [entry.event for entry in case.journal if type(entry.event).__name__ == "Distributed"]
    assert getattr(event, "eligible") == ("ann", "bob", "eve")  # noqa: B009


def test_wrp14_allocation_gives_an_item_to_one_person_who_did_not_ask(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.of_task(**allocated("random"))
    assert (newest(case).state, owner(case)) == (ItemState.ALLOCATED, "ann")


def test_wrp15_random_allocation_reaches_everybody_about_as_often(office: Office) -> None:
    office.hire("ann", "bob", "eve", roles=("clerk",))
    case = office.begin(net("i -> A! -> o", A={**allocated("random"), "instances": {"count": 90}, "output": {}}))
    chosen = Counter(item.owner for item in case.items("A"))
    assert set(chosen) == {"ann", "bob", "eve"} and min(chosen.values()) > 10


@pytest.mark.parametrize("allocator", ["round_robin", "round_robin_by_allocation", "round_robin_by_frequency"])
def test_wrp16_round_robin_comes_to_everybody_in_turn(timed_office: Office, allocator: str) -> None:
    office = timed_office
    office.hire("ann", "bob", "eve", roles=("clerk",))
    order = []
    for _ in range(9):
        order.append(finish(office.of_task(**allocated(allocator))))
        office.wait(MINUTE_MS)
    assert Counter(order) == {"ann": 3, "bob": 3, "eve": 3}
    if allocator != "round_robin_by_frequency":
        assert order[:3] == order[3:6] == order[6:]


def test_wrp16_by_experience_it_comes_to_who_has_done_most(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.of_task(**CLERK)
    case.complete(case.start("A", by="bob"), by="bob")
    assert [finish(office.of_task(**allocated("round_robin_by_experience"))) for _ in range(3)] == ["bob"] * 3


def test_wrp17_shortest_queue_counts_what_people_have_in_hand(office: Office) -> None:
    office.hire("ann", "bob", "eve", roles=("clerk",))
    busy = [office.of_task(**CLERK) for _ in range(3)]
    busy[0].claim(newest(busy[0]).id, by="ann")
    busy[1].start("A", by="ann")
    busy[2].claim(newest(busy[2]).id, by="bob")
    assert owner(office.of_task(**allocated("shortest_queue"))) == "eve"


def test_wrp17_what_is_done_is_in_no_queue(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    done = office.of_task(**CLERK)
    done.do("A")
    held = office.of_task(**CLERK)
    held.claim(newest(held).id, by="bob")
    assert owner(office.of_task(**allocated("shortest_queue"))) == "ann"


@pytest.mark.parametrize(
    ("allocator", "winner"),
    [
        ("fastest", "ann"),
        ("fastest_to_allocate", "ann"),
        ("fastest_to_start", "bob"),
        ("fastest_to_complete", "bob"),
        ("cheapest", "bob"),
    ],
)
def test_wrp17_allocators_by_time_and_cost_know_what_was_counted(
    timed_office: Office, allocator: str, winner: str
) -> None:
    office = timed_office
    office.hire("ann", roles=("clerk",), cost=10.0)
    office.hire("bob", roles=("clerk",), cost=20.0)
    # ann accepts soon, and starts and completes late; bob the other way round.
    for person, claims, starts, completes in (("ann", 1, 5, 9), ("bob", 12, 3, 2)):
        case = office.of_task(**CLERK)
        office.wait(claims * MINUTE_MS)
        case.claim(newest(case).id, by=person)
        office.wait(starts * MINUTE_MS)
        item = case.start("A", by=person)
        office.wait(completes * MINUTE_MS)
        case.complete(item, by=person)
    assert owner(office.of_task(**allocated(allocator))) == winner


def test_wrp17_capability_match_prefers_who_has_more_of_what_is_asked_and_has_it_better(office: Office) -> None:
    office.hire("ann", levels={"french": 2})
    office.hire("bob", levels={"french": 5})
    assert owner(office.of_task(offer={"capabilities": ["french"]}, allocate="capability_match")) == "bob"


def test_wrp17_an_allocator_of_another_package_chooses_too(timed_office: Office) -> None:
    office = Office(
        timed_office.store,
        timed_office.registry,
        lambda ms: None,
        {"alphabetic": lambda candidates, given: [ord(name[0]) for name in candidates]},
    )
    office.hire("eve", "bob", roles=("clerk",))
    assert owner(office.of_task(offer={"roles": ["clerk"]}, allocate={"plugin": "alphabetic"})) == "bob"


def test_wrp17_an_allocator_that_is_not_installed_is_said_at_the_task(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.of_task(offer={"roles": ["clerk"]}, allocate={"plugin": "alphabetic"})
    assert raised(case) == ["constraint_violation"]


EARLY = net("i -> A! -> B! -> o", A=CLERK, B={"offer": {"roles": ["clerk"], "early": True}})


def test_wrp18_early_distribution_shows_an_item_before_it_can_be_started(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(EARLY)
    assert offered(case, "B") == ("ann", "bob")
    with pytest.raises(Conflict) as refused:
        case.start("B")
    assert refused.value.code == "not_enabled_yet"
    case.do("A")
    assert len(case.items("B")) == 1
    case.do("B")


def test_wrp18_who_claims_an_item_early_keeps_it(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(EARLY)
    case.claim(newest(case, "B").id, by="bob")
    case.do("A")
    assert (newest(case, "B").state, owner(case, "B")) == (ItemState.ALLOCATED, "bob")
    case.complete(case.start("B", by="bob"), by="bob")
    assert case.status == "completed"


def test_wrp18_what_is_shown_early_keeps_no_case_from_its_end(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.begin(
        net("i -> A! -> xor(B!, C) -> o", A=CLERK, B={"offer": {"roles": ["clerk"], "early": True}}, implicit=True)
    )
    case.do("A")
    assert case.status == "completed" and case.states("B") == [ItemState.CANCELLED]


def test_wrp19_distribution_on_enablement_looks_at_who_is_there_then(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.begin(net("i -> A! -> B! -> o", A=CLERK, B=CLERK))
    assert case.items("B") == []
    office.hire("bob", roles=("clerk",))
    case.do("A")
    assert offered(case, "B") == ("ann", "bob")


def test_wrp20_late_distribution_waits_for_a_while(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", roles=("clerk",))
    case = office.of_task(offer={"roles": ["clerk"], "late": {"after": "PT1H"}})
    office.wait(HOUR_MS - MINUTE_MS)
    assert newest(case).state is ItemState.CREATED and raised(case) == []
    office.wait(2 * MINUTE_MS)
    assert offered(case) == ("ann",)


def test_wrp20_late_distribution_waits_until_somebody_has_less_than_so_many_items(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", roles=("clerk",))
    busy = office.of_task(**CLERK)
    item = busy.start("A")
    case = office.of_task(offer={"roles": ["clerk"], "late": {"workload_below": 1, "every": "PT1M"}})
    office.wait(5 * MINUTE_MS)
    assert newest(case).state is ItemState.CREATED and raised(case) == []
    busy.complete(item)
    office.wait(2 * MINUTE_MS)
    assert offered(case) == ("ann",)


def test_wrp20_what_an_administrator_gave_away_meanwhile_is_not_distributed(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", "bob", roles=("clerk",))
    case = office.of_task(offer={"roles": ["clerk"], "late": {"after": "PT1H"}})
    case.allocate(newest(case).id, "bob")
    office.wait(2 * HOUR_MS)
    assert (newest(case).state, owner(case)) == (ItemState.ALLOCATED, "bob")


# -- nobody accepts in time ----------------------------------------------------------------------------------------


def timed(on_timeout: str) -> Any:
    offer = {"roles": ["clerk"], "timeout": "PT1H", "on_timeout": on_timeout}
    return human(offer=offer)


def test_what_nobody_accepts_in_time_the_system_allocates(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(timed("allocate"))
    office.wait(HOUR_MS - MINUTE_MS)
    assert offered(case) == ("ann", "bob")
    office.wait(2 * MINUTE_MS)
    assert newest(case).state is ItemState.ALLOCATED and owner(case) in ("ann", "bob")


def test_who_rejected_an_item_does_not_get_it_when_the_time_is_over(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(timed("allocate"))
    case.reject_offer(newest(case).id, by="ann")
    office.wait(2 * HOUR_MS)
    assert owner(case) == "bob"


@pytest.mark.parametrize("start", [False, True])
def test_what_was_accepted_in_time_stays_with_who_did(timed_office: Office, start: bool) -> None:
    office = timed_office
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(timed("unoffer"))
    if start:
        case.start("A", by="ann")
        assert case.case.timers == {}
    else:
        case.claim(newest(case).id, by="ann")
    office.wait(2 * HOUR_MS)
    assert owner(case) == "ann" and newest(case).state is (ItemState.STARTED if start else ItemState.ALLOCATED)


def test_what_nobody_accepts_in_time_goes_to_whom_they_report_to(timed_office: Office) -> None:
    office = timed_office
    office.position("head")
    office.position("lead", reports_to="head")
    office.position("seller", reports_to="lead")
    office.hire("ann", roles=("clerk",), positions=("seller",))
    office.hire("eve", positions=("head",))
    case = office.begin(timed("escalate"))
    office.wait(2 * HOUR_MS)
    assert offered(case) == ("eve",)


def test_what_nobody_accepts_in_time_is_taken_back(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", roles=("clerk",))
    case = office.begin(timed("unoffer"))
    office.wait(2 * HOUR_MS)
    assert (newest(case).state, newest(case).offered_to) == (ItemState.CREATED, NOBODY)
    assert raised(case) == []


# -- who is there, and has time ------------------------------------------------------------------------------------


def test_an_absence_that_is_entered_now_counts_in_the_next_offer(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    assert offered(office.of_task(**CLERK)) == ("ann", "bob")
    away = Absence(office.now() - HOUR_MS, office.now() + HOUR_MS, "holiday")
    office.hire("ann", roles=("clerk",), absences=(away,))
    assert offered(office.of_task(**CLERK)) == ("bob",)
    office.hire("ann", roles=("clerk",))
    assert offered(office.of_task(**CLERK)) == ("ann", "bob")


def test_who_has_as_many_items_as_he_may_gets_no_more(office: Office) -> None:
    office.hire("ann", roles=("clerk",), max_workload=1)
    office.hire("bob", roles=("clerk",))
    first = office.of_task(**CLERK)
    item = first.start("A", by="ann")
    assert offered(office.of_task(**CLERK)) == ("bob",)
    first.complete(item, by="ann")
    assert offered(office.of_task(**CLERK)) == ("ann", "bob")


def test_what_is_reallocated_by_an_exlet_goes_to_somebody_else(timed_office: Office) -> None:
    timed_office.hire("ann", "bob", roles=("clerk",))
    late = {"timer": {"after": "PT1H", "then": {"exception": "timeout"}}, "on": {"timeout": ["reallocate"]}}
    task = {"offer": {"roles": ["clerk"]}, "interaction": {"allocate": "system"}, **late}
    cases = [timed_office.of_task(**task) for _ in range(5)]
    before = [owner(case) for case in cases]
    timed_office.wait(2 * HOUR_MS)
    assert [{was, owner(case)} for was, case in zip(before, cases, strict=True)] == [{"ann", "bob"}] * 5


def test_what_nobody_else_could_have_is_nobodys_after_a_reallocation(timed_office: Office) -> None:
    timed_office.hire("ann", roles=("clerk",))
    late = {"timer": {"after": "PT1H", "then": {"exception": "timeout"}}, "on": {"timeout": ["reallocate"]}}
    case = timed_office.of_task(offer={"roles": ["clerk"]}, interaction={"allocate": "system"}, **late)
    timed_office.wait(2 * HOUR_MS)
    assert owner(case) is None and raised(case) == ["timeout", "resource_unavailable"]
