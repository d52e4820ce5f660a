"""A crash at a few of the side effects, in real processes; `python -m tests.chaos --failpoints` crashes at all."""

from collections.abc import Iterator

import pytest

from tests.chaos.campaign import problems_of, run_once
from tests.chaos.crashes import EFFECTS, crashes
from tests.chaos.scenarios import PLAIN, Scenario
from tests.chaos.site import Site

pytestmark = pytest.mark.servers

CRASHES = {crash.name: crash for effect in EFFECTS for crash in crashes(effect)}
ROUND = ("commit, before", "answer of the API, before")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A plain installation."""
    with Site(tmp_path_factory.mktemp("site"), PLAIN) as running:
        yield running


@pytest.mark.parametrize("crash", [CRASHES[name] for name in ROUND], ids=lambda crash: crash.name)
def test_every_case_comes_out_right_after_a_crash_at_the(crash: Scenario, site: Site) -> None:
    done = run_once(site, crash, crash.name.replace(" ", "-").replace(",", ""))
    assert problems_of(done) == []
    assert done.acknowledged > crash.load.before
