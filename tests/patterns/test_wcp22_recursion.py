"""WCP-22, Recursion: a task runs the net it stands in, or one above it, down to a depth that has a bound."""

from typing import Any

import msgspec
import pytest

from engine.case import CaseStatus
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from engine.spec.read import read_specification
from tests.patterns.gallery import gallery
from tests.patterns.played import Play, Played

LEVEL = {
    "level": {"schema": {"type": "integer"}, "input": True, "default": 0},
    "reached": {"schema": {"type": "integer"}, "output": True},
}


def read(nets: dict[str, Any], **more: Any) -> Specification:
    document = {"specification": "recursion", "version": "1", "nets": nets, **more}
    return read_specification(msgspec.json.encode(document).decode())


def descending(below: dict[str, Any], bottom: int, **more: Any) -> Specification:
    """A net that runs what `below` says until it has reached the bottom, where a person turns back."""
    check = {
        "kind": "routing",
        "split": "xor",
        "next": [{"to": "down", "when": f"level < {bottom}"}, {"to": "turn"}],
    }
    down = {
        "kind": "composite",
        "input": {"level": {"expr": "level + 1"}},
        "output": {"reached": "$.reached"},
        "next": "end",
        **below,
    }
    turn = {"kind": "human", "offer": {"roles": ["clerk"]}, "output": {"reached": {"expr": "level"}}, "next": "end"}
    main = {"variables": LEVEL, "start": "check", "tasks": {"check": check, "down": down, "turn": turn}}
    between = {
        "variables": LEVEL,
        "start": "on",
        "tasks": {
            "on": {
                "kind": "composite",
                "net": "main",
                "input": {"level": "$.level"},
                "output": {"reached": "$.reached"},
                "next": "end",
            }
        },
    }
    return read({"main": main, "between": between}, **more)


def line(case: Played) -> list[Played]:
    """A case and those below it, each the only child of the one before."""
    found = [case]
    while children := found[-1].children():
        found += children
    return found


def test_a_net_runs_itself_and_the_result_comes_back_up(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=4))
    cases = line(case)
    assert [each.case.data["level"] for each in cases] == [0, 1, 2, 3, 4]
    assert [each.offered for each in cases] == [[], [], [], [], ["turn"]]
    cases[-1].do("turn")
    assert {each.status for each in cases} == {CaseStatus.COMPLETED}
    assert [each.case.data["reached"] for each in cases] == [4] * 5


def test_a_net_runs_one_that_runs_it(play: Play) -> None:
    case = play(descending({"net": "between"}, bottom=3))
    cases = line(case)
    assert [each.case.net for each in cases] == ["main", "between"] * 3 + ["main"]
    cases[-1].do("turn")
    assert case.status is CaseStatus.COMPLETED and case.case.data["reached"] == 3


def test_a_specification_runs_itself(play: Play) -> None:
    case = play(descending({"specification": {"id": "recursion"}}, bottom=3))
    line(case)[-1].do("turn")
    assert case.status is CaseStatus.COMPLETED and case.case.data["reached"] == 3


def test_each_level_has_data_of_its_own(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=2))
    top, middle, bottom = line(case)
    bottom.start("turn")
    assert [each.case.data for each in (top, middle, bottom)] == [{"level": 0}, {"level": 1}, {"level": 2}]


def test_a_level_completes_only_after_the_one_below_it(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=2))
    running = line(case)[-1].start("turn")
    assert {each.status for each in line(case)} == {CaseStatus.RUNNING}
    line(case)[-1].complete(running)
    assert {each.status for each in line(case)} == {CaseStatus.COMPLETED}


def test_a_level_as_deep_as_the_bound_is_allowed(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=3, max_depth=3))
    line(case)[-1].do("turn")
    assert case.status is CaseStatus.COMPLETED


def test_a_level_beyond_the_bound_is_an_exception_that_goes_all_the_way_up(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=9, max_depth=3))
    cases = line(case)
    assert len(cases) == 4 and {each.status for each in cases} == {CaseStatus.FAILED}
    deepest, top = cases[-1].case.failure, case.case.failure
    assert deepest is not None and top is not None
    assert (deepest.kind, deepest.message) == ("constraint_violation", "composite tasks nest deeper than max_depth 3")
    assert top.kind == "child_failed" and "composite tasks nest deeper than max_depth 3" in top.message


def test_a_recursion_without_end_ends_at_the_bound_that_nobody_has_given(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=1_000_000))
    assert case.status is CaseStatus.FAILED and len(line(case)) == 26


def test_all_levels_are_cancelled_with_the_first(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=3))
    cases = line(case)
    case.cancel()
    assert {each.status for each in cases} == {CaseStatus.CANCELLED}
    assert cases[-1].states("turn") == [ItemState.CANCELLED]


def test_all_levels_stand_still_and_go_on_together(play: Play) -> None:
    case = play(descending({"net": "main"}, bottom=2))
    case.suspend()
    assert {each.status for each in line(case)} == {CaseStatus.SUSPENDED}
    case.resume()
    line(case)[-1].do("turn")
    assert case.status is CaseStatus.COMPLETED


TREE = {
    "main": {
        "variables": {
            "node": {"schema": {"type": "object"}, "input": True},
            "below": {"schema": {"type": "integer"}},
            "sum": {"schema": {"type": "integer"}, "output": True},
        },
        "start": "visit",
        "tasks": {
            "visit": {
                "kind": "composite",
                "net": "main",
                "input": {"node": "$.child"},
                "instances": {
                    "each": {"path": "$.node.children", "default": []},
                    "as": "child",
                    "gather": {"variable": "below", "from": "$.sum", "with": "sum"},
                },
                "next": "add",
            },
            "add": {
                "kind": "human",
                "offer": {"roles": ["clerk"]},
                "output": {"sum": {"expr": "node.value + below"}},
                "next": "end",
            },
        },
    }
}


def add_up(case: Played) -> None:
    """Visits the leaves first, the last branch before the first."""
    for child in reversed(case.children()):
        add_up(child)
    case.do("add")


@pytest.mark.parametrize("bound", [3, 25])
def test_a_tree_is_added_up_by_as_many_cases_as_it_has_nodes(play: Play, bound: int) -> None:
    def node(value: int, *children: Any) -> dict[str, Any]:
        return {"value": value, "children": list(children)}

    tree = node(1, node(10, node(100), node(200)), node(20, node(300, node(4000))))
    case = play(read(TREE, max_depth=bound), node=tree)
    add_up(case)
    assert case.status is CaseStatus.COMPLETED and case.case.data["sum"] == 4631


def test_a_purchase_goes_up_the_line_and_the_verdict_comes_down(play: Play) -> None:
    case = play(gallery("wcp22-recursion"), purchase="a crane")
    case.do("judge", verdict="passed on")
    case.children()[0].do("judge", verdict="passed on")
    top = line(case)[-1]
    assert top.items("judge")[0].input == {"purchase": "a crane", "level": 3}
    top.do("judge", verdict="approved")
    assert case.status is CaseStatus.COMPLETED
    assert (case.case.data["verdict"], case.case.data["decided_by"]) == ("approved", 3)
