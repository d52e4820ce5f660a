"""The named transforms: each does one thing, and refuses what it cannot do."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.transforms import TRANSFORMS, TransformFailed, TransformInvalid, compile_transforms
from engine.data.values import problems_of
from tests.data.documents import JSON


def changed(written: Any, value: Any) -> Any:
    """What transforms, as they are written, make of a value."""
    for transform in compile_transforms(written):
        value = transform.of(value)
    return value


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
    found = changed(name, value)
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
        changed(name, value)
    assert str(raised.value) == f"transform {name}: {message}"


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "1e999", "[99999999999999999999]", "[" * 100 + "]" * 100, '"\\ud800"']
)
def test_text_that_is_no_json_a_case_may_hold_is_refused(text: str) -> None:
    with pytest.raises(TransformFailed):
        changed("from_json", text)


@given(st.sampled_from(sorted(TRANSFORMS)), JSON)
def test_a_transform_gives_what_a_case_may_hold_or_refuses(name: str, value: Any) -> None:
    try:
        assert problems_of(changed(name, value)) == []
    except TransformFailed as refused:
        assert str(refused)


@pytest.mark.parametrize(
    ("written", "value", "message"),
    [
        ("min", [], "min: the list is empty"),
        ("max", [1, "a"], "max: 'a' has no place in the order of the others: numbers, or strings"),
        ("sort", [[1]], "sort: [1] has no place in the order of the others: numbers, or strings"),
        ("absolute", -(2**63), "absolute: $ is an integer beyond 64 bits; send it as a string"),
        ("floor", 1e300, "floor: $ is an integer beyond 64 bits; send it as a string"),
        ("keys", [1], "keys: [1] is not a mapping"),
        ("date", "2026-02-30", "date: '2026-02-30' is no date"),
        ("date", "2026-01-31T08:00:00", "date: '2026-01-31T08:00:00' does not say how far it is from UTC: end it with"),
        ("from_timestamp", 10**18, "from_timestamp: 1000000000000000000 lies beyond the calendar"),
        ("from_xml", "<a>", "from_xml: is not XML: no element found: line 1, column 3"),
        ("xml", {"a": 1, "b": 2}, "xml: XML has one root element: a mapping with one key, and no list in it"),
        ("xml", {"a": {"b c": 1}}, "xml: cannot be written as XML: "),
        ("xml", {"a": "\x00"}, "xml: holds a character that XML does not have"),
        ({"lookup": {"a": 1}}, "b", "lookup: 'b' is not in the table"),
        ({"expr": "value / 0"}, 1, "expr: 'value / 0': "),
        ({"join": ","}, "a", "join: 'a' is not a list"),
        ({"part": [0, 1]}, 1, "part: 1 is neither a string nor a list"),
        ({"parse_date": "%d.%m.%Y"}, "2026-01-31", "parse_date: '2026-01-31' is not of the form '%d.%m.%Y'"),
        ({"add": "P9999Y"}, "2026-01-31", "add: 'P9999Y' reaches beyond the calendar"),
        ({"offset": "+01:00"}, "9999-12-31T23:30:00Z", "offset: '9999-12-31T23:30:00Z' lies beyond the calendar there"),
        (["trim", "number"], "a", "number: 'a' is not a number"),
    ],
)
def test_what_a_transform_with_something_given_cannot_do_it_refuses(written: Any, value: Any, message: str) -> None:
    with pytest.raises(TransformFailed) as raised:
        changed(written, value)
    assert str(raised.value).startswith(f"transform {message}")


@pytest.mark.parametrize(
    ("written", "place", "reason"),
    [
        ({"lookup": []}, ("lookup",), "must be a table: a mapping that is not empty"),
        ({"else": 1}, (), "names one transform and what it is given: {round: 2}"),
        ({"round": 1, "split": ","}, (), "names one transform and what it is given: {round: 2}"),
        ({"round": 1, "else": 1}, ("else",), "`else` is for a lookup"),
        ({"round": True}, ("round",), "must be a number of digits, 0 to 15"),
        ({"split": ""}, ("split",), "must not be empty"),
        ({"join": 1}, ("join",), "must be a string"),
        ({"replace": {"": "a"}}, ("replace",), "must be a mapping of texts to the texts that stand in their place"),
        ({"replace": {"a": 1}}, ("replace",), "must be a string"),
        ({"part": [1]}, ("part",), "must be [from, to]: two whole numbers, counted from 0, negative ones from the end"),
        ({"expr": "valu + 1"}, ("expr",), 'no variable named "valu": there is only value'),
        ({"expr": "f(value)"}, ("expr",), 'no function named "f"'),
        ({"expr": "value +"}, ("expr",), '"value +" is not CEL at character 8: it ends too early'),
        ({"format_date": "%A"}, ("format_date",), "'%A': there is no %A, but %Y, %m, %d, %H, %M, %S, %f, %y, %j, %%"),
        ({"add": "1 day"}, ("add",), "'1 day' is no duration like P1DT12H"),
        ({"offset": "Europe/Vienna"}, ("offset",), "'Europe/Vienna' is no offset from UTC like +01:00"),
        (["trim", {"round": -1}], (1, "round"), "must be a number of digits, 0 to 15"),
        (["trim"] * 21, (), "a value goes through 20 transforms at most, not 21"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_place(written: Any, place: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(TransformInvalid) as raised:
        compile_transforms(written)
    assert (raised.value.place, raised.value.reason) == (place, reason)


def test_an_xml_text_that_grows_without_end_is_refused() -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(TransformFailed, match="entities are disabled"):
        changed("from_xml", f'<!DOCTYPE a [<!ENTITY l0 "lol">{lol}]><a>&l9;</a>')


def test_an_xml_text_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("planted")
    address = (tmp_path / "secret").as_uri()
    with pytest.raises(TransformFailed, match="entities are disabled"):
        changed("from_xml", f'<!DOCTYPE a [<!ENTITY e SYSTEM "{address}">]><a>&e;</a>')


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(categories=("L", "M", "N", "P", "S")), min_size=1, max_size=8)


@given(NAMES, st.dictionaries(NAMES, st.one_of(TEXTS, st.none(), st.lists(TEXTS, min_size=2, max_size=3)), min_size=1))
def test_what_is_written_as_xml_is_read_as_it_was(root: str, elements: dict[str, Any]) -> None:
    assert changed(["xml", "from_xml"], {root: elements}) == {root: elements}
