"""The log of a worker process: one line a record, to standard error."""

import logging

CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.beat")
"""Loggers of Celery that write a line for every message. Messages are hints; what came of them is logged by us."""

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logs(level: str) -> None:
    """Sends records of at least `level` to standard error."""
    logging.basicConfig(level=level, format=FORMAT)
    if level != "DEBUG":
        for name in CHATTY:
            logging.getLogger(name).setLevel("WARNING")
