"""Shared data on real workers: many cases write one variable at once, none is lost, and those that wait are woken."""

from pathlib import Path

import pytest

from engine.net.sharing import specification_place
from tests.installation import Installation

pytestmark = pytest.mark.servers

TAKERS = 24
SEATS = 20
MORE = 30

TAKE = """
specification: seats
version: "1"
nets:
  main:
    variables:
      free: {schema: {type: integer, minimum: 0}, shared: specification, default: SEATS}
      taken: {schema: {type: boolean}, default: false, output: true}
    start: take
    tasks:
      take:                          # waits until there is one, and tries again where somebody was faster
        kind: automated
        connector: shared
        requires: "free > 0"
        config: {unchanged: [free], timeout_s: 1}
        input: {free: {expr: "free - 1"}}
        output: {taken: "$.written"}
        split: xor
        next: [{to: end, when: taken}, {to: take}]
"""


def test_no_write_is_lost_and_who_waits_is_told(redis_url: str, tmp_path: Path) -> None:
    with Installation(redis_url, tmp_path, workers=2) as installation:
        parts = installation.parts
        specification = installation.deploy(TAKE.replace("SEATS", str(SEATS)))
        cases = installation.submit(specification, [(f"c{number}", {}) for number in range(TAKERS)])
        place = specification_place("seats")
        installation.wait_until(lambda: parts.shared.read(place).values == {"free": 0}, "that all seats are taken")
        assert parts.shared.read(place).version == SEATS
        for name in ("worker-1", "worker-2"):
            installation.kill(name)
        parts.shared.write(place, {"free": MORE}, None)
        installation.start_worker(3)
        ended = installation.wait_for_end(cases)
        assert {case.status for case in ended} == {"completed"}
        left = parts.shared.read(place)
        assert left.values == {"free": MORE - (TAKERS - SEATS)} and left.version == TAKERS + 1
        installation.check_replay(cases)
        assert installation.completed_twice(cases) == []
