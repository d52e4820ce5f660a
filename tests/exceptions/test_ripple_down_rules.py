"""Ripple-down rules: the last one that holds concludes; a tree grows without forgetting what it knew."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Conflict, InvalidInput
from engine.exceptions.ripple_down_rules import (
    ROOT,
    Rule,
    RuleTree,
    add_rule,
    answer,
    check_tree,
    next_id,
)
from engine.exceptions.rule_keeper import Lesson, RuleKeeper
from engine.store.memory_registry import MemoryRegistry

KIND = "timeout"
MAY = {"x": st.integers(-5, 5), "y": st.integers(-5, 5)}


def taught(tree: RuleTree, condition: str, conclusion: Any, **cornerstone: Any) -> RuleTree:
    return add_rule(tree, Rule(next_id(tree), condition, conclusion, cornerstone))


def treatment() -> RuleTree:
    """Fever and a rash were learnt first; that a rash is harmless without fever later."""
    tree = taught(RuleTree(KIND), "fever > 39", "ice", fever=40, rash=False)
    tree = taught(tree, "rash", "cream", fever=37, rash=True)
    return taught(tree, "rash", "hospital", fever=40, rash=True)


@pytest.mark.parametrize(
    ("fever", "rash", "conclusion"),
    [(36, False, None), (40, False, "ice"), (37, True, "cream"), (41, True, "hospital")],
)
def test_the_last_rule_that_holds_concludes(fever: int, rash: bool, conclusion: str | None) -> None:
    assert answer(treatment(), {"fever": fever, "rash": rash}).conclusion == conclusion


def test_an_answer_is_explained_by_its_way() -> None:
    given = answer(treatment(), {"fever": 41, "rash": True})
    assert [(asked.rule, asked.held) for asked in given.path] == [(ROOT, True), ("1", True), ("3", True)]
    assert given.rule == "3"


def test_a_condition_that_cannot_be_evaluated_does_not_hold_and_says_why() -> None:
    given = answer(treatment(), {"rash": True})
    failed = next(asked for asked in given.path if asked.rule == "1")
    assert given.conclusion == "cream" and not failed.held and "fever" in str(failed.failed)


def test_a_rule_stands_beneath_the_one_that_answered_wrongly() -> None:
    rules = treatment().rules
    assert (rules["1"].otherwise, rules["1"].except_) == ("2", "3")


def test_a_rule_that_does_not_hold_for_its_own_case_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not hold for the case at hand"):
        taught(treatment(), "fever > 50", "ice", fever=40, rash=False)


def test_a_rule_that_says_what_is_known_is_refused() -> None:
    with pytest.raises(Conflict, match="concludes the same"):
        taught(treatment(), "fever > 38", "ice", fever=40, rash=False)


def test_a_rule_that_would_change_what_was_learnt_is_refused() -> None:
    with pytest.raises(Conflict, match="cornerstone of rule 1: narrow its condition"):
        taught(treatment(), "fever > 38", "tea", fever=41, rash=False)


def test_nothing_is_a_conclusion_too() -> None:
    tree = taught(treatment(), "fever > 39 && calm", None, fever=40, rash=False, calm=True)
    assert answer(tree, {"fever": 40, "rash": False, "calm": True}).conclusion is None
    assert answer(tree, {"fever": 40, "rash": False, "calm": False}).conclusion == "ice"


def test_no_lesson_is_lost_between_two_teachers() -> None:
    registry = MemoryRegistry(lambda: 1)
    first, second = RuleKeeper(registry), RuleKeeper(registry)
    first.learn("ward", Lesson(KIND, "", "x > 1", ["restart"], {"x": 2}), "ann", 1)
    stale = second.rule_set("ward")
    first.learn("ward", Lesson(KIND, "", "x > 5", ["complete"], {"x": 6}), "ann", 2)
    assert not registry.put_rule_set(stale, stale.version)
    second.learn("ward", Lesson(KIND, "", "x > 9", ["fail"], {"x": 10}), "bob", 3)
    [tree] = first.rule_set("ward").trees
    assert sorted(tree.rules) == ["0", "1", "2", "3"] and first.rule_set("ward").version == 3


LESSONS = st.lists(
    st.tuples(
        st.sampled_from(["x > {}", "x == {}", "x < {}", "y > {}", "y == {}", "x + y > {}"]),
        st.integers(-5, 5),
        st.sampled_from(["a", "b", "c"]),
        st.fixed_dictionaries(MAY),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(LESSONS, st.fixed_dictionaries(MAY))
def test_whatever_is_taught_no_cornerstone_changes_its_answer(lessons: Any, case: dict[str, int]) -> None:
    tree = RuleTree(KIND)
    known: list[tuple[dict[str, int], str]] = []
    for written, number, conclusion, cornerstone in lessons:
        try:
            tree = taught(tree, written.format(number), conclusion, **cornerstone)
        except (Conflict, InvalidInput):
            continue
        known.append((cornerstone, conclusion))
    check_tree(tree)
    assert all(answer(tree, data).conclusion == conclusion for data, conclusion in known)
    # Whatever the case, it comes to the end of one branch.
    assert len(answer(tree, case).path) <= len(tree.rules)
