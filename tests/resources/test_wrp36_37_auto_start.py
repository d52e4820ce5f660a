"""Auto-start patterns (WRP-36, WRP-37): what the system starts by itself, as soon as it may."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from tests.net_notation import net
from tests.resources.office import Office, human, newest, offered, owner

ON_CREATION: dict[str, Any] = {"offer": {"roles": ["clerk"]}, "allocate": "random", "interaction": {"start": "system"}}
ON_ALLOCATION: dict[str, Any] = {"offer": {"roles": ["clerk"]}, "interaction": {"start": "system"}}


def test_wrp36_an_item_is_started_when_it_is_created(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.of_task(**ON_CREATION)
    assert (newest(case).state, owner(case)) == (ItemState.STARTED, "ann") and case.fired == ["A"]


def test_wrp37_an_item_is_started_when_somebody_claims_it(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.of_task(**ON_ALLOCATION)
    assert offered(case) == ("ann", "bob")
    case.claim(newest(case).id, by="bob")
    case.drain()
    assert (newest(case).state, owner(case)) == (ItemState.STARTED, "bob") and case.fired == ["A"]


def test_wrp37_an_item_is_started_when_an_administrator_allocates_it(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.of_task(**ON_ALLOCATION)
    case.allocate(newest(case).id, "ann")
    case.drain()
    assert newest(case).state is ItemState.STARTED


def test_wrp37_of_those_an_administrator_offers_to_the_system_may_choose(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    interaction = {"offer": "user", "allocate": "system", "start": "system"}
    case = office.of_task(offer={"roles": ["clerk"]}, interaction=interaction)
    assert newest(case).state is ItemState.CREATED
    case.offer(newest(case).id, "bob")
    case.drain()
    assert (newest(case).state, owner(case)) == (ItemState.STARTED, "bob")


@pytest.mark.parametrize("task", [ON_CREATION, ON_ALLOCATION])
def test_wrp36_37_what_has_to_wait_for_a_mutex_is_started_when_it_is_free(office: Office, task: dict[str, Any]) -> None:
    office.hire("ann", roles=("clerk",))
    both = {**task, "mutex": "m"}
    case = office.begin(net("i -> S -> and(A!, B!) -> E -> o", A=both, B=both))
    if "allocate" not in task:
        for name in "AB":
            case.claim(newest(case, name).id)
            case.drain()
    assert (newest(case, "A").state, newest(case, "B").state) == (ItemState.STARTED, ItemState.ALLOCATED)
    case.complete(newest(case, "A").id)
    assert newest(case, "B").state is ItemState.STARTED
    case.complete(newest(case, "B").id)
    assert case.status is CaseStatus.COMPLETED


def test_wrp37_what_nobody_has_claimed_is_not_started_when_a_mutex_is_free(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    both = {**ON_ALLOCATION, "mutex": "m"}
    case = office.begin(net("i -> S -> and(A!, B!) -> E -> o", A=both, B=both))
    case.claim(newest(case, "A").id)
    case.drain()
    case.complete(newest(case, "A").id)
    assert newest(case, "B").state is ItemState.OFFERED


def test_wrp36_every_instance_is_started_when_it_is_created(office: Office) -> None:
    office.hire("ann", "bob", roles=("clerk",))
    case = office.begin(net("i -> A! -> o", A={**ON_CREATION, "instances": {"count": 3}, "output": {}}))
    assert case.states("A") == [ItemState.STARTED] * 3 and case.fired == ["A"]


def test_wrp37_a_suspended_case_starts_what_waits_when_it_goes_on(office: Office) -> None:
    office.hire("ann", roles=("clerk",))
    case = office.begin(human(**ON_ALLOCATION))
    case.claim(newest(case).id)
    case.suspend()
    case.resume()
    assert newest(case).state is ItemState.STARTED
