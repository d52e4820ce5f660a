"""Installations for the tests of whole processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.resources.organisation import Participant
from tests.installation import Installation

ANN = Participant("ann", "Ann Archer", roles=("clerk",))
BOB = Participant("bob", "Bob Baker", roles=("clerk",))


@pytest.fixture
def installation(redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Two workers and beat on an empty Redis, with two clerks."""
    with Installation(redis_url, tmp_path) as running:
        running.hire(ANN, BOB)
        yield running
