"""The plain Celery application that the benchmarks compare with."""

import os
import threading
from typing import Any

import requests
from celery import Celery

app = Celery("chain", broker=os.environ["CHAIN_URL"], backend=os.environ["CHAIN_URL"])
app.conf.update(
    task_default_queue="chain",
    broker_connection_retry_on_startup=True,
    result_expires=600,
    worker_prefetch_multiplier=4,
)


@app.task(name="echo")  # type: ignore[untyped-decorator]
def echo(value: dict[str, int]) -> dict[str, int]:
    """Gives back what it gets."""
    return value


@app.task(name="counted")  # type: ignore[untyped-decorator]
def counted(values: list[dict[str, int]]) -> int:
    """The body of a chord: how many results came."""
    return len(values)


_sessions = threading.local()


@app.task(name="get")  # type: ignore[untyped-decorator]
def get(url: str, item_id: str) -> Any:
    """One call of a service, with a session for each thread; its answer is the result."""
    if not hasattr(_sessions, "session"):
        _sessions.session = requests.Session()
    response = _sessions.session.get(url, headers={"Idempotency-Key": item_id}, timeout=30)
    response.raise_for_status()
    return response.json()
