"""The named transforms: each does one thing, and refuses what it cannot do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.transforms import TRANSFORMS, TransformFailed
from engine.data.values import problems_of
from tests.data.documents import JSON


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("string", 1, "1"),
        ("string", True, "true"),
        ("string", "a", "a"),
        ("string", [1], "[1]"),
        ("number", "1.5", 1.5),
        ("number", " 2 ", 2),
        ("number", 3, 3),
        ("integer", 2.0, 2),
        ("integer", "7", 7),
        ("boolean", "true", True),
        ("boolean", False, False),
        ("upper", "aé", "AÉ"),
        ("lower", "AB", "ab"),
        ("trim", "  a ", "a"),
        ("size", "é😀", 2),
        ("size", [1, 2], 2),
        ("size", {"a": 1}, 1),
        ("first", [1, 2], 1),
        ("last", [1, 2], 2),
        ("sum", [1, 2.5], 3.5),
        ("sum", [], 0),
        ("json", {"a": [None]}, '{"a":[null]}'),
        ("from_json", '{"a":[null]}', {"a": [None]}),
    ],
)
def test_a_transform_gives_what_its_name_says(name: str, value: Any, expected: Any) -> None:
    found = TRANSFORMS[name](value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("number", "abc", "'abc' is not a number"),
        ("number", True, "True is not a number"),
        ("number", "99999999999999999999", "'99999999999999999999' is not a number"),
        ("integer", 1.5, "1.5 is not a whole number"),
        ("integer", 1e300, "1e+300 is beyond 64 bits"),
        ("boolean", "yes", "'yes' is neither true nor false"),
        ("upper", 1, "1 is not a string"),
        ("size", 1, "1 has no size"),
        ("first", [], "the list is empty"),
        ("last", {}, "{} is not a list"),
        ("sum", [1, "a"], "'a' is not a number"),
        ("sum", [2**63 - 1, 1], "the sum is beyond 64 bits"),
        ("sum", [1e308, 1e308], "the sum is beyond 64 bits"),
    ],
)
def test_what_a_transform_cannot_do_it_refuses(name: str, value: Any, message: str) -> None:
    with pytest.raises(TransformFailed) as raised:
        TRANSFORMS[name](value)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "1e999", "[99999999999999999999]", "[" * 100 + "]" * 100, '"\\ud800"']
)
def test_text_that_is_no_json_a_case_may_hold_is_refused(text: str) -> None:
    with pytest.raises(TransformFailed):
        TRANSFORMS["from_json"](text)


@given(st.sampled_from(sorted(TRANSFORMS)), JSON)
def test_a_transform_gives_what_a_case_may_hold_or_refuses(name: str, value: Any) -> None:
    try:
        assert problems_of(TRANSFORMS[name](value)) == []
    except TransformFailed as refused:
        assert str(refused)
