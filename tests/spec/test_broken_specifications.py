"""What is wrong with a specification is said exactly: each error with its file, line, column and path, all at once.

The cases stand in `broken_specifications.txt`, as changes of `orders.yaml`.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.echo import EchoConnector
from connectors.http import HttpConnector
from connectors.port import FailureKind
from connectors.registry import Registry
from engine.spec.diagnostics import SpecificationInvalid, did_you_mean
from engine.spec.model import Specification
from engine.spec.read import read_specification
from engine.spec.shape import FAILURE_KINDS

HERE = Path(__file__).parent
SOUND = (HERE / "orders.yaml").read_text()
CONNECTORS = Registry([HttpConnector(), EchoConnector()])


def check_config(name: str, config: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """As an installation checks it: an unknown connector is a problem of its name."""
    connector = CONNECTORS.get(name)
    if connector is None:
        return [(("connector",), f'there is no connector "{name}"{did_you_mean(name, CONNECTORS.names())}')]
    return [(problem.path, problem.message) for problem in connector.check_config(config)]


def read(text: str) -> Specification:
    return read_specification(text, name="orders.yaml", check_config=check_config)


class Broken(NamedTuple):
    """A broken specification, and what is said of it."""

    fact: str
    text: str
    errors: list[str]


def cases() -> Iterator[Broken]:
    """The cases of the text file: a change is lines with `-`, then the lines with `+` that stand in their place."""
    for case in (HERE / "broken_specifications.txt").read_text().split("\n# ")[1:]:
        fact, *lines = [line for line in case.split("\n===")[0].splitlines() if line]
        parts = [(sign, [line[1:] for line in part]) for sign, part in groupby(lines, lambda line: line[0])]
        text = SOUND
        for (sign, old), (following, new) in zip(parts, [*parts[1:], ("", [])], strict=True):
            if sign == "-":
                added = new if following == "+" else []
                block = "".join(f"{line}\n" for line in old)
                assert text.count(block) == 1, f"{fact}: not exactly once in orders.yaml: {block}"
                text = text.replace(block, "".join(f"{line}\n" for line in added))
        yield Broken(fact, text, dict(parts)["!"])


CASES = list(cases())


def test_the_specification_that_they_break_is_sound() -> None:
    assert read(SOUND).id == "orders"
    assert len(CASES) > 100


@pytest.mark.parametrize("broken", CASES, ids=lambda broken: broken.fact)
def test_an_error_says_what_where_and_what_to_do(broken: Broken) -> None:
    with pytest.raises(SpecificationInvalid) as raised:
        read(broken.text)
    assert [str(each) for each in raised.value.diagnostics] == [f"orders.yaml:{error}" for error in broken.errors]


def test_each_error_is_a_problem_with_its_path_for_a_program() -> None:
    with pytest.raises(SpecificationInvalid) as raised:
        read(SOUND.replace("to: pick", "to: pck"))
    [problem] = raised.value.problems
    assert problem.path == "nets.main.tasks.check.next[0].to"
    assert (raised.value.code, raised.value.message) == ("specification_invalid", "the specification has an error")


def test_no_more_errors_are_collected_than_anybody_mends_at_once() -> None:
    with pytest.raises(SpecificationInvalid) as raised:
        read(SOUND + "".join(f"key{number}: 1\n" for number in range(1000)))
    assert len(raised.value.diagnostics) == 101
    assert raised.value.diagnostics[-1].message == "more than 100 errors: stopped here"


def test_the_kinds_of_failure_a_retry_may_name_are_those_of_the_connectors() -> None:
    assert set(FAILURE_KINDS) == {"any", *FailureKind}
