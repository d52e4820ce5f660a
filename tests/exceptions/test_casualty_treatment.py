"""The casualty department of the worklet literature, as it stands in the gallery: it learns while its patients wait."""

from typing import Any

from engine.case import CaseStatus
from engine.events import ExceptionRaised
from engine.exceptions.ripple_down_rules import SELECTION, RuleSet
from engine.exceptions.rule_keeper import Lesson, RuleKeeper
from engine.items.work_item import ItemState
from engine.spec.read import read_specification
from tests.exceptions.bench import HOUR, Bench
from tests.patterns.gallery import GALLERY
from tests.patterns.played import Played

WORKLETS = ("treat-fever", "treat-fracture", "treat-other")


class Kept:
    """The rules of a bench, as they are kept."""

    def __init__(self, bench: Bench) -> None:
        self._rules = bench.rules

    def rule_set(self, specification: str) -> RuleSet | None:
        return self._rules.get(specification)

    def put_rule_set(self, rules: RuleSet, before: int) -> bool:
        self._rules[rules.specification] = rules
        return True


def patient(bench: Bench, name: str) -> Played:
    written = [read_specification((GALLERY / f"{each}.yaml").read_text()) for each in ("casualty-treatment", *WORKLETS)]
    return bench.start(*written, case_id=name, patient=name, nurse="ann")


def learns(bench: Bench, condition: str, worklet: str, **data: Any) -> None:
    found = {"fever": 37, "fracture": False, "wound": False, "pregnant": False, **data}
    lesson = Lesson(SELECTION, "treat", condition, worklet, found)
    RuleKeeper(Kept(bench)).learn("casualty-treatment", lesson, "doctor", bench.now)


def treated_by(case: Played) -> list[str]:
    return [child.case.specification for child in case.children()]


def test_a_rule_that_is_added_while_patients_wait_counts_for_the_next_treatment(bench: Bench) -> None:
    learns(bench, "fever > 38.5", "treat-fever", fever=39.5)
    first, second, third = (patient(bench, each) for each in ("ada", "ben", "cleo"))
    first.do("triage", fever=39.2)
    second.do("triage", fracture=True)
    assert (treated_by(first), treated_by(second)) == (["treat-fever"], ["treat-other"])
    # What was done for the second was not right: from now on it is known.
    learns(bench, "fracture", "treat-fracture", fracture=True)
    third.do("triage", fracture=True)
    assert treated_by(third) == ["treat-fracture"]
    # And one that has a fever as well is not treated otherwise than before.
    learns(bench, "fracture", "treat-fracture", fracture=True, fever=40)
    fourth = patient(bench, "dora")
    fourth.do("triage", fracture=True, fever=39.8)
    assert treated_by(fourth) == ["treat-fracture"]


def test_a_patient_is_treated_and_discharged(bench: Bench) -> None:
    learns(bench, "fever > 38.5", "treat-fever", fever=39.5)
    case = patient(bench, "ada")
    case.do("triage", fever=39.2)
    [worklet] = case.children()
    worklet.do("cool")
    worklet.do("test_blood")
    case.drain()
    assert case.items("discharge")[0].input == {"patient": "ada", "treatment": "fever"}
    case.do("discharge")
    assert case.status is CaseStatus.COMPLETED and case.case.data["treatment"] == "fever"


def test_a_patient_whom_nobody_examines_goes_to_the_doctor(bench: Bench) -> None:
    case = patient(bench, "ada")
    bench.passes(HOUR)
    [item] = case.items("triage")
    assert (item.state, item.offered_to) == (ItemState.OFFERED, ("ann", "bob"))


def test_what_no_flow_foresees_is_handled_by_what_was_learnt(bench: Bench) -> None:
    case = patient(bench, "ada")
    data = {"exception": {"trigger": "heart_stops"}}
    exlet = [{"suspend": "case"}, {"compensate": "treat-other"}, {"continue": "case"}]
    lesson = Lesson("external_trigger", "", "exception.trigger == 'heart_stops'", exlet, data)
    RuleKeeper(Kept(bench)).learn("casualty-treatment", lesson, "doctor", bench.now)
    case.happens(ExceptionRaised("heart_stops", "nurse"))
    assert case.status.value == "suspended"
    case.children()[0].do("observe")
    case.drain()
    assert case.status is CaseStatus.RUNNING and case.case.data["treatment"] == "other"
