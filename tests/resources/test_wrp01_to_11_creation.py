"""Creation patterns (WRP-1 to 11): what a specification says of who may do a task."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict, Forbidden
from engine.items.work_item import ItemState
from engine.spec.read import read_specification
from tests.net_notation import net
from tests.resources.office import Office, human, newest, offered, owner, raised

CLERK: dict[str, Any] = {"offer": {"roles": ["clerk"]}}


def test_wrp01_direct_distribution_names_people_at_design_time(office: Office) -> None:
    office.hire("ann", "bob", "eve")
    assert offered(office.of_task(offer={"participants": ["bob", "ann"]})) == ("ann", "bob")


def test_wrp01_nobody_gets_what_names_only_somebody_who_is_unknown(office: Office) -> None:
    office.hire("ann")
    case = office.of_task(offer={"participants": ["zoe"]})
    assert newest(case).state is ItemState.CREATED
    assert raised(case) == ["resource_unavailable"] and case.status is CaseStatus.RUNNING


def test_wrp02_role_based_distribution_reaches_all_members(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    office.hire("eve", roles=("manager",))
    assert offered(office.of_task(**CLERK)) == ("ann", "bob")


def test_wrp02_a_role_is_held_by_those_of_the_roles_below_it(office: Office) -> None:
    office.role("clerk")
    office.role("senior-clerk", under="clerk")
    office.role("head-clerk", under="senior-clerk")
    office.hire("ann", roles=("clerk",))
    office.hire("bob", roles=("head-clerk",))
    assert offered(office.of_task(**CLERK)) == ("ann", "bob")
    assert offered(office.of_task(offer={"roles": ["senior-clerk"]})) == ("bob",)


def test_wrp02_roles_that_lie_in_a_circle_are_one(office: Office) -> None:
    office.role("a", under="b")
    office.role("b", under="a")
    office.hire("ann", roles=("a",))
    office.hire("bob", roles=("b",))
    assert offered(office.of_task(offer={"roles": ["a"]})) == ("ann", "bob")


def test_wrp03_deferred_distribution_reads_the_person_or_role_from_the_case(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    office.hire("eve", roles=("manager",))
    variables = {"who": {"schema": {"type": "string"}, "input": True}}
    by_name = net("i -> A! -> o", variables=variables, A={"offer": {"participants": ["$.who"]}})
    by_role = net("i -> A! -> o", variables=variables, A={"offer": {"roles": ["$.who"]}})
    assert offered(office.begin(by_name, who="bob")) == ("bob",)
    assert offered(office.begin(by_role, who="manager")) == ("eve",)


def test_wrp04_authorization_keeps_everybody_else_from_an_item(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    office.hire("eve", roles=("manager",))
    case = office.of_task(**CLERK)
    for move in (case.claim, case.start_item, case.reject_offer):
        with pytest.raises(Forbidden) as refused:
            move(newest(case).id, by="eve")
        assert refused.value.code == "not_your_item"
    assert offered(case) == ("ann",)


FOUR_EYES = net("i -> A! -> B! -> o", A=CLERK, B={**CLERK, "constraints": {"separate_from": ["A"]}})


def test_wrp05_separation_of_duties_excludes_who_completed_the_other_task(office: Office) -> None:
    office.hire("ann", "bob", "eve", roles=("clerk",))
    case = office.begin(FOUR_EYES)
    case.complete(case.start("A", by="bob"), by="bob")
    assert offered(case, "B") == ("ann", "eve")


def test_wrp05_where_nobody_else_is_there_the_item_waits_for_an_administrator(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.begin(FOUR_EYES)
    case.do("A")
    assert newest(case, "B").state is ItemState.CREATED and raised(case) == ["resource_unavailable"]


def test_wrp05_of_two_tasks_at_the_same_time_nobody_starts_both(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(
        net("i -> S -> and(A!, B!) -> E -> o", A=CLERK, B={**CLERK, "constraints": {"separate_from": "A"}})
    )
    case.start("A", by="ann")
    with pytest.raises(Conflict) as refused:
        case.start("B", by="ann")
    assert refused.value.code == "separation_of_duties"
    case.start("B", by="bob")


def test_wrp05_four_eyes_hold_for_one_case_and_not_for_the_next(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    office.begin(FOUR_EYES).do("A")
    second = office.begin(FOUR_EYES)
    second.complete(second.start("A", by="bob"), by="bob")
    assert offered(second, "B") == ("ann",)


HANDLED = {**CLERK, "constraints": {"case_handling": True}}


def test_wrp06_case_handling_gives_all_items_to_the_one_chosen_at_the_start(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    office.hire("eve", roles=("manager",))
    allocated = {**HANDLED, "allocate": "random"}
    case = office.begin(
        net("i -> A! -> B! -> C! -> o", A=allocated, B=HANDLED, C={**HANDLED, "offer": {"roles": ["manager"]}})
    )
    handler = owner(case)
    assert handler in ("ann", "bob")
    for task in "ABC":
        assert (newest(case, task).state, owner(case, task)) == (ItemState.ALLOCATED, handler)
        case.complete(case.start(task, by=handler), by=handler)
    assert case.status is CaseStatus.COMPLETED


def test_wrp06_who_starts_the_first_item_that_is_offered_handles_the_case(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(net("i -> S -> and(A!, B!) -> E -> o", A=HANDLED, B=HANDLED))
    assert offered(case, "A") == offered(case, "B") == ("ann", "bob")
    case.start("A", by="bob")
    assert owner(case, "B") == "bob" and newest(case, "B").state is ItemState.ALLOCATED


def test_wrp06_nobody_else_starts_what_the_handler_was_not_given_in_time(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(net("i -> S -> and(A!, B!) -> E -> o", A=HANDLED, B=HANDLED))
    case.claim(newest(case, "B").id, by="ann")
    case.start("A", by="bob")
    with pytest.raises(Conflict) as refused:
        case.start("B", by="ann")
    assert refused.value.code == "case_handled"


def test_wrp06_a_net_says_it_once_for_all_its_tasks(office: Office) -> None:
    text = """
