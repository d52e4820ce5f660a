"""A text is read as YAML 1.2 or JSON, with bounds; what comes out is a specification or `SpecificationInvalid`."""

import json
import sys
from copy import deepcopy
from pathlib import Path
from time import process_time
from types import FrameType
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from engine.case_input import input_problems
from engine.spec.diagnostics import Report, SpecificationInvalid
from engine.spec.model import Specification
from engine.spec.parse import DEEPEST, LONGEST_TEXT, MOST_VALUES, parse
from engine.spec.read import load_document, read_specification
from engine.spec.shape import specification_schema
from tests.spec.test_broken_specifications import SOUND, check_config

GALLERY = Path(__file__).parent.parent.parent / "docs" / "gallery"

TASKS = """\
specification: s
version: "1"
nets:
  main:
    start: A
    tasks:
      A: {kind: routing, next: end}
"""


def read(text: str) -> Specification:
    return read_specification(text, name="s")


def document(text: str) -> Any:
    return parse(text, Report("s"))


def said(text: str) -> list[str]:
    with pytest.raises(SpecificationInvalid) as raised:
        read(text)
    return [str(each) for each in raised.value.diagnostics]


# -- the text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("2024-01-31", "2024-01-31"),
        ("1:30", "1:30"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1_000", "1_000"),
        ("+1", 1),
        ("1.", 1.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("", None),
        ("NULL", None),
        ("True", True),
        ('"1"', "1"),
        ("'true'", "true"),
        ("! 1", "1"),
        ("|\n  a\n  b", "a\nb"),
        ('"\\ud83d\\ude00"', "😀"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_plain_words_mean_what_the_core_schema_of_yaml_1_2_says(written: str, value: Any) -> None:
    found = document(f"a: {written}")["a"]
    assert found == value and type(found) is type(value)


def test_on_is_a_key_like_any_other() -> None:
    assert document("on: 1\nyes: 2\n1: 3\nnull: 4") == {"on": 1, "yes": 2, "1": 3, "null": 4}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(ends: str) -> None:
    assert read(SOUND.replace("\n", ends)).id == "orders"


def test_an_error_stands_in_the_same_line_with_windows_line_ends() -> None:
    broken = SOUND.replace("to: pick", "to: pck")
    assert said(broken.replace("\n", "\r\n")) == said(broken)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read("\ufeff" + TASKS).id == "s"


def test_json_is_read_with_the_places_of_its_errors() -> None:
    text = json.dumps(document(SOUND), indent="\t")
    assert read(text).document == read(SOUND).document
    assert said('{"specification": "s",\n "version": 1, "nets": {}}')[0] == (
        "s:2:13 version: must be a version, not 1; write it in quotes"
    )


def test_a_control_character_is_named_at_its_place() -> None:
    assert said(TASKS.replace('"1"', '"\x07"')) == ["s:2:11 the character U+0007 may not stand in a document"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n"])
def test_an_empty_text_is_said_to_be_empty_or_null(text: str) -> None:
    assert said(text)[0] in ("s:1:1 the document is empty", "s:2:1 must be a mapping, not null")


@pytest.mark.parametrize("text", ["hello", "[]", "null", "12"])
def test_a_text_that_is_no_mapping_is_refused(text: str) -> None:
    assert "must be a mapping" in said(text)[0]


def test_an_anchor_is_written_once_and_meant_often() -> None:
    assert document("a: &x {b: [1]}\nc: *x\n&k d: *k") == {"a": {"b": [1]}, "c": {"b": [1]}, "d": "d"}


def test_an_error_in_what_an_alias_means_stands_where_it_was_written() -> None:
    text = TASKS.replace("A: {kind: routing, next: end}", "A: {kind: human, offer: &o {rols: [x]}, next: B}")
    text += "      B: {kind: human, offer: *o, next: end}\n"
    assert [error.partition(":")[2].split(" ")[0] for error in said(text)] == ["7:35", "7:35"]


# -- bounds --------------------------------------------------------------------------------------------------------


def test_a_text_may_be_so_long_and_no_longer() -> None:
    assert said("#" * (LONGEST_TEXT + 1)) == [f"s:1:1 the text is longer than {LONGEST_TEXT} characters"]


def test_aliases_cannot_unfold_a_small_text_into_a_huge_one() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    [error] = said("\n".join(lines))
    assert error.endswith(f"the document has more than {MOST_VALUES} values, with aliases written out")


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}", "&a a: *a"])
def test_an_alias_cannot_mean_what_it_stands_in(text: str) -> None:
    assert said(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "[" * 60 + "]" * 60,
        "\n".join(" " * n + "a:" for n in range(99)),
    ],
    ids=["lists", "mappings", "dashes", "closed", "indented"],
)
def test_what_is_nested_too_deep_is_refused_before_it_is_read_to_the_end(text: str) -> None:
    begun = process_time()
    assert said(text)[0].endswith(f"is nested deeper than {DEEPEST} levels")
    assert process_time() - begun < 5


def test_a_text_four_times_as_long_is_read_with_four_times_the_work() -> None:
    assert calls_to_read(400) < 4.5 * calls_to_read(100)


def calls_to_read(count: int) -> int:
    """How many functions are called to read a specification of so many tasks: the same on any machine."""
    task = '      T{0}: {{kind: human, offer: {{roles: [clerk]}}, input: {{a: "$.v0"}}, next: T{1}}}\n'
    text = TASKS.replace("start: A", "variables: {v0: {}}\n    start: T0").replace(
        "      A: {kind: routing, next: end}\n", ""
    )
    text += "".join(task.format(n, n + 1) for n in range(count)) + f"      T{count}: {{kind: routing, next: end}}\n"
    calls = 0

    def count_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count_call)
    try:
        tasks = read(text).main.tasks
    finally:
        sys.setprofile(None)
    assert len(tasks) == count + 1
    return calls


# -- whatever comes ------------------------------------------------------------------------------------------------

SPARE: list[Any] = [
    None, True, 0, -1, 1.5, "", "x", "$", "$.", "$..a", "$.order", "$[", "{{", "{{ order.id }}", "end", "start", "a b",
    [], {}, [[]], [None], {"path": "$.a"}, {"value": 1}, {"expr": "1"}, {"expr": 1}, {"to": "end"}, {"secret": "X"},
    {"secret": 5}, {"$ref": "#/schemas/Order"}, {"$ref": "#"}, {"$ref": 5}, {"type": "x"}, {"type": ["a", 5]},
    {"type": {"a": 1}}, {"properties": []}, {"enum": {}}, {"pattern": "(?=a)"}, {"$schema": 5}, {"$defs": 5},
    2**63 - 1, "P1D", "é", "or", {"partial": 2}, "automated", "human", "random", {"a": {"a": None}},
]  # fmt: skip
KEYS = sorted(
    {"kind", "next", "to", "when", "split", "join", "input", "output", "path", "value", "expr", "default", "transform"}
    | {"required", "schema", "$ref", "type", "offer", "roles", "connector", "config", "retry", "on", "start", "tasks"}
    | {"conditions", "variables", "nets", "form", "priority", "interaction", "allocate", "termination", "root"}
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in ((value, key), *places(each))]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_document_only_says_that_it_is_invalid(data: st.DataObject) -> None:
    changed = deepcopy(YAML(typ="safe", pure=True).load(SOUND))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(changed)))
        match data.draw(st.sampled_from(["put", "remove", "rename", "add"])):
            case "put":
                container[key] = deepcopy(data.draw(st.sampled_from(SPARE)))
            case "remove":
                del container[key]
            case "rename" if isinstance(container, dict):
                container[data.draw(st.sampled_from(KEYS))] = container.pop(key)
            case "add" if isinstance(container, dict):
                container[data.draw(st.sampled_from(KEYS))] = deepcopy(data.draw(st.sampled_from(SPARE)))
        if not changed:
            return
    accepts_or_says_why(json.dumps(changed))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(SOUND)),
    st.integers(0, 20),
    st.text(max_size=6) | st.sampled_from(list("{}[]&*!|>%@`#?-:,\t\"'")),
)
def test_whatever_is_changed_in_a_text_only_says_that_it_is_invalid(at: int, gone: int, come: str) -> None:
    accepts_or_says_why(SOUND[:at] + come + SOUND[at + gone :])


