"""The log of an API process: one line a record, to standard error, with the correlation id of the request."""

import logging

from api.context import correlation_id

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s%(request)s"


def set_up_logs(level: str) -> None:
    """Sends records of at least `level` to standard error."""
    logging.basicConfig(level=level, format=FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(name_request)


def name_request(record: logging.LogRecord) -> bool:
    """Gives a record the correlation id of the request that logs it; lets every record through."""
    current = correlation_id()
    record.request = f" [{current}]" if current else ""
    return True
