"""The plain Celery application that the benchmark compares with: one task that gives back what it gets."""

import os

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
