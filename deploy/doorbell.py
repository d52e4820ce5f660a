"""The doorbell: tells the workers that a shard, or a gate, has something to do.

One small message to a Celery queue, published by kombu in Celery's message protocol (version 2, documented and
stable), because whoever rings must not import Celery. A message is only a hint: where the broker is away, `recover`
finds the work by itself, so a bell that could not be rung is a line in the log and nothing else.
"""

import logging
from typing import Any, Protocol
from uuid import uuid4

from kombu.connection import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers

log = logging.getLogger(__name__)

DISPATCH_QUEUE = "dispatch"
CONNECT_QUEUE = "connect"
UPKEEP_QUEUE = "upkeep"
DRAIN_TASK = "workers.dispatch.drain"
CALL_TASK = "workers.connect.call"
LET_IN_TASK = "workers.connect.let_in"

PUBLISH_TIMEOUT_S = 2.0
"""What a request may lose to a broker that does not answer, before it goes on without."""


class Doorbell(Protocol):
    """Wakes workers. Never raises: a bell that nobody hears costs time, not work."""

    def ring(self, shard: int) -> None:
        """Events wait in a shard that nobody drains."""

    def calls(self, shard: int) -> None:
        """Calls wait in a shard."""

    def let_in(self, gate: str) -> None:
        """Calls wait at a gate."""


class CeleryDoorbell:
    """Rings by a message to the workers' queues. Safe for use by several threads."""

    def __init__(self, broker_url: str) -> None:
        connection = Connection(  # type: ignore[no-untyped-call]
            broker_url,
            connect_timeout=PUBLISH_TIMEOUT_S,
            transport_options={"socket_timeout": PUBLISH_TIMEOUT_S, "socket_keepalive": True},
        )
        self._producers = producers[connection]
        self._errors = (*connection.connection_errors, *connection.channel_errors)

    def ring(self, shard: int) -> None:
        self._publish(DISPATCH_QUEUE, DRAIN_TASK, shard)

    def calls(self, shard: int) -> None:
        self._publish(CONNECT_QUEUE, CALL_TASK, shard)

    def let_in(self, gate: str) -> None:
        self._publish(CONNECT_QUEUE, LET_IN_TASK, gate)

    def _publish(self, queue: str, task: str, place: int | str) -> None:
        identifier = str(uuid4())
        headers = {
            "lang": "py",
            "task": task,
            "id": identifier,
            "root_id": identifier,
            "parent_id": None,
            "group": None,
            "argsrepr": f"({place!r},)",
            "kwargsrepr": "{}",
            "ignore_result": True,
        }
        body: tuple[list[int | str], dict[str, Any], dict[str, None]] = (
            [place],
            {},
            {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
        )
        try:
            with self._producers.acquire(block=True, timeout=PUBLISH_TIMEOUT_S) as producer:
                # The default exchange leads to the queue of the routing key: nothing is declared for each message.
                producer.publish(
                    body,
                    routing_key=queue,
                    exchange="",
                    serializer="json",
                    headers=headers,
                    correlation_id=identifier,
                    delivery_mode="transient",
                )
        except (OperationalError, LimitExceeded, *self._errors) as error:
            log.warning("the broker is away, %s of %s waits for upkeep: %s", task, place, error)
