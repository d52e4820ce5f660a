"""The example of the gallery: who is offered a claim, who approves it, and who answers."""

from typing import Any

from engine.items.work_item import ItemState
from engine.resources.organisation import Absence
from tests.patterns.gallery import gallery
from tests.patterns.played import Played
from tests.resources.office import HOUR_MS, Office, newest, offered, owner

CLAIM: dict[str, Any] = {"number": "7", "damage": "fire", "amount": 20_000, "claimant": "ann"}


def staffed(office: Office) -> None:
    for name, level in (("ann", 4), ("bob", 3), ("eve", 5), ("joe", 4), ("zoe", 5)):
        office.hire(name, roles=("adjuster",), levels={"fire": level})
    office.hire("tim", roles=("adjuster",), levels={"fire": 2, "water": 5})
    office.hire("sue", "max", roles=("superior",))


def begun(office: Office, **changes: Any) -> Played:
    return office.begin(gallery("insurance-claim"), claim={**CLAIM, **changes})


def test_a_claim_is_offered_to_the_best_who_have_time_and_never_to_the_claimant(office: Office) -> None:
    staffed(office)
    assert offered(begun(office), "assess") == ("eve", "joe", "zoe")
    office.hire("eve", roles=("adjuster",), levels={"fire": 5}, available=False)
    assert offered(begun(office), "assess") == ("bob", "joe", "zoe")


def test_a_large_claim_needs_more_knowledge_than_a_small_one(office: Office) -> None:
    staffed(office)
    office.hire("eve", "joe", "zoe", roles=("superior",))
    assert offered(begun(office, amount=20_000), "assess") == ("bob",)
    assert offered(begun(office, amount=500), "assess") == ("bob", "tim")


def test_whom_an_assessor_reports_to_does_not_approve_what_he_assessed_himself(office: Office) -> None:
    staffed(office)
    office.hire("zoe", roles=("adjuster", "superior"), levels={"fire": 5})
    case = begun(office)
    case.complete(case.start("assess", by="zoe"), by="zoe", amount=100)
    assert offered(case, "approve") == ("max", "sue")


def test_what_nobody_approves_in_time_the_least_busy_gets_and_the_assessor_answers(timed_office: Office) -> None:
    office = timed_office
    staffed(office)
    busy = begun(office)
    busy.complete(busy.start("assess", by="eve"), by="eve", amount=100)
    busy.start("approve", by="max")
    case = begun(office)
    case.complete(case.start("assess", by="zoe"), by="zoe", amount=100)
    office.wait(5 * HOUR_MS)
    assert (newest(case, "approve").state, owner(case, "approve")) == (ItemState.ALLOCATED, "sue")
    case.complete(case.start("approve", by="sue"), by="sue", approved=True)
    assert owner(case, "answer") == "zoe"
    case.complete(case.start("answer", by="zoe"), by="zoe", letter="Dear Ann")
    assert case.status == "completed"


def test_who_is_absent_soon_is_not_asked_to_approve(timed_office: Office) -> None:
    office = timed_office
    staffed(office)
    leaves = Absence(office.now() + HOUR_MS, office.now() + 9 * HOUR_MS)
    office.hire("max", roles=("superior",), absences=(leaves,))
    case = begun(office)
    case.complete(case.start("assess", by="zoe"), by="zoe", amount=100)
    assert offered(case, "approve") == ("sue",)
