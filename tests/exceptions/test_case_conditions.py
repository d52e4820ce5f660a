"""Pre- and postconditions of whole cases: `requires` and `ensures` of a net."""

from typing import Any

import pytest

from engine.case import CaseStatus
from engine.errors import InvalidInput
from engine.items.work_item import ItemState
from engine.spec.diagnostics import SpecificationInvalid
from engine.spec.model import Specification
from tests.exceptions.bench import Bench, call_customer, specification

COUNTED = {"n": {"schema": {"type": "integer"}, "input": True, "default": 0}}
COUNT = {"kind": "human", "offer": {"roles": ["clerk"]}, "output": {"n": "$.n"}, "next": "end"}


def counting(**more: Any) -> Specification:
    """A case of one task, which sets `n`."""
    return specification("counting", {"variables": COUNTED, "start": "count", "tasks": {"count": COUNT}, **more})


def ensuring(*exlet: Any, **more: Any) -> Specification:
    """A case that is to end with a positive `n`, and what is done when it would not."""
    return counting(ensures="n > 0", on={"constraint_violation": list(exlet)}, **more)


def test_a_case_whose_net_requires_what_does_not_hold_is_not_taken(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as refused:
        bench.start(counting(requires="n > 3"), n=3)
    assert refused.value.code == "precondition_unmet"
    assert [(each.path, each.message) for each in refused.value.problems] == [("requires", "'n > 3' does not hold")]
    assert bench.start(counting(requires="n > 3"), n=4).status is CaseStatus.RUNNING


def test_a_requirement_that_cannot_be_evaluated_is_not_met(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="does not begin"):
        bench.start(counting(requires="12 / n > 3"))


def test_a_child_whose_net_requires_what_does_not_hold_fails_at_its_beginning(bench: Bench) -> None:
    below = {"variables": COUNTED, "start": "count", "tasks": {"count": COUNT}, "requires": "n > 3"}
    run = {"kind": "composite", "net": "below", "input": {"n": "$.n"}, "next": "end"}
    above = specification("above", {"variables": COUNTED, "start": "run", "tasks": {"run": run}}, nets={"below": below})
    case = bench.start(above, n=1)
    [child] = case.children()
    assert child.status is CaseStatus.FAILED and child.case.failure is not None
    assert (child.case.failure.kind, child.items("count")) == ("constraint_violation", [])
    case.drain()
    assert case.status is CaseStatus.FAILED
    bench.check_replay()


@pytest.mark.parametrize("termination", ["explicit", "implicit"])
def test_a_case_that_does_not_ensure_what_it_should_fails(bench: Bench, termination: str) -> None:
    case = bench.start(counting(ensures="n > 0", termination=termination))
    case.do("count", n=0)
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert "is to ensure 'n > 0', and it does not hold" in case.case.failure.message
    bench.check_replay()


@pytest.mark.parametrize("termination", ["explicit", "implicit"])
def test_a_case_that_ensures_what_it_should_completes(bench: Bench, termination: str) -> None:
    case = bench.start(counting(ensures="n > 0", termination=termination))
    case.do("count", n=1)
    assert case.status is CaseStatus.COMPLETED


def test_a_worklet_may_set_right_what_is_to_be_ensured(bench: Bench) -> None:
    worklet = {"worklet": "call-customer", "input": {"amount": "$.n"}, "output": {"n": "$.answer"}}
    case = bench.start(ensuring({"compensate": worklet}), call_customer())
    case.do("count", n=0)
    assert case.status is CaseStatus.RUNNING
    [worked] = case.children()
    worked.do("call", answer=7)
    case.drain()
    assert (case.status, case.case.data["n"]) == (CaseStatus.COMPLETED, 7)
    bench.check_replay()


def test_what_still_does_not_hold_after_it_was_handled_fails_the_case(bench: Bench) -> None:
    worklet = {"worklet": "call-customer", "input": {"amount": "$.n"}, "output": {"n": "$.answer"}}
    case = bench.start(ensuring({"compensate": worklet}), call_customer())
    case.do("count", n=0)
    [worked] = case.children()
    worked.do("call", answer=-1)
    case.drain()
    assert case.status is CaseStatus.FAILED and case.case.failure is not None
    assert "still, after it was handled" in case.case.failure.message
    bench.check_replay()


@pytest.mark.parametrize("termination", ["explicit", "implicit"])
def test_a_rollback_has_it_done_again(bench: Bench, termination: str) -> None:
    case = bench.start(ensuring({"rollback": "count"}, termination=termination))
    case.do("count", n=0)
    assert case.states("count") == [ItemState.COMPLETED, ItemState.OFFERED]
    case.do("count", n=2)
    assert case.status is CaseStatus.COMPLETED
    bench.check_replay()


def test_a_condition_names_variables_of_its_net() -> None:
    with pytest.raises(SpecificationInvalid) as refused:
        counting(ensures="m > 0")
    assert [each.path for each in refused.value.diagnostics] == ["nets.main.ensures"]
