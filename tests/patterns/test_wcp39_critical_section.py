"""WCP-39, Critical Section: of several parts of a case one is active at a time, with all its steps."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

SECTION: dict[str, Any] = {"kind": "composite", "net": "section", "mutex": "room"}
STEPS = {"section": "i -> P! -> Q! -> o"}


def sections(text: str = "i -> A -> and(B, C) -> D! -> o", **changes: Any) -> Specification:
    """A net in which B and C are critical sections of two steps each."""
    return net(text, nets=STEPS, **{"B": SECTION, "C": SECTION, **changes})


def test_the_second_section_begins_when_the_first_is_left(play: Play) -> None:
    case = play(sections())
    [first] = case.children()
    first.do("P")
    assert len(case.children()) == 1 and case.marking == {"A>C": 1}
    first.do("Q")
    [_, second] = case.children()
    second.do("P")
    second.do("Q")
    assert case.offered == ["D"] and case.case.held == {}


def test_sections_begin_in_the_order_of_the_document(play: Play) -> None:
    case = play(sections("i -> A -> and(B, C, E) -> D! -> o", E=SECTION))
    for _ in range(3):
        child = case.children()[-1]
        child.do("P")
        child.do("Q")
    assert case.fired == ["A", "B", "C", "E"] and case.offered == ["D"]


def test_a_section_and_a_single_task_exclude_each_other(play: Play) -> None:
    case = play(sections("i -> A -> and(B, C!) -> D! -> o", C={"mutex": "room"}))
    [section] = case.children()
    assert case.offered == ["C"], "it may be seen, and claimed"
    with pytest.raises(Conflict) as refused:
        case.start("C")
    assert refused.value.code == "mutex_held"
    section.do("P")
    section.do("Q")
    case.do("C")
    assert case.offered == ["D"]


def test_a_section_waits_for_the_person_who_was_first(play: Play) -> None:
    person = {"mutex": "room"}
    case = play(sections("i -> A -> and(X! -> B, C!) -> D! -> o", C=person))
    item = case.start("C")
    case.do("X")
    assert case.children() == [] and case.marking == {"X>B": 1}
    case.complete(item)
    assert len(case.children()) == 1


def test_a_section_that_is_cancelled_lets_the_next_one_in(play: Play) -> None:
    case = play(sections())
    [first] = case.children()
    item = first.start("P")
    first.cancel()
    [_, second] = case.children()
    assert first.states("P") == [ItemState.CANCELLED] and item
    assert second.offered == ["P"] and case.status is CaseStatus.RUNNING


def test_a_section_in_a_cancelled_region_lets_the_next_one_in(play: Play) -> None:
    case = play(sections("i -> A -> and(B, C, X!) -> xor:D! -> o", X={"cancels": ["B"]}))
    case.do("X")
    first, second = case.children()
    assert first.status is CaseStatus.CANCELLED and second.offered == ["P"]


def test_a_section_of_several_instances_is_left_with_the_last_one(play: Play) -> None:
    case = play(sections(B=SECTION | {"instances": {"count": 2}}))
    for child in case.children():
        child.do("P")
        assert len(case.children()) == 2
        child.do("Q")
    assert len(case.children()) == 3


def test_a_section_that_repeats_itself_is_not_left_between_its_rounds(play: Play) -> None:
    again = {"loop": {"until": "go == 'enough'"}, "output": {"go": "$.last"}}
    last = {"last": {"schema": {"type": ["string", "null"]}, "output": True}}
    changes: dict[str, Any] = {"B": SECTION | again, "C": SECTION, "Q": {"output": {"last": "$.last"}}}
    case = play(net("i -> A -> and(B, C) -> D! -> o", nets=STEPS, variables=last, **changes))
    for said in ("more", "enough"):
        child = case.children()[-1]
        child.do("P")
        child.do("Q", last=said)
    assert case.fired == ["A", "B", "C"] and len(case.children()) == 3


def test_sections_of_other_names_are_active_at_the_same_time(play: Play) -> None:
    case = play(sections(C=SECTION | {"mutex": "yard"}))
    assert [child.offered for child in case.children()] == [["P"], ["P"]]


def test_the_name_of_a_mutex_means_something_else_in_the_case_below(play: Play) -> None:
    # Were it the same one, the step within would wait for the section around it, for ever.
    case = play(sections(P={"mutex": "room"}))
    [child] = case.children()
    child.do("P")
    child.do("Q")
    assert len(case.children()) == 2


def test_the_studio_is_empty_before_the_next_set_is_built(play: Play) -> None:
    case = play(gallery("wcp39-critical-section"))
    for place, takes in (("ballroom", 3), ("kitchen", 8)):
        scene = case.children()[-1]
        assert scene.items("build")[0].input == {"place": place}
        scene.do("build")
        scene.do("shoot", takes=takes)
        assert case.marking == ({"schedule>shoot_kitchen": 1} if place == "ballroom" else {"shoot_ballroom>cut": 1})
        scene.do("strike")
    case.do("cut")
    assert case.status is CaseStatus.COMPLETED and case.case.data["takes"] == 11