def accepts_or_says_why(text: str) -> None:
    try:
        read_specification(text, name="s", check_config=check_config)
    except SpecificationInvalid as invalid:
        assert invalid.diagnostics
        assert all(each.line >= 1 and each.column >= 1 and each.message for each in invalid.diagnostics)


# -- what comes out ------------------------------------------------------------------------------------------------


def test_a_document_that_was_deployed_is_compiled_again_to_the_same() -> None:
    first = read(SOUND)
    again = load_document(first.document)
    assert (again.main.places, again.main.nulls) == (first.main.places, first.main.nulls)
    assert list(again.main.tasks) == list(first.main.tasks)


def test_a_flow_between_tasks_runs_through_a_place_of_its_own() -> None:
    assert read(SOUND).main.places == ("start", "end", "check>pick")


def test_start_takes_the_long_form_of_a_flow_too() -> None:
    assert read(TASKS.replace("start: A", "start: [{to: A}]")).main.tasks["A"].inputs == ("start",)


def test_what_is_left_out_has_the_documented_default() -> None:
    specification = read(TASKS.replace("kind: routing", "kind: automated, connector: echo"))
    task = specification.main.tasks["A"]
    assert (specification.root, specification.dialect, task.join, task.split) == ("main", "rw", "xor", "and")
    assert task.call is not None
    assert (task.call.timeout_s, task.call.retry.attempts, task.call.retry.max_s) == (30.0, 1, 60.0)


def test_every_specification_of_the_gallery_is_accepted() -> None:
    for path in GALLERY.glob("*.yaml"):
        assert read_specification(path.read_text(), name=path.name, check_config=check_config).id == path.stem


def test_the_sample_order_fits_its_specification() -> None:
    specification = read((GALLERY / "order-fulfilment.yaml").read_text())
    order = json.loads((GALLERY / "order-fulfilment.order.json").read_text())
    assert input_problems(specification.main, order) == []


def test_the_json_schema_of_the_format_accepts_what_is_accepted() -> None:
    schema = jsonschema_rs.Draft202012Validator(specification_schema())
    for text in (SOUND, TASKS, *(path.read_text() for path in GALLERY.glob("*.yaml"))):
        assert schema.is_valid(document(text)), next(iter(schema.iter_errors(document(text)))).message


@pytest.mark.parametrize(("old", "new"), [("kind: human", "kind: humn"), ('"1"', "1"), ("start:", "strt:")])
def test_the_json_schema_of_the_format_refuses_what_is_no_part_of_it(old: str, new: str) -> None:
    schema = jsonschema_rs.Draft202012Validator(specification_schema())
    assert not schema.is_valid(document(SOUND.replace(old, new, 1)))
