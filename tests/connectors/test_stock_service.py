import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from connectors.stock_service import application


def asked(path: str, method: str = "GET") -> tuple[str, dict[str, str], Any]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path.encode().decode("latin-1")}
    setup_testing_defaults(environ)
    started: list[Any] = []
    content = b"".join(application(environ, lambda status, headers, *_: started.extend((status, dict(headers)))))  # type: ignore[arg-type]
    return started[0], started[1], json.loads(content)


def test_an_item_has_a_stock_and_a_warehouse() -> None:
    status, headers, body = asked("/items/lamp")
    assert (status, body) == ("200 OK", {"sku": "lamp", "available": 12, "warehouse": "north"})
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("sku", ["bolt-m8", "größe", "a b"])
def test_an_item_outside_the_table_always_has_the_same_stock(sku: str) -> None:
    status, _, body = asked(f"/items/{sku}")
    assert (status, body["sku"]) == ("200 OK", sku)
    assert 0 <= body["available"] < 100
    assert asked(f"/items/{sku}")[2] == body


def test_an_invented_stock_is_the_same_in_every_process() -> None:
    assert asked("/items/bolt-m8")[2] == {"sku": "bolt-m8", "available": 25, "warehouse": "north"}


def test_an_unknown_item_is_not_found() -> None:
    assert asked("/items/unknown-1")[0] == "404 Not Found"


@pytest.mark.parametrize("path", ["/", "/items", "/items/", "/items/a/b", "/lamp", ""])
def test_nothing_stands_elsewhere(path: str) -> None:
    assert asked(path)[0] == "404 Not Found"


def test_it_says_that_it_is_well() -> None:
    assert asked("/health")[2] == {"status": "ok"}


def test_it_only_answers() -> None:
    assert asked("/items/lamp", "POST")[0] == "405 Method Not Allowed"
