"""A case holds JSON with integers of 64 bits, finite numbers, whole characters and a bounded depth."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from engine.data.values import MAX_DEPTH, problems_of
from tests.data.documents import JSON


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth - 1):
        value = [value]
    return value


@given(JSON)
def test_json_has_no_problems_and_comes_back_unchanged(value: Any) -> None:
    assert problems_of(value) == []
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value)) == value


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"a": [1, 2**63]}, "$.a[1]", "is an integer beyond 64 bits; send it as a string"),
        (-(2**63) - 1, "$", "is an integer beyond 64 bits; send it as a string"),
        ([float("nan")], "$[0]", "is not a finite number"),
        ([float("-inf")], "$[0]", "is not a finite number"),
        ({"a": "\ud800"}, "$.a", "contains half of a surrogate pair, which is no character"),
        ({"\ud800": 1}, "$", "contains half of a surrogate pair, which is no character"),
        ({1: 2}, "$", "has the key 1, which is not a string"),
        ({"a": (1,)}, "$.a", "is a tuple, which JSON does not have"),
        (b"x", "$", "is a bytes, which JSON does not have"),
    ],
)
def test_what_json_does_not_have_is_named_with_its_path(value: Any, path: str, message: str) -> None:
    assert problems_of(value) == [(path, message)]


def test_every_problem_is_named() -> None:
    assert [problem.path for problem in problems_of({"a": 2**64, "b": [2**64]})] == ["$.a", "$.b[0]"]


def test_the_depth_is_bounded() -> None:
    assert problems_of(nested(MAX_DEPTH)) == []
    [problem] = problems_of(nested(MAX_DEPTH + 1))
    assert problem.message == f"is nested deeper than {MAX_DEPTH} levels"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0, -0.0, 1e308, "é😀", "\x00", {}, [], None, True])
def test_the_edges_are_allowed(value: Any) -> None:
    assert problems_of(value) == []
