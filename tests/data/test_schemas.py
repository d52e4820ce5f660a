"""JSON Schema 2020-12: what does not fit is named with its path, nothing is fetched, no pattern can hang."""

from time import process_time
from typing import Any

import pytest

from engine.data.schemas import MOST_PROBLEMS, SchemaInvalid, check_definitions, compile_schema
from engine.errors import Problem

DEFINITIONS: dict[str, Any] = {
    "Line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "qty": {"minimum": 1}}},
    "Order": {"type": "object", "properties": {"lines": {"type": "array", "items": {"$ref": "#/schemas/Line"}}}},
    "Tree": {"type": "object", "properties": {"under": {"type": "array", "items": {"$ref": "#/schemas/Tree"}}}},
}


def problems(schema: Any, value: Any) -> list[Problem]:
    return list(compile_schema(schema, DEFINITIONS).check(value))


def refused(schema: Any, definitions: dict[str, Any] = DEFINITIONS) -> SchemaInvalid:
    with pytest.raises(SchemaInvalid) as raised:
        compile_schema(schema, definitions)
    return raised.value


@pytest.mark.parametrize("schema", [{"$ref": "#/schemas/Order"}, {"allOf": [{"$ref": "#/schemas/Order"}]}])
def test_a_schema_refers_to_one_that_refers_to_another(schema: Any) -> None:
    assert problems(schema, {"lines": [{"sku": "lamp"}]}) == []
    assert sorted(problems(schema, {"lines": [{"sku": "lamp"}, {"sku": 1, "qty": 0}]})) == [
        ("$.lines[1].qty", "0 is less than the minimum of 1"),
        ("$.lines[1].sku", '1 is not of type "string"'),
    ]


def test_a_part_of_a_shared_schema_can_be_meant() -> None:
    assert problems({"$ref": "#/schemas/Line/properties/qty"}, 0) == [("$", "0 is less than the minimum of 1")]


def test_a_shared_schema_may_refer_to_itself() -> None:
    schema = {"$ref": "#/schemas/Tree"}
    assert problems(schema, {"under": [{"under": []}]}) == []
    assert problems(schema, {"under": [{"under": [1]}]}) == [("$.under[0].under[0]", '1 is not of type "object"')]


def test_a_schema_may_have_definitions_of_its_own() -> None:
    schema = {"$defs": {"Id": {"type": "string"}}, "properties": {"id": {"$ref": "#/$defs/Id"}}}
    assert problems(schema, {"id": 1}) == [("$.id", '1 is not of type "string"')]


def test_true_and_false_are_schemas() -> None:
    assert problems(True, 1) == []
    assert problems(False, 1) != []


@pytest.mark.parametrize(("value", "fits"), [(1, True), (1.0, True), (1e300, True), (1.5, False), (True, False)])
def test_a_number_that_is_whole_is_an_integer_however_it_is_written(value: Any, fits: bool) -> None:
    assert (problems({"type": "integer"}, value) == []) is fits


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_greatest_integers_are_compared_exactly(number: int) -> None:
    assert problems({"const": number}, number) == []
    assert problems({"const": number}, number + (-1 if number > 0 else 1)) != []


def test_null_is_of_the_type_null_only() -> None:
    assert problems({"type": "string"}, None) == [("$", 'null is not of type "string"')]
    assert problems({"type": ["string", "null"]}, None) == []


def test_so_many_problems_are_named_and_no_more() -> None:
    assert len(problems({"items": {"type": "string"}}, [1] * 1000)) == MOST_PROBLEMS


def test_a_format_is_a_remark_and_checks_nothing() -> None:
    assert problems({"format": "date"}, "tomorrow") == []


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference", ["https://example.com/a.json", "file:///etc/passwd", "Order", "other.json#/x", "urn:x:y"]
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_nothing_is_fetched(keyword: str, reference: str) -> None:
    invalid = refused({"items": {keyword: reference}})
    assert invalid.reason == f'refers to "{reference}", and nothing is fetched: write it under `schemas`'
    assert invalid.path == ("items", keyword)


@pytest.mark.parametrize(
    ("schema", "path", "reason"),
    [
        ({"type": "strng"}, ("type",), '"strng" is not a type of JSON Schema (did you mean "string"?)'),
        ({"type": ["null", "int"]}, ("type",), '"int" is not a type of JSON Schema (did you mean "integer"?)'),
        ({"required": "a"}, ("required",), 'is no JSON Schema: "a" is not of type "array"'),
        ({"properties": {"a": 5}}, ("properties", "a"), 'is no JSON Schema: 5 is not of types "boolean", "object"'),
        ({"$ref": 5}, ("$ref",), 'is no JSON Schema: 5 is not of type "string"'),
        ({"$ref": "#/schemas/X"}, ("$ref",), 'refers to "#/schemas/X", which is not there'),
        ({"$ref": "#/nowhere"}, (), "is no JSON Schema: Pointer '/nowhere' does not exist"),
        ({"items": {"$id": "a"}}, ("items", "$id"), "a schema has no $id here: it is referred to as #/schemas/<name>"),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            ("$schema",),
            "schemas are of the dialect https://json-schema.org/draft/2020-12/schema",
        ),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_its_place(schema: Any, path: tuple[Any, ...], reason: str) -> None:
    invalid = refused(schema)
    assert (invalid.path, invalid.reason) == (path, reason)


def test_the_names_of_keywords_may_be_names_of_properties_and_data() -> None:
    schema = {"properties": {"$id": {"type": "string"}, "$ref": {"const": {"$ref": "x"}}}, "default": {"$id": 1}}
    assert problems(schema, {"$id": 1}) == [("$.$id", '1 is not of type "string"')]


def test_a_shared_schema_cannot_refer_into_itself_because_its_root_is_the_specification() -> None:
    definitions = {"Order": {"$defs": {"Id": True}, "properties": {"id": {"$ref": "#/$defs/Id"}}}}
    [invalid] = check_definitions(definitions)
    assert invalid.path == ("Order", "properties", "id", "$ref")
    assert invalid.reason == 'a schema under `schemas` refers to others as #/schemas/<name>, not "#/$defs/Id"'


def test_each_shared_schema_is_checked_for_itself() -> None:
    definitions = {**DEFINITIONS, "A": {"type": "x"}, "B": {"$ref": "#/schemas/A"}, "C": {"minimum": "1"}}
    assert [invalid.path for invalid in check_definitions(definitions)] == [("A", "type"), ("C", "minimum")]


# -- patterns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*b", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_pattern_can_hang(pattern: str) -> None:
    begun = process_time()
    assert problems({"pattern": pattern}, "a" * 100_000 + "!") != []
    assert process_time() - begun < 5


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "[", "(a{1000}){1000}"])
def test_what_the_linear_engine_cannot_do_is_refused(pattern: str) -> None:
    assert refused({"pattern": pattern}).reason.endswith(
        "is not a pattern: a regular expression, without lookaround and back references"
    )
