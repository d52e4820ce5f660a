from collections.abc import Iterator

import pytest

from connectors.http import HttpConnector
from tests.connectors.local_server import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    local = LocalServer()
    stop = local.start()
    yield local
    stop()


@pytest.fixture
def http() -> Iterator[HttpConnector]:
    connector = HttpConnector()
    yield connector
    connector.close()
