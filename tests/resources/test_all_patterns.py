"""Each of the 43 resource patterns has a row in the documentation, and a test in the file that the row names."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "resources.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| \[[^\]]+\]\(\.\./(tests/resources/[^)]+)\) \|$", re.MULTILINE)


def test_every_pattern_has_a_row_and_a_test() -> None:
    rows = ROW.findall(PAGE.read_text().partition("## The 43 resource patterns")[2])
    assert [int(number) for number, *_ in rows] == list(range(1, 44))
    for number, pattern, how, file in rows:
        tested = re.search(
            rf"def test_(?:wrp\d+_)*wrp{int(number):02}_|def test_wrp\d+_{number}_", (ROOT / file).read_text()
        )
        assert pattern.strip() and how.strip() and tested, f"{number} {pattern}"
