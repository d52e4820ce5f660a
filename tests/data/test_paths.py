"""Paths in two dialects: a definite path means one value, any other a list, and both give what their library gives."""

import json
from concurrent.futures import ThreadPoolExecutor
from time import process_time
from typing import Any

import jsonpath
import jsonpath_rw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.paths import LONGEST_PATH, MISSING, PathSyntax, compile_path
from tests.data.documents import JSON, NAMES, WITHOUT_TEXT

ORDER: Any = {"id": "a-1", "lines": [{"sku": "lamp", "n": 2}, {"sku": "sofa"}], "note": None, "weight": 1.5}

STEPS = st.lists(NAMES.map(lambda name: f".{name}") | st.integers(0, 3).map(lambda index: f"[{index}]"), max_size=5)
ANY_STEPS = st.lists(
    NAMES.map(lambda name: f".{name}") | st.sampled_from(["[0]", "[*]", "[0:2]", "[1:]", ".*", "..a", "..lines"]),
    min_size=1,
    max_size=4,
)
STRICT = jsonpath.JSONPathEnvironment(strict=True)


def find(path: str, document: Any = ORDER, dialect: str = "rw") -> Any:
    return compile_path(path, dialect).find(document)


def by_jsonpath_rw(path: str, document: Any) -> list[Any] | None:
    try:
        return [found.value for found in jsonpath_rw.parse(path).find(document)]
    except (TypeError, LookupError, AttributeError):
        return None  # it trips over an index or a slice of what is no list


# -- as the libraries have it --------------------------------------------------------------------------------------


# jsonpath-rw takes `[0]` of a string for its first character, which is no JSON: the documents have none.
@settings(max_examples=200, deadline=None)
@given(WITHOUT_TEXT, STEPS.map("".join))
def test_a_definite_path_finds_what_jsonpath_rw_finds(document: Any, steps: str) -> None:
    found = find(f"${steps}", document)
    assert [found] == (by_jsonpath_rw(f"${steps}", document) or [MISSING])


@settings(max_examples=200, deadline=None)
@given(WITHOUT_TEXT, ANY_STEPS.map("".join))
def test_any_other_path_finds_what_jsonpath_rw_finds_where_it_does_not_trip(document: Any, steps: str) -> None:
    path = compile_path(f"${steps}", "rw")
    expected = by_jsonpath_rw(f"${steps}", document)
    if not path.definite and expected is not None:
        assert path.find(document) == expected


@settings(max_examples=300, deadline=None)
@given(JSON, (STEPS | ANY_STEPS).map("".join))
def test_a_path_of_rfc_9535_finds_what_python_jsonpath_finds(document: Any, steps: str) -> None:
    path = compile_path(f"${steps}", "rfc9535")
    # The library reads a string as the text of a document.
    expected = STRICT.findall(f"${steps}", json.dumps(document) if isinstance(document, str) else document)
    found = path.find(document)
    assert found == expected if not path.definite else [found] == (expected or [MISSING])


@pytest.mark.parametrize("path", ["$", "$..*", "$[?@ > 1]"])
@pytest.mark.parametrize("text", ["[", "0", "[1, 2]", "{no json"])
def test_a_text_is_no_document(path: str, text: str) -> None:
    assert compile_path(path, "rfc9535").find(text) == (text if path == "$" else [])


# -- as the format has it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["rw", "rfc9535"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", ORDER),
        ("$.id", "a-1"),
        ("$.lines[1].sku", "sofa"),
        ("$['lines'][0]['n']", 2),
        ("$.note", None),
        ("$.lines[-1].sku", "sofa"),
    ],
)
def test_a_definite_path_means_its_one_value(path: str, value: Any, dialect: str) -> None:
    assert compile_path(path, dialect).definite
    assert find(path, dialect=dialect) == value


@pytest.mark.parametrize("dialect", ["rw", "rfc9535"])
@pytest.mark.parametrize("path", ["$.none", "$.lines[2]", "$.lines[-3]", "$.id.sku", "$.note.x", "$.weight[0]", "$[0]"])
def test_a_definite_path_that_finds_nothing_says_so_and_null_is_not_nothing(path: str, dialect: str) -> None:
    assert find(path, dialect=dialect) is MISSING


