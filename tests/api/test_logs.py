"""The log of an API process."""

import logging

import pytest

from api.logs import FORMAT, name_request
from tests.api.bench import Bench


def shown(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [logging.Formatter("%(message)s%(request)s").format(record) for record in caplog.records]


def test_a_line_that_a_request_logs_names_its_correlation_id(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(name_request)
    with caplog.at_level("INFO"), bench.app.test_request_context(headers={"X-Correlation-Id": "r-1"}):
        logging.getLogger("deploy.doorbell").info("the broker is away")
    assert shown(caplog) == ["the broker is away [r-1]"]


def test_a_line_outside_of_a_request_names_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(name_request)
    with caplog.at_level("INFO"):
        logging.getLogger("api").info("it begins")
    assert shown(caplog) == ["it begins"]


def test_the_format_is_one_line_with_the_request_at_its_end() -> None:
    assert FORMAT.endswith("%(message)s%(request)s")
