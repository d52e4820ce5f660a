"""Mappings: a string that begins with $ is a path, any other value is itself; outputs are applied all or none."""

from typing import Any

import pytest

from engine.data.expressions import ExpressionFailed
from engine.data.mapping import InputMapping, OutputMapping, ValidationFailed
from engine.errors import Problem
from engine.spec.model import Specification, Task
from engine.spec.read import read_specification

DATA: dict[str, Any] = {
    "order": {"id": "a-1", "lines": [{"sku": "lamp", "n": 2}, {"sku": "sofa", "n": 1}], "note": None},
    "stock": None,
    "names": None,
    "done": False,
}


def specification(body: str) -> Specification:
    return read_specification(f"""
specification: s
version: "1"
nets:
  main:
    variables:
      order: {{}}
      stock: {{schema: {{type: integer}}}}
      names: {{schema: {{type: array, items: {{type: string}}}}}}
      done: {{schema: {{type: boolean}}}}
    start: A
    tasks:
      A: {{kind: automated, connector: echo, next: end, {body}}}
""")


def task(body: str) -> Task:
    return specification(body).main.tasks["A"]


def given(written: str) -> Any:
    """The input of a task, for one key `x`."""
    mapping = task(f"input: {{x: {written}}}").input
    assert isinstance(mapping, InputMapping)
    return mapping.apply(DATA)


def output(written: str) -> OutputMapping:
    mapping = task(f"output: {written}").output
    assert mapping is not None
    return mapping


def problems(mapping: OutputMapping, document: Any) -> list[Problem]:
    with pytest.raises(ValidationFailed) as raised:
        mapping.apply(document, DATA)
    return list(raised.value.problems)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"$.order.id"', "a-1"),
        ('"$.order.lines[*].sku"', ["lamp", "sofa"]),
        ('"$.order.lines[*].none"', []),
        ('"$"', DATA),
        ("north", "north"),
        ('"a $.b"', "a $.b"),
        ("5", 5),
        ("null", None),
        ("[1, $.order.id]", [1, "$.order.id"]),
        ("{a: $.order.id}", {"a": "$.order.id"}),
        ("{}", {}),
        ("{value: $.order.id}", "$.order.id"),
        ("{value: {path: x}}", {"path": "x"}),
        ("{path: $.order.id}", "a-1"),
        ('{expr: "size(order.lines) + 1"}', 3),
        ("{path: $.order.none, default: north}", "north"),
        ("{path: $.order.none, default: null}", None),
        ("{path: $.order.note, default: none}", None),
        ("{path: '$.order.lines[*].n', transform: sum}", 3),
        ("{value: abc, transform: upper}", "ABC"),
        ("{path: $.order.none, default: abc, transform: upper}", "abc"),
    ],
)
def test_a_source_means_what_it_says(written: str, value: Any) -> None:
    assert given(written) == {"x": value}


def test_an_input_whose_path_finds_nothing_is_left_out() -> None:
    assert given("$.order.none") == {}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{path: $.order.none, required: true}", "$.order.none is required and finds nothing"),
        ("{path: $.order.id, transform: number}", "$.order.id transform number: 'a-1' is not a number"),
    ],
)
def test_what_cannot_be_had_is_a_problem_of_its_key(written: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        given(written)
    assert raised.value.problems == (("input.x", message),)


def test_an_expression_that_fails_is_no_matter_of_missing_data() -> None:
    with pytest.raises(ExpressionFailed, match="there is no key 'none'"):
        given('{expr: "order.none"}')


def test_an_unset_variable_is_null_and_null_is_a_value() -> None:
    assert given("{path: $.stock, default: 7}") == {"x": None}


# -- output --------------------------------------------------------------------------------------------------------


def test_outputs_set_the_variables_they_name() -> None:
    mapping = output("{stock: $.body.n, names: '$.body.lines[*].sku'}")
    assert mapping.apply({"body": {"n": 3, "lines": [{"sku": "a"}]}}, DATA) == {"stock": 3, "names": ["a"]}


def test_a_path_that_finds_nothing_leaves_its_variable_unchanged() -> None:
    assert output("{stock: $.none, done: true}").apply({}, DATA) == {"done": True}


def test_null_that_is_found_must_fit_the_variable_too() -> None:
    assert problems(output("{stock: $.n}"), {"n": None}) == [("output.stock", '$ null is not of type "integer"')]


def test_outputs_are_applied_all_or_none_and_every_mismatch_is_named() -> None:
    mapping = output("{done: $.done, stock: $.n, names: $.names}")
    assert problems(mapping, {"done": True, "n": "3", "names": ["a", 1]}) == [
        ("output.stock", '$ "3" is not of type "integer"'),
        ("output.names", '$[1] 1 is not of type "string"'),
    ]
    assert DATA["done"] is False


def test_a_default_stands_for_what_is_not_found() -> None:
    assert output("{stock: {path: $.n, default: 0}}").apply({}, DATA) == {"stock": 0}


def test_what_is_required_and_not_found_is_a_problem() -> None:
    mapping = output("{stock: {path: $.n, required: true}}")
    assert problems(mapping, {}) == [("output.stock", "$.n is required and finds nothing")]


def test_paths_of_an_output_see_only_what_the_task_gave_back() -> None:
    assert output("{stock: $.order.n}").apply({"order": {"n": 5}}, DATA) == {"stock": 5}


def test_an_expression_of_an_output_sees_the_variables_and_what_the_task_gave_back() -> None:
    mapping = output('{stock: {expr: "output.n + size(order.lines)"}}')
    assert mapping.apply({"n": 5}, DATA) == {"stock": 7}


def test_a_transformed_value_must_fit_the_variable() -> None:
    assert output("{stock: {path: $.n, transform: integer}}").apply({"n": "12"}, DATA) == {"stock": 12}
    assert problems(output("{stock: {path: $.n, transform: string}}"), {"n": 12}) == [
        ("output.stock", '$ "12" is not of type "integer"')
    ]


@pytest.mark.parametrize("document", [None, 1, "x", [], {}])
def test_a_task_may_give_back_anything(document: Any) -> None:
    assert output("{stock: $.n, done: true}").apply(document, DATA) == {"done": True}