@pytest.mark.parametrize("dialect", ["rw", "rfc9535"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.lines[*].sku", ["lamp", "sofa"]),
        ("$.lines[*].n", [2]),
        ("$.lines[*].none", []),
        ("$.none[*]", []),
        ("$.lines[0:1].sku", ["lamp"]),
        ("$..sku", ["lamp", "sofa"]),
        ("$..none", []),
    ],
)
def test_any_other_path_gives_a_list_also_of_none_or_one(path: str, value: list[Any], dialect: str) -> None:
    assert not compile_path(path, dialect).definite
    assert find(path, dialect=dialect) == value


@pytest.mark.parametrize(
    ("path", "document", "value"),
    [
        ("$.lines[*].qty[0]", {"lines": [{"qty": 1}, {"qty": [2]}, {"qty": None}]}, [2]),
        ("$.lines[*].qty[-1]", {"lines": [{"qty": []}, {"qty": [2]}]}, [2]),
        ("$.lines[*][*]", {"lines": [None, [1], 1.5]}, [1, 1.5]),
        ("$..a[0]", {"a": {"a": [1]}}, [1]),
        ("$.a[1:]", {"a": None}, []),
    ],
)
def test_one_element_that_does_not_fit_hides_none_of_the_others(path: str, document: Any, value: list[Any]) -> None:
    assert find(path, document) == value


def test_the_parent_in_jsonpath_rw_is_one_value() -> None:
    assert find("$.lines[0].sku.`parent`.n") == 2
    assert find("$.none.`parent`") is MISSING


def test_a_filter_needs_the_newer_dialect() -> None:
    assert find("$.lines[?@.n > 1].sku", dialect="rfc9535") == ["lamp"]
    with pytest.raises(PathSyntax, match=r"it is a path of the dialect rfc9535 \(`jsonpath: rfc9535`\)"):
        compile_path("$.lines[?@.n > 1].sku", "rw")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("match(@.sku, 'l.*p')", ["lamp"]),
        ("match(@.sku, 'am')", []),
        ("match(@.sku, 'x|lamp')", ["lamp"]),
        ("search(@.sku, '[ao]')", ["lamp", "sofa"]),
        ("search(@.sku, '^s')", ["sofa"]),
        ("search(@.sku, '(')", []),
        ("search(@.n, '2')", []),
    ],
)
def test_a_filter_can_match_patterns(condition: str, found: list[str]) -> None:
    assert find(f"$.lines[?{condition}].sku", dialect="rfc9535") == found


@pytest.mark.parametrize("function", ["match", "search"])
def test_no_pattern_of_a_filter_can_hang(function: str) -> None:
    begun = process_time()
    assert find(f"$[?{function}(@, '(a+)+b')]", ["a" * 100_000 + "!"], "rfc9535") == []
    assert process_time() - begun < 5


def test_what_only_jsonpath_rw_can_parse_names_it() -> None:
    with pytest.raises(PathSyntax, match=r"it is a path of the dialect rw \(`jsonpath: rw`\)"):
        compile_path("$.lines.`parent`", "rfc9535")


def test_a_name_that_jsonpath_rw_keeps_for_itself_can_be_quoted() -> None:
    assert find("$['where']", {"where": 1}) == 1
    with pytest.raises(PathSyntax):
        compile_path("$.where", "rw")


@pytest.mark.parametrize("dialect", ["rw", "rfc9535"])
@pytest.mark.parametrize("path", ["$.", "$[", "$.a[", "$a", "$.a b", "$$", "$.a..", "$['a", "a", "", "$[01]a"])
def test_what_neither_dialect_can_parse_is_refused_without_naming_the_other(path: str, dialect: str) -> None:
    with pytest.raises(PathSyntax) as raised:
        compile_path(path, dialect)
    assert "dialect" not in raised.value.reason


def test_a_path_has_a_greatest_length() -> None:
    with pytest.raises(PathSyntax, match="longer than 1000 characters"):
        compile_path("$" + ".a" * LONGEST_PATH, "rw")


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("$.order.id", "order"),
        ("$.order.lines[*].sku", "order"),
        ("$['order']..x", "order"),
        ("$", None),
        ("$..x", None),
    ],
)
@pytest.mark.parametrize("dialect", ["rw", "rfc9535"])
def test_the_variable_that_a_path_begins_with_is_known(path: str, first: str | None, dialect: str) -> None:
    assert compile_path(path, dialect).first == first


def test_paths_can_be_parsed_by_many_threads_at_once() -> None:
    paths = [f"$.a{number}[*].b.`parent`" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        assert all(path.source for path in threads.map(lambda path: compile_path(path, "rw"), paths))


def test_a_path_is_parsed_once() -> None:
    assert compile_path("$.once[*]", "rw") is compile_path("$.once[*]", "rw")
