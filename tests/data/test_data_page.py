"""What docs/data.md shows is so: its specifications are accepted, its examples computed, its patterns tested."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.commands.checking import installed_connectors
from deploy.wiring import problems_of_config
from engine.data.mapping import Source
from engine.data.transforms import GIVEN, MOST_TRANSFORMS, TRANSFORMS, compile_transforms
from engine.spec.read import read_specification
from engine.store.folders import MARK_S, MOST_SHARED

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "data.md").read_text()
SPECIFICATIONS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"^\| `(.+?)` \| `(.+)` \| `(.+)` \|$", PAGE.partition("## Transforms")[2], re.MULTILINE)
PATTERNS = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("text", SPECIFICATIONS, ids=lambda text: str(text).split("\n")[0])
def test_every_specification_is_accepted(text: str) -> None:
    check = partial(problems_of_config, installed_connectors())
    assert read_specification(text, name="page", check_config=check).id in text


@pytest.mark.parametrize(("written", "value", "expected"), EXAMPLES)
def test_every_example_of_a_transform_gives_what_it_says(written: str, value: str, expected: str) -> None:
    transforms = compile_transforms(YAML(typ="safe", pure=True).load(written))
    found = Source(value=json.loads(value), transforms=transforms).read({}, {})
    assert typed(found) == typed(json.loads(expected))


def test_every_transform_has_an_example() -> None:
    shown = " ".join(written for written, _, _ in EXAMPLES)
    for name in (*TRANSFORMS, *GIVEN, "lookup", "else"):
        assert re.search(rf"\b{name}\b", shown), name


def test_every_bound_is_the_one_it_is_said_to_be() -> None:
    assert f"up to {MOST_TRANSFORMS} (`MOST_TRANSFORMS`)" in PAGE
    assert f"up to {MOST_SHARED:,} names (`MOST_SHARED`)" in PAGE
    assert MARK_S == 24 * 3600 and "a day (`MARK_S`)" in PAGE


def test_each_of_the_40_patterns_has_its_tests() -> None:
    tests = "".join(path.read_text() for path in sorted((ROOT / "tests" / "data_patterns").glob("test_*.py")))
    named = {int(number) for name in re.findall(r"def test_(\w+)", tests) for number in re.findall(r"dp(\d\d)", name)}
    assert [int(number) for number, _, _ in PATTERNS] == list(range(1, 41)) == sorted(named)


def typed(value: Any) -> Any:
    """A value that is equal only to the same of the same types: not `1`, `1.0` and `true` to each other."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value), value
