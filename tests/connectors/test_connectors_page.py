"""What docs/connectors.md shows is what the connectors take."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.configuration import read
from connectors.kinds import BUILT_IN, Kind
from connectors.registry import Registry
from tests.connectors.calls import built

PAGE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TASKS: dict[str, dict[str, Any]] = {
    name: task
    for language, text in BLOCKS
    if language == "yaml"
    for name, task in YAML(typ="safe", pure=True).load(text).items()
    if isinstance(task, dict) and "kind" in task
}
INSTALLATION = next(text for language, text in BLOCKS if language == "yaml")
OWN = next(text for language, text in BLOCKS if language == "python")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    file = tmp_path / "connectors.yaml"
    file.write_text(INSTALLATION)
    return Registry(built(read(file, BUILT_IN), BUILT_IN, lambda settings: settings))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_of_the_page_can_be_deployed(task: str, registry: Registry) -> None:
    connector = registry.get(TASKS[task]["connector"])
    assert connector is not None
    assert connector.check_config(TASKS[task]["config"]) == []


def test_the_page_has_a_task_for_each_thing_it_tells() -> None:
    assert set(TASKS) == {"reserve", "confirm", "book", "announce", "score", "payment"}


def test_the_connector_of_ones_own_is_a_kind() -> None:
    made: dict[str, Any] = {}
    exec(compile(OWN, "connectors.md", "exec"), made)
    kind = made["KIND"]
    assert isinstance(kind, Kind)
    connector = kind.build("office", {"gateway": "a"}, lambda settings: settings)
    assert [problem.message for problem in connector.check_config({"number": "{{ n }}"})] == ["message is missing"]


@pytest.mark.parametrize("kind", BUILT_IN)
def test_each_kind_has_its_place(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE
