"""Cases of small nets: started by `play`, and replayed from their journals after each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.spec.model import Specification
from tests.patterns.played import Play, Played


@pytest.fixture
def play() -> Iterator[Play]:
    """Starts cases. When the test is over, the journal of each leads to what is stored."""
    played: list[Played] = []

    def start(specification: Specification, **data: Any) -> Played:
        played.append(Played(specification, data))
        return played[-1]

    yield start
    for each in played:
        each.check_replay()
