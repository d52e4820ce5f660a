"""Fixtures of the API's tests."""

from pathlib import Path

import pytest

from tests.api.bench import CALL, CHOICE, ORDERS, Bench, Caller, bench_of, settings_for


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An application in memory."""
    return bench_of(settings_for(tmp_path))


@pytest.fixture
def admin(bench: Bench) -> Caller:
    """The first user, with all specifications of the tests deployed."""
    for text in (ORDERS, CHOICE, CALL):
        assert bench.admin.deploy(text).status_code == 201
    return bench.admin


@pytest.fixture
def ann(bench: Bench) -> Caller:
    """A participant who is a clerk."""
    return bench.user("ann", "participant", roles=("clerk",))


@pytest.fixture
def bob(bench: Bench) -> Caller:
    """Another participant, also a clerk."""
    return bench.user("bob", "participant", roles=("clerk",))
