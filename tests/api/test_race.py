"""Clients of a real API race for items on a real Redis: each item gets exactly one owner. `make race` has many more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.served import Served, serving
from tests.performance.race import race, runners


@pytest.fixture
def served(redis_port: int, tmp_path: Path) -> Iterator[Served]:
    yield from serving(redis_port, tmp_path, requests_per_s=0)


def test_of_many_who_claim_an_item_exactly_one_gets_it(served: Served) -> None:
    clients = runners(served, 16)
    for number in range(2):
        result = race(served, clients, 40, number)
        assert (result.faults, result.wins) == ([], 40)
        assert result.losses > 0
