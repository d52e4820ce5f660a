"""Replay starts from a stub: what a case is before its first event."""

import pytest

from engine.replay import stub_of
from engine.submission import submission
from tests.net_notation import net


@pytest.mark.parametrize("parent", [None, "p"])
def test_the_stub_made_again_from_a_case_is_the_one_it_began_with(parent: str | None) -> None:
    stub = submission(net("i -> A! -> o"), "c", {}, by="ann", correlation_id="request-1", at=5).stub
    stub.parent = parent
    assert stub_of(stub) == stub
