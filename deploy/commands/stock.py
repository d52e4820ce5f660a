"""The stock service of the demo: as a program of `casewright up --demo`, or for as long as `casewright demo` runs.

Its address stands in the specification of the gallery.
"""

import http.client
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

from connectors.stock_service import application
from deploy.commands.output import Refused
from deploy.processes import Program
from deploy.settings import VARIABLES

HOST, PORT = "127.0.0.1", 8090
TARGET = "connectors.stock_service:application"
PROBE_WITHIN_S = 1.0
SHUTDOWN_POLL_S = 0.05
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the demo prints its own progress."""


def answers() -> bool:
    """Whether the stock service answers already: everybody's does alike, so any of them will do."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=PROBE_WITHIN_S)
    try:
        with closing(connection):
            connection.request("GET", "/items/lamp")
            return bool(json.load(connection.getresponse())["sku"] == "lamp")
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False


def program(working_directory: Path) -> Program:
    """The service as a program of a process tree. gunicorn puts its working directory first on the import path."""
    outside = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return Program(
        name="stock",
        argv=(sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{PORT}", "--log-level", "warning", TARGET),
        env={**outside, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"},
        ready=answers,
        cwd=working_directory,
    )


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Sees to it that the service answers while a server on this machine (at `url`) works on orders.

    Raises `Failure` where something else listens at its address.
    """
    if urlsplit(url).hostname not in LOOPBACK or answers():
        yield
        return
    try:
        server = make_server(HOST, PORT, application, handler_class=_Silent)
    except OSError as error:
        raise Refused(
            f"port {PORT}, where the demo's stock service is asked, cannot be opened: {error.strerror}"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_S,), name="stock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
