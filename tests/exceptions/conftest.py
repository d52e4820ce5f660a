"""A bench for each test. When it is over, every journal leads to the case that is stored."""

from collections.abc import Iterator

import pytest

from tests.exceptions.bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Where cases are played."""
    made = Bench()
    yield made
    made.check_replay()
