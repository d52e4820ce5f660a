"""A small stock service, which the order-fulfilment example of the gallery asks what is in stock.

A plain WSGI application, served for instance by `gunicorn connectors.stock_service:application`. It holds nothing and
always gives the same answer, also for goods outside its table; only a sku that begins with `unknown` is not known.
"""

import json
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from zlib import crc32

WAREHOUSES = ("north", "south", "harbour")
STOCK = {
    "lamp": (12, "north"),
    "chair": (40, "south"),
    "table": (3, "south"),
    "sofa": (0, "harbour"),
}
MAX_AVAILABLE = 100

Answer = tuple[str, dict[str, Any]]


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`GET /items/<sku>` gives `{sku, available, warehouse}` or 404; `GET /health` gives `{status}`."""
    status, body = _answer(environ["REQUEST_METHOD"], _path(environ))
    content = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def _answer(method: str, path: str) -> Answer:
    if method != "GET":
        return "405 Method Not Allowed", {"error": "only GET is known here"}
    if path == "/health":
        return "200 OK", {"status": "ok"}
    root, _, sku = path.removeprefix("/").partition("/")
    if root == "items" and sku and "/" not in sku:
        return _item(sku)
    return "404 Not Found", {"error": "there is nothing here"}


def _item(sku: str) -> Answer:
    if sku.startswith("unknown"):
        return "404 Not Found", {"error": "this sku is not known", "sku": sku}
    available, warehouse = STOCK.get(sku) or _invented(sku)
    return "200 OK", {"sku": sku, "available": available, "warehouse": warehouse}


def _invented(sku: str) -> tuple[int, str]:
    # Not `hash`, which gives another answer in every process.
    number = crc32(sku.encode())
    return number % MAX_AVAILABLE, WAREHOUSES[number % len(WAREHOUSES)]


def _path(environ: WSGIEnvironment) -> str:
    # WSGI hands over the bytes of the path as if they were Latin-1 (PEP 3333).
    return str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", errors="replace")
