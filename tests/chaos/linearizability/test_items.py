"""Four processes claim, start and complete the same items; `python -m tests.chaos --linearizability` does so longer."""

from pathlib import Path

import pytest

from tests.chaos.history import Answer, Operation
from tests.chaos.linearizability.rounds import NETWORK_S, hold
from tests.chaos.site import Layout, Site

pytestmark = pytest.mark.servers

ITEMS = 20


def test_claims_starts_and_completions_are_linearizable(tmp_path: Path) -> None:
    with Site(tmp_path, Layout(workers=1, proxied=True)) as site:
        site.proxy.delay(NETWORK_S)
        held = hold(site, "round", ITEMS)
    assert held.problems == []
    # Otherwise there was no competition, and nothing was tried.
    for move in (Operation.CLAIM, Operation.START, Operation.COMPLETE):
        assert held.count(Answer.OK, move) >= ITEMS / 4
        assert held.count(Answer.REFUSED, move) >= ITEMS / 4
