"""The log of a worker process: one line a record, to standard error."""

import logging

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logs(level: str) -> None:
    """Sends records of at least `level` to standard error."""
    logging.basicConfig(level=level, format=FORMAT)
