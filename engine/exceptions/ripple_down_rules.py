"""Ripple-down rules: what to do, as it was learnt case by case (Compton and Jansen 1988; Adams 2007, ch. 5).

A tree of rules. Each may have a rule that corrects it where it is true (`except`) and one that is asked where it is not
(`otherwise`). The last rule on the way whose condition holds concludes. A tree is never edited, it grows: where an
answer was wrong a rule is added beneath the one that gave it, with the case at hand as its cornerstone, and no earlier
cornerstone may come to another answer by it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from engine.data.expressions import ExpressionFailed, ExpressionSyntax, compile_expression
from engine.errors import Conflict, InvalidInput, NotFound, Problem

ROOT = "0"
"""The name of the rule that every tree begins with: it is always true and concludes nothing."""

MOST_RULES = 10_000
SELECTION = "selection"
"""The kind of the trees that choose worklets for tasks; the others are named by kinds of exceptions."""


class Rule(Struct, frozen=True):
    """A rule. `conclusion` None: nothing is to be done. `cornerstone` is the data of the case it was made for."""

    id: str
    condition: str
    conclusion: Any = None
    cornerstone: dict[str, Any] = {}
    except_: str | None = field(default=None, name="except")
    otherwise: str | None = None
    title: str | None = None
    added_at: int = 0
    added_by: str = ""


class RuleTree(Struct, frozen=True):
    """The rules for one kind of exception (or `selection`) at one task; no task: the case, or tasks without a tree."""

    kind: str
    task: str = ""
    rules: dict[str, Rule] = field(default_factory=lambda: {ROOT: Rule(ROOT, "true")})


class RuleSet(Struct, frozen=True):
    """All trees of a specification. `version` counts its changes."""

    specification: str
    version: int = 0
    trees: tuple[RuleTree, ...] = ()

    def tree(self, kind: str, task: str) -> RuleTree | None:
        """The tree that is asked: that of the task, else that of the kind."""
        found = {each.task: each for each in self.trees if each.kind == kind}
        return found.get(task) or found.get("")

    def with_tree(self, tree: RuleTree) -> "RuleSet":
        """The set with a tree in the place of the one for the same kind and task."""
        others = [each for each in self.trees if (each.kind, each.task) != (tree.kind, tree.task)]
        trees = tuple(sorted([*others, tree], key=lambda each: (each.kind, each.task)))
        return replace(self, version=self.version + 1, trees=trees)


class Asked(NamedTuple):
    """One rule on the way, and whether its condition held; `failed` says why it could not be told."""

    rule: str
    condition: str
    held: bool
    failed: str | None = None


class Answer(NamedTuple):
    """What a tree concludes, the rule that did, and the way there. Rule `ROOT` means that none did."""

    rule: str
    conclusion: Any
    path: tuple[Asked, ...]


def answer(tree: RuleTree, data: Mapping[str, Any]) -> Answer:
    """What a tree concludes about the data. A condition that cannot be evaluated does not hold."""
    last, path = ROOT, list[Asked]()
    current: str | None = ROOT
    while current is not None:
        rule = tree.rules[current]
        held, failed = _holds(rule, data)
        path.append(Asked(rule.id, rule.condition, held, failed))
        if held:
            last = rule.id
        current = rule.except_ if held else rule.otherwise
    return Answer(last, tree.rules[last].conclusion, tuple(path))


def add_rule(tree: RuleTree, rule: Rule, *, check: Callable[[Any], None] | None = None) -> RuleTree:
    """The tree with one more rule, beneath the one that answered for its cornerstone.

    Raises `InvalidInput` (`rule_invalid`) where its condition is no expression or does not hold for the cornerstone,
    or `check` refuses its conclusion; `Conflict` (`rule_conflict`) where an earlier cornerstone would be answered
    otherwise, or the rule says nothing new; (`rules_full`) where there are too many.
    """
    if len(tree.rules) > MOST_RULES:
        raise Conflict(f"there are {MOST_RULES} rules already", code="rules_full")
    _check_condition(rule)
    if check is not None:
        check(rule.conclusion)
    held, failed = _holds(rule, rule.cornerstone)
    if not held:
        raise _invalid("condition", f"does not hold for the case at hand{f': {failed}' if failed else ''}")
    given = answer(tree, rule.cornerstone)
    if given.conclusion == rule.conclusion:
        raise Conflict(f"rule {given.rule} concludes the same for this case already", code="rule_conflict")
    above = tree.rules[given.path[-1].rule]
    child = {"except_": rule.id} if given.path[-1].held else {"otherwise": rule.id}
    grown = replace(tree, rules={**tree.rules, above.id: replace(above, **child), rule.id: rule})
    for changed in changed_answers(tree, grown):
        message = f"rule {rule.id} would change the answer for the cornerstone of rule {changed}: narrow its condition"
        raise Conflict(message, code="rule_conflict")
    return grown


def changed_answers(before: RuleTree, after: RuleTree) -> Iterator[str]:
    """The rules whose cornerstones come to another conclusion."""
    for rule in before.rules.values():
        if (
            rule.id != ROOT
            and answer(before, rule.cornerstone).conclusion != answer(after, rule.cornerstone).conclusion
        ):
            yield rule.id


def next_id(tree: RuleTree) -> str:
    """The name of the next rule of a tree."""
    return str(max(int(each) for each in tree.rules) + 1)


def check_tree(tree: RuleTree, check: Callable[[Any], None] | None = None) -> None:
    """Raises `InvalidInput` (`rule_invalid`) for what is no tree: it came from outside."""
    if ROOT not in tree.rules or tree.rules[ROOT].condition != "true":
        raise _invalid("rules", f'must begin with rule "{ROOT}", whose condition is true')
    reached = [ROOT]
    for each in reached:
        rule = tree.rules[each]
        _check_condition(rule)
        if check is not None and rule.conclusion is not None:
            check(rule.conclusion)
        for child in (rule.except_, rule.otherwise):
            if child is None:
                continue
            if child not in tree.rules or child in reached:
                raise _invalid(
                    f"rules.{each}", f"leads to rule {child}, which is not there or has another one above it"
                )
            reached.append(child)
    lost = sorted(set(tree.rules) - set(reached))
    if lost or any(rule.id != name or not name.isdecimal() for name, rule in tree.rules.items()):
        raise _invalid("rules", f"must be a tree of rules by number; not reached: {', '.join(lost) or 'none'}")


def rule_of(tree: RuleTree, identifier: str) -> Rule:
    """One rule. Raises `NotFound` (`rule_not_found`)."""
    if identifier not in tree.rules:
        raise NotFound(f"no rule {identifier}", code="rule_not_found")
    return tree.rules[identifier]


def _holds(rule: Rule, data: Mapping[str, Any]) -> tuple[bool, str | None]:
    try:
        return compile_expression(rule.condition).holds(data), None
    except ExpressionFailed as failure:
        return False, failure.reason


def _check_condition(rule: Rule) -> None:
    try:
        expression = compile_expression(rule.condition)
    except ExpressionSyntax as error:
        raise _invalid("condition", f"is not CEL at character {error.column}: {error.reason}") from error
    for name in sorted(expression.unknown):
        raise _invalid("condition", f'no function named "{name}"')


def _invalid(path: str, message: str) -> InvalidInput:
    return InvalidInput(f"{path} {message}", code="rule_invalid", problems=(Problem(path, message),))
