"""The order of the gallery goes each of its ways to the end."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.case import CaseStatus
from engine.spec.read import read_specification
from engine.store.memory import MemoryStore
from tests.patterns.played import Played

GALLERY = Path(__file__).parent.parent.parent / "docs" / "gallery"


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