specification: handled
version: "1"
nets:
  main:
    case_handling: true
    start: a
    tasks:
      a: {kind: human, offer: {roles: [clerk]}, allocate: shortest_queue, next: b}
      b: {kind: human, offer: {roles: [clerk]}, next: end}
"""
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(read_specification(text, name="handled"))
    handler = owner(case, "a")
    assert handler is not None
    case.complete(case.start("a", by=handler), by=handler)
    assert owner(case, "b") == handler


FAMILIAR = net("i -> A! -> B! -> o", A=CLERK, B={**CLERK, "constraints": {"familiar_with": "A"}})


def test_wrp07_retain_familiar_goes_to_who_completed_the_task_before(office: Office) -> None:
    office.hire("ann", "bob", "eve", roles=("clerk",))
    case = office.begin(FAMILIAR)
    case.complete(case.start("A", by="bob"), by="bob")
    assert offered(case, "B") == ("bob",)


@pytest.mark.parametrize(("otherwise", "to"), [("unoffer", ()), ("offer", ("ann",))])
def test_wrp07_where_the_familiar_one_is_away_the_specification_says_what_happens(
    office: Office, otherwise: str, to: tuple[str, ...]
) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    constraints = {"familiar_with": {"task": "A", "otherwise": otherwise}}
    case = office.begin(net("i -> A! -> B! -> o", A=CLERK, B={**CLERK, "constraints": constraints}))
    item = case.start("A", by="bob")
    office.hire("bob", roles=("clerk",), available=False)
    case.complete(item, by="bob")
    assert offered(case, "B") == to


def test_wrp08_capability_based_distribution_asks_for_all_of_them(office: Office) -> None:
    office.hire("ann", capabilities=("forklift", "french"))
    office.hire("bob", capabilities=("forklift",))
    assert offered(office.of_task(offer={"capabilities": ["forklift", "french"]})) == ("ann",)


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        ({"id": "french", "at_least": "B2"}, ("bob", "eve")),
        ({"id": "french", "at_most": "B1"}, ("ann",)),
        ({"id": "french", "one_of": ["A2", "C1"]}, ("ann", "eve")),
        ({"id": "years", "at_least": 5}, ("bob",)),
        ({"id": "depot", "one_of": ["north"]}, ("eve",)),
    ],
)
def test_wrp08_a_capability_is_had_to_a_level(office: Office, wanted: dict[str, Any], to: tuple[str, ...]) -> None:
    office.capability("french", "scale", "A1", "A2", "B1", "B2", "C1", "C2")
    office.capability("years", "number")
    office.hire("ann", levels={"french": "A2", "years": 1})
    office.hire("bob", levels={"french": "B2", "years": 10})
    office.hire("eve", levels={"french": "C1", "depot": "north"})
    assert offered(office.of_task(offer={"filter": {"capability": wanted}})) == to


def test_wrp08_an_expression_compares_a_person_with_the_data_of_the_case(office: Office) -> None:
    office.hire("ann", cost=20.0)
    office.hire("bob", cost=80.0)
    variables = {"budget": {"schema": {"type": "number"}, "default": 50.0}}
    case = office.begin(human(variables, offer={"filter": {"expr": "participant.cost <= budget"}}))
    assert offered(case) == ("ann",)


def test_wrp08_an_expression_that_fails_is_an_exception_and_nobody_passes(office: Office) -> None:
    office.hire("ann")
    case = office.of_task(offer={"filter": {"expr": "participant.wage > 3"}})
    assert raised(case) == ["constraint_violation"] and case.status is CaseStatus.FAILED


def test_wrp09_history_based_distribution_asks_who_has_done_it_before(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    for _ in range(2):
        case = office.of_task(**CLERK)
        case.complete(case.start("A", by="bob"), by="bob")
    case = office.of_task(**CLERK)
    case.complete(case.start("A", by="ann"), by="ann")
    experienced = net("i -> B! -> A! -> o", A=CLERK, B={"offer": {"filter": {"history": {"task": "A", "at_least": 2}}}})
    assert offered(office.begin(experienced), "B") == ("bob",)
    novices = net("i -> B! -> A! -> o", A=CLERK, B={"offer": {"filter": {"history": {"task": "A", "at_most": 1}}}})
    assert offered(office.begin(novices), "B") == ("ann",)


def test_wrp09_what_was_done_too_long_ago_does_not_count(timed_office: Office) -> None:
    office = timed_office
    office.hire("ann", "bob", roles=("clerk",))
    for person, days in (("ann", 40), ("bob", 1)):
        case = office.of_task(**CLERK)
        case.complete(case.start("A", by=person), by=person)
        office.wait(days * 24 * 3_600_000)
    lately = {"offer": {"filter": {"history": {"task": "A", "within": "P30D"}}}}
    assert offered(office.begin(net("i -> B! -> A! -> o", A=CLERK, B=lately)), "B") == ("bob",)


def test_wrp10_organisational_distribution_knows_positions_and_groups(office: Office) -> None:
    office.group("company")
    office.group("sales", within="company")
    office.hire("ann", groups=("sales",), positions=("seller",))
    office.hire("bob", groups=("company",))
    assert offered(office.of_task(offer={"groups": ["company"]})) == ("ann", "bob")
    assert offered(office.of_task(offer={"groups": ["sales"]})) == ("ann",)
    assert offered(office.of_task(offer={"positions": ["seller"]})) == ("ann",)


@pytest.mark.parametrize(
    ("position", "to"),
    [
        ({"below": "head"}, ("ann", "bob")),
        ({"above": "seller"}, ("bob", "eve")),
        ({"above": "$.who"}, ("bob", "eve")),
        ({"is": "lead"}, ("bob",)),
        ({"above": "seller", "below": "head"}, ("bob",)),
        ("lead", ("bob",)),
    ],
)
def test_wrp10_reporting_lines_lead_up_and_down(office: Office, position: Any, to: tuple[str, ...]) -> None:
    office.position("head")
    office.position("lead", reports_to="head")
    office.position("seller", reports_to="lead")
    office.hire("ann", positions=("seller",))
    office.hire("bob", positions=("lead",))
    office.hire("eve", positions=("head",))
    variables = {"who": {"schema": {"type": "string"}, "default": "ann"}}
    assert offered(office.begin(human(variables, offer={"filter": {"position": position}}))) == to


def test_wrp11_automatic_execution_needs_nobody(office: Office) -> None:
    case = office.begin(net("i -> A* -> B -> o"))
    case.answer("A")
    assert case.status is CaseStatus.COMPLETED and case.fired == ["A", "B"]
