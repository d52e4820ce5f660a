"""The gallery: each specification is valid, sound and described; the order goes each of its ways to the end.

That each pattern of the gallery runs to its end is tested with the pattern, in `tests/patterns`.
"""

import json
import re
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from deploy.drawing import Graphviz
from engine.case import CaseStatus
from engine.spec.picture import specification_picture
from engine.spec.read import read_specification
from engine.spec.soundness import Flaw, check_specification
from engine.store.memory import MemoryStore
from tests.patterns.played import Played

GALLERY = Path(__file__).parent.parent.parent / "docs" / "gallery"
FILES = sorted(GALLERY.glob("*.yaml"))
PATTERNS = sorted(GALLERY.glob("wcp*.yaml"))
HOW_MANY = 43
README = (GALLERY / "README.md").read_text(encoding="utf-8")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
each_pattern = pytest.mark.parametrize("file", PATTERNS, ids=lambda file: file.stem)


def test_each_pattern_has_one_specification() -> None:
    assert [file.name[:6] for file in PATTERNS] == [f"wcp{number:02}-" for number in range(1, HOW_MANY + 1)]


@each_file
def test_each_specification_is_valid_and_sound(file: Path) -> None:
    specification = read_specification(file.read_text(encoding="utf-8"), name=file.name)
    checked = check_specification(specification)
    # Explicit termination (WCP-43) is that a case completes while something is left.
    intended = {Flaw.IMPROPER_COMPLETION} if file.stem == "wcp43-explicit-termination" else set()
    assert {finding.flaw for each in checked for finding in each.findings} == intended
    assert all(each.whole for each in checked)


@each_file
def test_each_specification_has_the_name_of_its_file_and_a_title(file: Path) -> None:
    specification = read_specification(file.read_text(encoding="utf-8"), name=file.name)
    assert specification.id == file.stem and specification.title


@each_pattern
def test_each_pattern_is_described_in_three_sentences(file: Path) -> None:
    specification = read_specification(file.read_text(encoding="utf-8"), name=file.name)
    description = specification.document["description"].strip()
    assert description.endswith(".") and len(re.split(r"(?<=\.)\s+(?=[A-Z`])", description)) == 3


@each_pattern
def test_each_pattern_stands_in_the_table_with_its_test(file: Path) -> None:
    [row] = [line for line in README.splitlines() if f"({file.name})" in line]
    [test] = re.findall(r"\((\.\./\.\./tests/patterns/test_wcp\d\d_\w+\.py)\)", row)
    assert row.startswith(f"| {int(file.name[3:5])} |")
    assert test.partition("test_wcp")[2][:2] == file.name[3:5] and (GALLERY / test).exists()


@pytest.fixture(scope="module")
def graphviz() -> Graphviz:
    return Graphviz()


@each_file
def test_each_picture_shows_the_specification_as_it_stands(file: Path, graphviz: Graphviz) -> None:
    specification = read_specification(file.read_text(encoding="utf-8"), name=file.name)
    shown = shown_in(file.with_suffix(".svg").read_text(encoding="utf-8"))
    for title in shown_in(specification_picture(specification, graphviz)):
        assert any(each.startswith(title) for each in shown), f"{title} is missing; run `make gallery`"


def shown_in(svg: str) -> set[str]:
    """The places and tasks of a picture. Where a state is shown, more is said of them, and flows have a place each."""
    drawn = ElementTree.fromstring(svg).iterfind(".//{*}g/{*}title")
    return {title.text or "" for title in drawn if " leads to " not in (title.text or "")}


def played(available: int) -> Played:
    """The sample order, as far as the answer of the stock service leads it."""
    specification = read_specification((GALLERY / "order-fulfilment.yaml").read_text())
    order = json.loads((GALLERY / "order-fulfilment.order.json").read_text())
    ticks = count(1_700_000_000_000)
    case = Played.started(MemoryStore(1, lambda: next(ticks)), lambda: None, specification, order)
    body = {"sku": "chair", "available": available, "warehouse": "south"}
    case.answer("check_stock", status=200, headers={}, body=body, elapsed_ms=3)
    return case


def result(case: Played) -> tuple[CaseStatus, Any, Any, Any]:
    case.check_replay()
    data = case.case.data
    return case.status, data["approved"], data.get("tracking"), data["outcome"]


def test_an_approved_order_is_picked_and_shipped() -> None:
    case = played(available=40)
    case.do("approve", approved=True, note="a good customer")
    case.do("pick", weight=12.5)
    case.answer("ship", tracking="PARCEL-A-1001", outcome="shipped")
    assert result(case) == (CaseStatus.COMPLETED, True, "PARCEL-A-1001", "shipped")


def test_a_rejected_order_is_refused() -> None:
    case = played(available=40)
    case.do("approve", approved=False)
    assert result(case) == (CaseStatus.COMPLETED, False, None, "refused")


@pytest.mark.parametrize("available", [0, 3])
def test_an_order_beyond_the_stock_is_put_on_backorder(available: int) -> None:
    case = played(available)
    case.answer("backorder", status="backordered")
    assert result(case) == (CaseStatus.COMPLETED, False, None, "backordered")
