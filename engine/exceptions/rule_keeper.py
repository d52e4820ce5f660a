"""Learning: rules are added to what is kept of a specification, explained, checked, taken out and in.

Each change is compared with what was read, so that of two who teach at once none undoes what the other did.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.exceptions.ripple_down_rules import (
    Answer,
    Rule,
    RuleSet,
    RuleTree,
    add_rule,
    answer,
    check_tree,
    next_id,
)
from engine.exceptions.rule_book import check_conclusion, check_kind

ATTEMPTS = 8
"""How often a rule is added again to what somebody else has changed meanwhile."""


class RuleSets(Protocol):
    """Where rule sets are kept."""

    def rule_set(self, specification: str) -> RuleSet | None:
        """What was learnt about a specification."""

    def put_rule_set(self, rules: RuleSet, before: int) -> bool:
        """Keeps a rule set in the place of version `before`; False when that is no longer there."""


class Lesson(NamedTuple):
    """A rule that is to be: for which exceptions, when, what to do (None: nothing), and the case it was made for."""

    kind: str
    task: str
    condition: str
    conclusion: Any
    cornerstone: dict[str, Any]
    title: str | None = None


class Learnt(NamedTuple):
    """The rule that was added, and the way its cornerstone now goes."""

    rule: Rule
    answer: Answer


class RuleKeeper:
    """Changes rule sets. Every method may raise `Unavailable`."""

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    def rule_set(self, specification: str) -> RuleSet:
        """What was learnt about a specification; an empty set where nothing was."""
        return self._sets.rule_set(specification) or RuleSet(specification)

    def learn(self, specification: str, lesson: Lesson, by: str, at: int, *, only_check: bool = False) -> Learnt:
        """Adds a rule beneath the one that answers for its cornerstone now.

        Raises `InvalidInput` (`rule_invalid`) and `Conflict` (`rule_conflict`, `rules_full`, `rules_busy`).
        """
        check_kind(lesson.kind)
        for _ in range(ATTEMPTS):
            rules = self.rule_set(specification)
            tree = _own_tree(rules, lesson)
            rule = Rule(
                next_id(tree),
                lesson.condition,
                lesson.conclusion,
                lesson.cornerstone,
                title=lesson.title,
                added_at=at,
                added_by=by,
            )
            grown = add_rule(tree, rule, check=check_conclusion(lesson.kind))
            learnt = Learnt(rule, answer(grown, lesson.cornerstone))
            if only_check or self._sets.put_rule_set(rules.with_tree(grown), rules.version):
                return learnt
        raise _busy(specification)

    def explain(self, specification: str, kind: str, task: str, data: Mapping[str, Any]) -> Answer:
        """What the rules conclude about the data, and why. Raises `NotFound` (`no_rules`)."""
        check_kind(kind)
        tree = self.rule_set(specification).tree(kind, task)
        if tree is None:
            raise NotFound(f"specification {specification} has no rules for {kind} {task}".strip(), code="no_rules")
        return answer(tree, data)

    def take_in(self, specification: str, document: Any) -> RuleSet:
        """Puts a rule set that was taken out into the place of what is kept.

        Raises `InvalidInput` (`rule_invalid`), and `Conflict` (`rules_changed`) where it is not the version it was.
        """
        try:
            read = msgspec.convert(document, RuleSet)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error), code="rule_invalid", problems=(Problem("$", str(error)),)) from error
        for tree in read.trees:
            check_kind(tree.kind)
            check_tree(tree, check_conclusion(tree.kind))
        if len({(tree.kind, tree.task) for tree in read.trees}) != len(read.trees):
            message = "has two trees for one kind and task"
            raise InvalidInput(f"the rule set {message}", code="rule_invalid", problems=(Problem("trees", message),))
        rules = replace(read, specification=specification, version=read.version + 1)
        if not self._sets.put_rule_set(rules, read.version):
            present = self.rule_set(specification).version
            message = f"the rules of {specification} are at version {present}, not {read.version}: take them out again"
            raise Conflict(message, code="rules_changed")
        return rules


def _own_tree(rules: RuleSet, lesson: Lesson) -> RuleTree:
    """The tree of just this kind and task: one for all tasks does not learn what is meant for one."""
    found = [tree for tree in rules.trees if (tree.kind, tree.task) == (lesson.kind, lesson.task)]
    return found[0] if found else RuleTree(lesson.kind, lesson.task)


def _busy(specification: str) -> Conflict:
    return Conflict(f"the rules of {specification} are changed by others all the time; try again", code="rules_busy")
