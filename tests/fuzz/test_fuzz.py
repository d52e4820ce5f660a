"""A short run of the fuzzer: some cases for each operation. `make fuzz` makes many more."""

import re
from pathlib import Path

from tests.fuzz.target import CONFIG, fuzz, target


def test_no_request_that_is_made_up_finds_a_failure(redis_port: int, tmp_path: Path) -> None:
    arguments = ["--checks", "all", "--phases", "fuzzing", "--max-examples", "3", "--seed", "20261123"]
    with target(redis_port, tmp_path) as reached:
        result = fuzz(reached, arguments, CONFIG)
    assert result.code == 0, result.said[-5_000:]
    selected, tested = (re.search(rf"{word}: (\d+)", result.said) for word in ("Selected", "Tested"))
    assert selected is not None and tested is not None
    assert int(tested[1]) == int(selected[1]) > 100
