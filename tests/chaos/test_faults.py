"""A short round of faults, one after another, on one installation; `python -m tests.chaos` runs all of them."""

from collections.abc import Iterator

import pytest

from tests.chaos import faults
from tests.chaos.campaign import problems_of, run_once
from tests.chaos.faults import Fault
from tests.chaos.runs import Load
from tests.chaos.scenarios import EVERYTHING, Scenario
from tests.chaos.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.alone]

LOAD = Load(before=8, after_s=0.3)

RECOVERED_WITHIN_S = 10.0
"""After a worker was killed under load, by the requirements; the other faults of this round take no longer."""

ROUND = (
    faults.worker_killed,
    faults.all_workers_killed,
    faults.api_killed,
    faults.redis_killed,
    faults.connections_cut,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation into which every one of these faults can be injected."""
    with Site(tmp_path_factory.mktemp("site"), EVERYTHING) as running:
        yield running


@pytest.mark.parametrize("fault", ROUND, ids=lambda fault: fault.__name__)
def test_nothing_is_lost_or_done_twice_when(fault: Fault, site: Site) -> None:
    name = fault.__name__
    done = run_once(site, Scenario(name=name, fault=fault, layout=EVERYTHING, load=LOAD), name)
    assert problems_of(done) == []
    assert done.acknowledged > LOAD.before
    assert done.recovered_s is not None
    assert done.recovered_s < RECOVERED_WITHIN_S
