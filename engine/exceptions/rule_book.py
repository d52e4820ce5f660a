"""The rules as a case asks them: what is known of the case goes in, an exlet or a worklet comes out.

This is the small port between the engine and the rules: the engine knows neither trees nor where they are kept, the
rules know nothing of nets.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from engine.effects import AskRule, PickWorklet
from engine.errors import InvalidInput, Problem
from engine.events import RuleAnswered, WorkletPicked
from engine.exceptions.exlets import WITHOUT_ITEM, ExletInvalid, read_exlet
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.ripple_down_rules import ROOT, SELECTION, Answer, RuleSet, answer
from engine.items.work_item import WorkItem

MOST_PATH = 100
"""Rules of a path that a journal tells."""


class Rules(Protocol):
    """Whom a case asks what to do."""

    def conclude(self, specification: str, question: AskRule, data: Mapping[str, Any]) -> RuleAnswered:
        """What is to be done about an exception."""

    def pick(self, specification: str, question: PickWorklet, data: Mapping[str, Any]) -> WorkletPicked:
        """Which worklet a task runs."""


class NoRules:
    """Nothing was learnt."""

    def conclude(self, specification: str, question: AskRule, data: Mapping[str, Any]) -> RuleAnswered:
        return RuleAnswered(question.number)

    def pick(self, specification: str, question: PickWorklet, data: Mapping[str, Any]) -> WorkletPicked:
        return WorkletPicked(question.number, question.data)


class RuleBook:
    """The rule sets of all specifications; `read` gives the one of a specification as it is now."""

    def __init__(self, read: Callable[[str], RuleSet | None]) -> None:
        self._read = read

    def conclude(self, specification: str, question: AskRule, data: Mapping[str, Any]) -> RuleAnswered:
        found = self._asked(specification, question.kind, question.task, {**data, "exception": _told(question)})
        if found is None or found.rule == ROOT or found.conclusion is None:
            return RuleAnswered(question.number, path=path_of(found))
        try:
            exlet = read_exlet(found.conclusion, item=question.kind not in WITHOUT_ITEM)
        except ExletInvalid as invalid:
            return RuleAnswered(question.number, path=path_of(found), error=f"rule {found.rule}: {invalid}")
        return RuleAnswered(question.number, exlet, path_of(found))

    def pick(self, specification: str, question: PickWorklet, data: Mapping[str, Any]) -> WorkletPicked:
        found = self._asked(specification, SELECTION, question.task, {**data, **question.data})
        chosen = found.conclusion if found is not None else None
        if isinstance(chosen, str):
            chosen = {"worklet": chosen}
        if found is None or not isinstance(chosen, dict):
            return WorkletPicked(question.number, question.data, path=path_of(found))
        return WorkletPicked(question.number, question.data, chosen["worklet"], chosen.get("version"), path_of(found))

    def _asked(self, specification: str, kind: str, task: str, data: Mapping[str, Any]) -> Answer | None:
        rules = self._read(specification)
        tree = rules.tree(kind, task) if rules is not None else None
        return answer(tree, data) if tree is not None else None


def seen_by_rules(item: WorkItem | None) -> dict[str, Any] | None:
    """What a condition sees as `item`; null where no person has one."""
    if item is None:
        return None
    return {
        "state": str(item.state),
        "owner": item.owner,
        "offered_to": list(item.offered_to),
        "input": item.input,
        "output": item.output,
        "priority": item.priority,
    }


def path_of(found: Answer | None) -> tuple[str, ...]:
    """The way to an answer, a rule each: `3: amount > 10 held`."""
    if found is None:
        return ()
    asked = [each for each in found.path if each.rule != ROOT][-MOST_PATH:]
    return tuple(
        f"{each.rule}: {each.condition} {'held' if each.held else 'did not hold'}"
        f"{f' ({each.failed})' if each.failed else ''}"
        for each in asked
    )


def check_conclusion(kind: str) -> Callable[[Any], None]:
    """Raises `InvalidInput` (`rule_invalid`) for what rules of a kind cannot conclude. Nothing is always possible."""

    def check(conclusion: Any) -> None:
        if conclusion is None:
            return
        if kind == SELECTION:
            _check_worklet(conclusion)
            return
        try:
            read_exlet(conclusion, item=kind not in WITHOUT_ITEM)
        except ExletInvalid as invalid:
            problems = [
                Problem(".".join(["conclusion", *map(str, path)]), message) for path, message in invalid.problems
            ]
            raise InvalidInput(str(invalid), code="rule_invalid", problems=problems) from invalid

    return check


def check_kind(kind: str) -> None:
    """Raises `InvalidInput` (`rule_invalid`) for a kind there are no rules of."""
    known = [*ExceptionKind, SELECTION]
    if kind not in known:
        message = f"must be one of {', '.join(known)}"
        raise InvalidInput(f"kind {message}", code="rule_invalid", problems=(Problem("kind", message),))


def _check_worklet(conclusion: Any) -> None:
    written = {"worklet": conclusion} if isinstance(conclusion, str) else conclusion
    keys = set(written) if isinstance(written, dict) else set()
    if (
        "worklet" not in keys
        or not keys <= {"worklet", "version"}
        or not all(isinstance(each, str) and each for each in written.values())
    ):
        message = "must be the name of a worklet, or {worklet, version}"
        raise InvalidInput(f"conclusion {message}", code="rule_invalid", problems=(Problem("conclusion", message),))


def _told(question: AskRule) -> dict[str, Any]:
    """What a condition sees as `exception`."""
    return {
        "kind": str(question.kind),
        "task": question.task,
        "item": question.item,
        "message": question.message,
        "trigger": question.trigger,
    }
