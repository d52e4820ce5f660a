"""CEL over a net's variables: types are kept apart, null exists, and what fails is never false."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.expressions import (
    FUNCTIONS,
    LONGEST_EXPRESSION,
    ExpressionFailed,
    ExpressionSyntax,
    compile_expression,
)
from tests.data.documents import JSON

ORDER: Any = {"id": "a-1", "lines": [{"sku": "lamp", "qty": 2}, {"sku": "sofa", "qty": 1}]}

UNLIKE = "an operation is not defined for values of these types (int and double do not mix: use double(x))"


def value(text: str, **data: Any) -> Any:
    return compile_expression(text).evaluate(data)


def failure(text: str, **data: Any) -> str:
    with pytest.raises(ExpressionFailed) as raised:
        value(text, **data)
    return raised.value.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order.id", "a-1"),
        ("size(order.lines)", 2),
        ("order.lines[0].qty + 1", 3),
        ("order.lines.all(l, l.qty > 0)", True),
        ("order.lines.exists(l, l.qty > 1)", True),
        ("order.lines.filter(l, l.qty > 1).map(l, l.sku)", ["lamp"]),
        ("{'a': [1, null]}", {"a": [1, None]}),
        ("'sku' in order.lines[0]", True),
        ("has(order.note)", False),
        ("has(order.id) ? order.id : 'none'", "a-1"),
        ("false && 1 / 0 == 1", False),
    ],
)
def test_an_expression_has_a_value_of_json(text: str, expected: Any) -> None:
    assert value(text, order=ORDER) == expected


@given(JSON)
def test_what_is_in_a_variable_comes_out_unchanged(document: Any) -> None:
    found = value("v", v=document)
    assert found == document and type(found) is type(document)


def test_an_unset_variable_exists_and_is_null() -> None:
    assert value("v == null", v=None) is True
    assert value("v != null && v > 1", v=None) is False


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("v / 2", 3, 1),
        ("v / 2.0", 3.0, 1.5),
        ("double(v) / 2.0", 3, 1.5),
        ("v == 3.0", 3, True),
        ("v < 3.5", 3, True),
        ("int(v)", 3.9, 3),
    ],
)
def test_a_number_without_fraction_is_an_int_and_any_other_a_double(text: str, number: Any, expected: Any) -> None:
    found = value(text, v=number)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(("text", "number"), [("v + 1", 1.0), ("v + 1.0", 1), ("v * 2.5", 2)])
def test_ints_and_doubles_are_not_mixed_in_arithmetic(text: str, number: Any) -> None:
    assert failure(text, v=number) in (UNLIKE, "Unsupported operation: float + int")


def test_a_double_that_is_whole_stays_a_double() -> None:
    assert isinstance(value("v", v=2.0), float) and isinstance(value("[v]", v=2.0)[0], float)


# -- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("order.note", "there is no key 'note'"),
        ("order.lines[5].sku", "index out of bounds: 5"),
        ("1 / 0", "division by zero in CEL expression"),
        ("9223372036854775807 + 1", "Arithmetic overflow in 'add' on 9223372036854775807 and 1"),
        ("unset > 1", UNLIKE),
        ("size(unset)", "the function size cannot take these values"),
        ("'a' + 1", "Unsupported operation: string + int"),
        ("int('x')", "Function 'int' error: string parse error: invalid digit found in string"),
        ("order.id ? 1 : 2", UNLIKE),
    ],
)
def test_what_cannot_be_evaluated_fails_with_its_reason(text: str, reason: str) -> None:
    assert failure(text, order=ORDER, unset=None) == reason


@pytest.mark.parametrize("text", ["1", "'true'", "null", "[]", "order"])
def test_a_predicate_that_is_neither_true_nor_false_fails(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="is neither true nor false"):
        compile_expression(text).holds({"order": ORDER})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{1: 2}", "gives what JSON does not have: $ has the key 1, which is not a string"),
        ("1.0 / 0.0", "gives what JSON does not have: $ is not a finite number"),
        ("18446744073709551615u", "gives what JSON does not have: $ is an integer beyond 64 bits; send it as a string"),
        ("b'ab'", "gives a bytes, which JSON does not have; use string(...)"),
        ("timestamp('2024-01-01T00:00:00Z')", "gives a datetime, which JSON does not have; use string(...)"),
        ("[duration('1s')]", "gives what JSON does not have: $[0] is a timedelta, which JSON does not have"),
    ],
)
def test_a_value_that_json_does_not_have_is_a_failure(text: str, reason: str) -> None:
    assert failure(text) == reason


def test_a_pattern_is_matched_in_linear_time() -> None:
    assert value("v.matches('(a+)+$')", v="a" * 50_000 + "b") is False


# -- what it needs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a + b.c", {"a", "b"}),
        ("lines.all(l, l.qty > low)", {"lines", "low"}),
        ("lines.map(l, l.parts.filter(p, p.n > l.n))", {"lines"}),
        ("l + lines.map(l, l.qty)[0]", {"l", "lines"}),
        ("lines.map(l, l.qty)[0] + l", {"l", "lines"}),
        ("lines.map(lines, lines.qty)", {"lines"}),
        ("a.map(x, b.map(x, x)) == x", {"a", "b", "x"}),
        ("a.map(k, {'k': k, 'l': [k]})", {"a"}),
        ("a.exists_one(x, x == ')') && 'x' == \"x\"", {"a"}),
        ("lines . exists ( l , l.qty > 0 )", {"lines"}),
        ("has(a.b)", {"a"}),
        ("size('a') == 1 && r'\\' != \"b\\\"c\"", set()),
        ("true ? null : 1", set()),
    ],
)
def test_the_variables_it_needs_are_those_that_no_macro_binds(text: str, names: set[str]) -> None:
    assert compile_expression(text).variables == names


def test_a_macro_may_use_the_name_of_a_variable() -> None:
    assert value("l + lines.map(l, l * 2)[0]", l=1, lines=[5]) == 11
    assert value("lines.map(lines, lines * 2)", lines=[5]) == [10]


@pytest.mark.parametrize("name", ["type", "int", "string", "size", "all", "has", "map", "list", "optional"])
def test_a_variable_may_have_the_name_of_a_function(name: str) -> None:
    assert value(f"{name} == 'x'", **{name: "x"}) is True


def test_functions_that_there_are_not_are_known_when_it_is_compiled() -> None:
    assert compile_expression("length(a) + size(b) + c.trim()").unknown == {"length", "trim"}
    assert compile_expression("a.all(x, has(x.y)) ? -1 : [2][0] % 2").unknown == set()


@pytest.mark.parametrize(
    "text",
    [
        "size('a')", "'a'.contains('a')", "'a'.startsWith('a')", "'a'.endsWith('a')", "'a'.matches('a')", "string(1)",
        "int('1')", "uint(1)", "double('1')", "string(bytes('a'))", "type(1)", "dyn(1)",
        *(f"timestamp('2024-01-01T00:00:00Z').{name}()" for name in sorted(FUNCTIONS) if name.startswith("get")),
        "duration('1m').getSeconds()",
    ],
)  # fmt: skip
def test_every_function_of_the_list_is_there(text: str) -> None:
    assert compile_expression(text).unknown == set()
    assert value(text) is not None


# -- syntax --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("a >", 4, "it ends too early"),
        ("", 1, "it is empty"),
        ("  ", 1, "it is empty"),
        ("a = 1", 3, "'=' does not belong here"),
        ("a > 1 b", 7, "'b' does not belong here"),
        ("a &&\n  > 1", 8, "'>' does not belong here"),
        ("has(a)", 5, "invalid argument to has() macro"),
        ("x" * (LONGEST_EXPRESSION + 1), 1, f"it is longer than {LONGEST_EXPRESSION} characters"),
    ],
)
def test_what_is_not_cel_is_refused_with_the_place(text: str, column: int, reason: str) -> None:
    with pytest.raises(ExpressionSyntax) as raised:
        compile_expression(text)
    assert (raised.value.column, raised.value.reason) == (column, reason)


@given(st.text(max_size=30) | st.text(st.sampled_from(list("abl.,()[]{}'\"\\+-?:&|!=<>0 rmap\n")), max_size=30))
def test_any_text_is_cel_or_is_refused(text: str) -> None:
    try:
        compile_expression(text)
    except ExpressionSyntax as refused:
        assert refused.reason and refused.column >= 1


@pytest.mark.parametrize("text", ["(" * 1900 + "1" + ")" * 1900, "[" * 1900 + "]" * 1900, "-" * 3900 + "1"])
def test_what_is_nested_deeply_ends_no_process(text: str) -> None:
    try:
        compile_expression(text)
    except ExpressionSyntax as refused:
        assert refused.reason


def test_an_expression_is_compiled_once() -> None:
    assert compile_expression("a + 1") is compile_expression("a + 1")
