"""Ripple-down rules over HTTP: what was learnt about exceptions and worklets is shown, taught, explained, moved."""

from typing import Any

import msgspec
from flask import Response
from pydantic import BaseModel, Field, RootModel

from api.answers import answer
from api.cases import find_case
from api.context import parts, principal
from api.deployed import IDENTIFIER
from api.messages import Body, ListQuery, moment
from api.pages import page_of
from api.permissions import Permission
from api.routes import API, Routes
from api.scope import check_reach
from engine.errors import InvalidInput, NotFound, Problem
from engine.exceptions.repertoire import worklets_named
from engine.exceptions.ripple_down_rules import Answer, Rule, RuleSet, RuleTree
from engine.exceptions.rule_book import path_of, seen_by_rules
from engine.exceptions.rule_keeper import Lesson
from engine.names import case_of
from engine.store.registry import StoredSpecification

routes = Routes("rules")


class RulesAddress(BaseModel):
    """Names a specification, whatever version."""

    identifier: str


class Question(Body):
    """About which exception (or `selection` of a worklet) rules are asked, at which task (none: the case).

    What conditions see is the data of a case, with an item of it where there is one, and `data` above that: what an
    exception brought stands there as `exception: {kind, task, item, message, trigger}`.
    """

    kind: str = Field(max_length=50)
    task: str = Field("", max_length=100)
    case_id: str | None = Field(None, max_length=200)
    item_id: str | None = Field(None, max_length=200)
    data: dict[str, Any] = {}


class LessonBody(Question):
    """A rule: when `condition` (CEL) holds, what it concludes is right. The case asked about is its cornerstone.

    `conclusion`: a list of primitives, as under `on` of a specification; of a selection the name of a worklet, or
    `{worklet, version}`; null: nothing is to be done.
    """

    condition: str = Field(max_length=4000)
    conclusion: Any = None
    title: str | None = Field(None, max_length=200)


class RuleView(BaseModel):
    """A rule, and the rules beneath it: what corrects it where it holds, and what is asked where it does not."""

    id: str
    condition: str
    conclusion: Any
    cornerstone: dict[str, Any]
    corrected_by: str | None
    otherwise: str | None
    title: str | None
    added_at: str | None
    added_by: str


class TreeView(BaseModel):
    """The rules for one kind of exception at one task; rule `0` is always true and concludes nothing."""

    kind: str
    task: str
    rules: list[RuleView]


class RuleSetView(BaseModel):
    """What was learnt about a specification. `version` counts the changes."""

    specification: str
    version: int
    trees: list[TreeView]


class AnswerView(BaseModel):
    """What rules conclude, which one did (`0`: none), and the way there, a rule each."""

    rule: str
    conclusion: Any
    path: list[str]


class LearntView(AnswerView):
    """The rule that was added, and what is concluded by it."""

    added: RuleView


class RuleSetBody(RootModel[dict[str, Any]]):
    """A rule set as `GET` with `?form=export` gives it."""


class FormQuery(BaseModel):
    """`export`: as it can be put back."""

    form: str = Field("view", pattern="^(view|export)$")


@routes.get("/rules/<identifier>", Permission.SPECIFICATIONS_READ, {200: RuleSetView})
def get_rules(path: RulesAddress, query: FormQuery) -> Response:
    """Shows what was learnt about a specification."""
    rules = parts().rules.rule_set(_deployed(path.identifier).id)
    if query.form == "export":
        return Response(msgspec.json.encode(rules), content_type="application/json")
    return answer(_set_view(rules))


@routes.put("/rules/<identifier>", Permission.RULES_WRITE, {200: RuleSetView})
def put_rules(path: RulesAddress, body: RuleSetBody) -> Response:
    """Puts a rule set in the place of the present one, which must be of the version that was taken out."""
    return answer(_set_view(parts().rules.take_in(_deployed(path.identifier).id, body.root)))


@routes.post("/rules/<identifier>", Permission.RULES_WRITE, {201: LearntView})
def add_rule(path: RulesAddress, body: LessonBody) -> Response:
    """Adds a rule beneath the one that answers for the case at hand. It counts from the next exception on.

    Refused where the condition does not hold for that case, or another case for which a rule was made would be answered
    otherwise than before.
    """
    return _taught(path.identifier, body, only_check=False)


@routes.post("/rules/<identifier>/check", Permission.RULES_WRITE, {200: LearntView})
def check_rule(path: RulesAddress, body: LessonBody) -> Response:
    """Says what adding a rule would do, and changes nothing."""
    return _taught(path.identifier, body, only_check=True)


@routes.post("/rules/<identifier>/explain", Permission.SPECIFICATIONS_READ, {200: AnswerView})
def explain_rules(path: RulesAddress, body: Question) -> Response:
    """Says what the rules conclude about a case, and by which way."""
    deployed = _deployed(path.identifier)
    given = parts().rules.explain(deployed.id, body.kind, body.task, _data(deployed, body))
    return answer(_answer_view(given))


class WorkletUse(BaseModel):
    """Where a worklet is named: by rules (`selection`, or the kind of an exception), or under `on`, at a task."""

    specification: str
    kind: str
    task: str


class WorkletView(BaseModel):
    """A specification that rules or exlets name. `deployed`: its latest version, if there is one."""

    worklet: str
    deployed: str | None
    used_by: list[WorkletUse]


class WorkletList(BaseModel):
    """A page of worklets, by name."""

    items: list[WorkletView]
    next: str | None


@routes.get("/worklets", Permission.SPECIFICATIONS_READ, {200: WorkletList})
def list_worklets(query: ListQuery) -> Response:
    """Lists the repertoire: every specification that is named as a worklet, where, and whether it is deployed."""
    uses: dict[str, list[WorkletUse]] = {}
    identifiers = sorted({stored.id for stored in parts().registry.specifications() if principal().reaches(stored.id)})
    for identifier in identifiers:
        latest = parts().definitions.find(identifier, None)
        rules = parts().rules.rule_set(identifier)
        for worklet, kind, task in worklets_named(latest, rules):
            uses.setdefault(worklet, []).append(WorkletUse(specification=identifier, kind=kind, task=task))
    found, following = page_of(sorted(uses), lambda name: (0, name), query.limit, query.cursor)
    views = [
        WorkletView(worklet=name, deployed=parts().registry.latest_version(name), used_by=uses[name]) for name in found
    ]
    return answer(WorkletList(items=views, next=following))


def _taught(identifier: str, body: LessonBody, *, only_check: bool) -> Response:
    deployed = _deployed(identifier)
    lesson = Lesson(body.kind, body.task, body.condition, body.conclusion, _data(deployed, body), body.title)
    learnt = parts().rules.learn(deployed.id, lesson, principal().user, parts().store.now(), only_check=only_check)
    view = LearntView(
        rule=learnt.answer.rule,
        conclusion=learnt.answer.conclusion,
        path=list(path_of(learnt.answer)),
        added=_rule_view(learnt.rule),
    )
    location = {"Location": f"{API}/rules/{deployed.id}"}
    return answer(view, 200 if only_check else 201, {} if only_check else location)


def _deployed(identifier: str) -> StoredSpecification:
    check_reach(identifier)
    found = parts().registry.specification(identifier) if IDENTIFIER.fullmatch(identifier) else None
    if found is None:
        raise NotFound(f"no specification {identifier}", code="specification_not_found")
    return found


def _data(deployed: StoredSpecification, body: Question) -> dict[str, Any]:
    """What conditions see."""
    told = {"kind": body.kind, "task": body.task, "item": body.item_id, "message": "", "trigger": None}
    if body.case_id is None:
        return {"exception": told, "item": None, **body.data}
    case = find_case(body.case_id)
    if case.specification != deployed.id:
        message = f"case {case.id} is one of {case.specification}, not of {deployed.id}"
        raise InvalidInput(message, code="invalid_request", problems=(Problem("$.case_id", message),))
    item = parts().store.item(body.item_id) if body.item_id is not None else None
    if body.item_id is not None and (item is None or case_of(body.item_id) != case.id):
        raise NotFound(f"case {case.id} has no item {body.item_id}", code="item_not_found")
    return {**parts().runner.variables_of(case), "exception": told, "item": seen_by_rules(item), **body.data}


def _set_view(rules: RuleSet) -> RuleSetView:
    return RuleSetView(
        specification=rules.specification, version=rules.version, trees=[_tree_view(tree) for tree in rules.trees]
    )


def _tree_view(tree: RuleTree) -> TreeView:
    in_order = sorted(tree.rules.values(), key=lambda rule: int(rule.id))
    return TreeView(kind=tree.kind, task=tree.task, rules=[_rule_view(rule) for rule in in_order])


def _rule_view(rule: Rule) -> RuleView:
    return RuleView(
        id=rule.id,
        condition=rule.condition,
        conclusion=rule.conclusion,
        cornerstone=rule.cornerstone,
        corrected_by=rule.except_,
        otherwise=rule.otherwise,
        title=rule.title,
        added_at=moment(rule.added_at),
        added_by=rule.added_by,
    )


def _answer_view(given: Answer) -> AnswerView:
    return AnswerView(rule=given.rule, conclusion=given.conclusion, path=list(path_of(given)))
