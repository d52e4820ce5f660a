"""What docs/specification.md shows is accepted, and what it lists is all there is."""

import re
from pathlib import Path

import pytest

from engine.data.expressions import FUNCTIONS, LONGEST_EXPRESSION
from engine.data.gathers import GATHERS
from engine.data.paths import LONGEST_PATH
from engine.data.schemas import MOST_PROBLEMS
from engine.data.transforms import TRANSFORMS
from engine.data.values import MAX_DEPTH
from engine.net.settling import FIRINGS_PER_STEP
from engine.spec.diagnostics import MOST_ERRORS
from engine.spec.parse import DEEPEST, LONGEST_TEXT, MOST_VALUES
from engine.spec.read import read_specification
from engine.spec.shape import CONSTRAINTS, FAILURE_KINDS, FILTER, MOST_INSTANCES, OFFER
from tests.spec.test_broken_specifications import check_config

PAGE = (Path(__file__).parent.parent.parent / "docs" / "specification.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BOUNDS = {
    "LONGEST_TEXT": LONGEST_TEXT,
    "MOST_VALUES": MOST_VALUES,
    "DEEPEST": DEEPEST,
    "LONGEST_EXPRESSION": LONGEST_EXPRESSION,
    "LONGEST_PATH": LONGEST_PATH,
    "MAX_DEPTH": MAX_DEPTH,
    "MOST_PROBLEMS": MOST_PROBLEMS,
    "FIRINGS_PER_STEP": FIRINGS_PER_STEP,
    "MOST_INSTANCES": MOST_INSTANCES,
}


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: str(text).split("\n")[0])
def test_every_example_is_accepted(text: str) -> None:
    assert read_specification(text, name="page", check_config=check_config).id in text


@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_has_the_value_it_is_said_to_have(name: str) -> None:
    assert re.search(rf"\| {BOUNDS[name]:,}(?: characters)? \| `{name}` \|", PAGE)


def test_the_number_of_errors_is_the_one_it_is_said_to_be() -> None:
    assert f"up to {MOST_ERRORS} (`MOST_ERRORS`)" in PAGE


CALLED = [*TRANSFORMS, *GATHERS, *FAILURE_KINDS, *sorted(f for f in FUNCTIONS if not f.startswith("get"))]


@pytest.mark.parametrize("name", CALLED)
def test_every_transform_function_and_kind_of_failure_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("key", sorted({*FILTER.keys, *OFFER.keys, *CONSTRAINTS.keys}))
def test_every_key_about_people_is_named(key: str) -> None:
    assert f"`{key}`" in PAGE.partition("## People")[2]
