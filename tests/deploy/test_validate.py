"""`casewright validate`: what may happen in a net, told and drawn."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from deploy.cli import casewright
from deploy.commands.gallery import ORDER_FULFILMENT, example

STUCK = """specification: stuck
version: "1"
nets:
  main:
    variables: {go: {default: false}}
    start: ask
    tasks:
      ask: {kind: human, split: xor, next: [{to: pack, when: go}, {to: refuse}]}
      pack: {kind: human, next: close}
      refuse: {kind: routing, next: close}
      close: {kind: routing, join: and, next: end}
"""


def run(*arguments: str, stdin: str) -> Result:
    return CliRunner().invoke(casewright, ["validate", "-", *arguments], input=stdin)


def test_what_is_not_sound_is_told_step_by_step() -> None:
    result = run(stdin=STUCK)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "warning: nets.main: a case can deadlock",
        "  1. ask starts",
        "  2. ask completes and goes on to refuse",
        "  3. refuse fires",
        "  nothing can happen any more: a token between refuse and close",
        "  close has no token between pack and close",
        "warning: nets.main: a task is dead",
        "  close can never start",
        "stuck version 1 is valid",
    ]


def test_strict_makes_it_an_error() -> None:
    result = run("--strict", stdin=STUCK)
    assert (result.exit_code, result.stderr) == (1, "casewright: the specification is not sound\n")
    assert "valid" not in result.stdout
    told = json.loads(run("--strict", "--json", stdin=STUCK).stdout)
    assert told["valid"] is False and len(told["warnings"]) == 2
    assert run("--strict", stdin=example(ORDER_FULFILMENT)).exit_code == 0


def test_the_picture_shows_the_first_sequence(tmp_path: Path) -> None:
    file = tmp_path / "stuck.svg"
    assert run("--picture", str(file), stdin=STUCK).exit_code == 0
    svg = ElementTree.parse(file).getroot()
    texts = ["".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1,2", "3"} < set(texts)
    titles = [title.text or "" for title in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0].startswith("Net main: a case can deadlock") and "refuse>close: 1 token" in titles


def test_the_picture_of_a_sound_specification_shows_its_nets(tmp_path: Path) -> None:
    file = tmp_path / "order.svg"
    assert run("--picture", str(file), stdin=example(ORDER_FULFILMENT)).exit_code == 0
    assert ElementTree.parse(file).getroot().get("aria-label") == "Order fulfilment, version 1"


@pytest.mark.parametrize("place", ["missing/folder.svg", "."])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    result = run("--picture", str(tmp_path / place), stdin=STUCK)
    assert result.exit_code in (1, 2) and result.stderr
