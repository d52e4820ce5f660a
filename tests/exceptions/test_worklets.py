"""Worklets: chosen by rules when their task begins, run as child cases, replaced while they run."""

from typing import Any

from engine.case import CaseStatus
from engine.events import ExceptionRaised
from engine.exceptions.ripple_down_rules import SELECTION, Rule, RuleSet, RuleTree, add_rule, next_id
from engine.spec.model import Specification
from engine.worklist import Worklist
from tests.exceptions.bench import Bench, call_customer, specification
from tests.patterns.played import Played


def learns(bench: Bench, name: str, kind: str, condition: str, conclusion: Any, task: str = "", **data: Any) -> None:
    """A rule is added for a case with these data."""
    rules = bench.rules.get(name, RuleSet(name))
    tree = rules.tree(kind, task) or RuleTree(kind, task)
    rule = Rule(next_id(tree), condition, conclusion, data)
    bench.rules[name] = rules.with_tree(add_rule(tree, rule))


def ward(**treat: Any) -> Specification:
    variables = {"pain": {"input": True}, "relief": {"default": None}}
    task = {"kind": "composite", "worklet": True, "next": "end", **treat}
    return specification("ward", {"variables": variables, "start": "treat", "tasks": {"treat": task}})


def relieving(name: str) -> Specification:
    give = {"kind": "human", "offer": {"roles": ["nurse"]}, "output": {"relief": "$.relief"}, "next": "end"}
    variables = {"pain": {"input": True, "default": 0}, "relief": {"output": True}}
    return specification(name, {"variables": variables, "start": "give", "tasks": {"give": give}})


def treated(bench: Bench, pain: int, **treat: Any) -> Played:
    learns(bench, "ward", SELECTION, "pain > 3", "tablet", "treat", pain=5)
    learns(bench, "ward", SELECTION, "pain > 7", {"worklet": "infusion", "version": "1"}, "treat", pain=9)
    return bench.start(ward(**treat), relieving("tablet"), relieving("infusion"), pain=pain)


def runs(case: Played) -> list[tuple[str, CaseStatus]]:
    return [(child.case.specification, child.status) for child in case.children()]


def test_the_rules_choose_a_worklet_for_each_case(bench: Bench) -> None:
    case = treated(bench, 9)
    assert runs(case) == [("infusion", CaseStatus.RUNNING)]
    [picked] = [note.detail for entry in case.journal for note in entry.notes if note.what == "picked"]
    assert picked == {"worklet": "infusion", "rules": ["1: pain > 3 held", "2: pain > 7 held"]}


def test_what_goes_in_and_comes_back_is_known_by_name(bench: Bench) -> None:
    case = treated(bench, 5)
    [worklet] = case.children()
    assert worklet.case.data == {"pain": 5}
    worklet.do("give", relief="yes")
    case.drain()
    assert case.status is CaseStatus.COMPLETED and case.case.data["relief"] == "yes"


def test_a_mapping_that_is_written_counts(bench: Bench) -> None:
    case = treated(bench, 5, input={"pain": {"expr": "pain + 1"}}, output={"relief": {"value": "mapped"}})
    [worklet] = case.children()
    assert worklet.case.data["pain"] == 6
    worklet.do("give", relief="yes")
    case.drain()
    assert case.case.data["relief"] == "mapped"


def test_without_a_rule_that_says_so_a_task_runs_what_is_written(bench: Bench) -> None:
    assert runs(treated(bench, 2, specification={"id": "tablet"})) == [("tablet", CaseStatus.RUNNING)]


def test_a_task_for_which_no_rule_and_nothing_written_says_what_to_run_fails(bench: Bench) -> None:
    case = treated(bench, 2)
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert case.case.failure.kind == "child_failed" and "no rule picks a worklet" in case.case.failure.message


def test_a_worklet_is_replaced_by_what_was_learnt_since(bench: Bench) -> None:
    case = treated(bench, 5)
    case.give(pain=8)
    [worklet] = case.children()
    Worklist(bench.store, case.runner).replace_worklet(worklet.id, "ann")
    case.drain()
    assert runs(case) == [("tablet", CaseStatus.CANCELLED), ("infusion", CaseStatus.RUNNING)]
    case.children()[1].do("give", relief="yes")
    case.drain()
    assert case.status is CaseStatus.COMPLETED


def test_each_instance_has_a_worklet_of_its_own(bench: Bench) -> None:
    several = {"each": {"value": [2, 5, 9]}, "as": "pain_here", "gather": {"variable": "relief", "from": "$.relief"}}
    case = treated(bench, 0, instances=several, input={"pain": "$.pain_here"}, specification={"id": "tablet"})
    assert [name for name, _ in runs(case)] == ["tablet", "tablet", "infusion"]
    for child in case.children():
        child.do("give", relief=child.id)
        case.drain()
    assert case.case.data["relief"] == [child.id for child in case.children()]


def test_what_was_learnt_comes_before_what_is_written(bench: Bench) -> None:
    do = {"kind": "human", "offer": {"roles": ["clerk"]}, "next": "end"}
    main = {"variables": {"amount": {"default": 5}}, "start": "do", "tasks": {"do": do}}
    written = specification("taught", main, on={"external_trigger": [{"remove": "case"}]})
    trigger = "exception.trigger == 'late' && amount > 3"
    called = [{"compensate": "call-customer"}]
    learns(bench, "taught", "external_trigger", trigger, called, amount=5, exception={"trigger": "late"})
    case = bench.start(written, call_customer())
    case.happens(ExceptionRaised("late", "ann"))
    assert runs(case) == [("call-customer", CaseStatus.RUNNING)]
    case.happens(ExceptionRaised("fire", "ann"))
    assert len(case.children()) == 1, "the first one is being handled"
    case.children()[0].do("call", answer="x")
    case.drain()
    case.happens(ExceptionRaised("fire", "ann"))
    assert case.status is CaseStatus.CANCELLED


def test_a_rule_sees_the_item(bench: Bench) -> None:
    do = {"kind": "human", "offer": {"roles": ["clerk"]}, "input": {"size": 3}, "next": "end"}
    main = {"variables": {}, "start": "do", "tasks": {"do": do}}
    condition = "item.state == 'started' && item.owner == 'ann' && item.input.size == 3"
    item = {"state": "started", "owner": "ann", "input": {"size": 3}}
    learns(bench, "seen", "external_trigger", condition, ["complete"], "do", item=item)
    case = bench.start(specification("seen", main))
    case.happens(ExceptionRaised("late", "ann", case.start("do")))
    assert case.status is CaseStatus.COMPLETED


def test_a_conclusion_that_makes_no_sense_here_leaves_the_case_to_what_is_written(bench: Bench) -> None:
    do = {"kind": "automated", "connector": "echo", "next": "end", "on": {"connector_failed": ["complete"]}}
    tree = RuleTree("connector_failed", "")
    bad = Rule("1", "true", ["restart", "complete"])
    rules = {**tree.rules, "0": Rule("0", "true", except_="1"), "1": bad}
    bench.rules["bad"] = RuleSet("bad", 1, (RuleTree("connector_failed", "", rules),))
    case = bench.start(specification("bad", {"start": "do", "tasks": {"do": do}}))
    case.fail_call(case.call("do"))
    assert case.status is CaseStatus.COMPLETED
    assert any(note.what == "refused" for entry in case.journal for note in entry.notes)
