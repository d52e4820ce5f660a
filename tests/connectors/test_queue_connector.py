"""The `queue` connector on a real broker."""

import json
from typing import Any

import pytest
from kombu.connection import Connection
from redis import Redis

from connectors.port import Done, Failed, Outcome
from connectors.queue import QueueConnector
from tests.connectors.calls import call_request


def published(redis_url: str, config: dict[str, Any], given: dict[str, Any] | None = None, **settings: Any) -> Outcome:
    connector = QueueConnector({"url": redis_url, **settings})
    return connector.call(call_request("queue", config, given or {}))


def received(redis_url: str, queue: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The body, the properties and the headers of the next message."""
    with Connection(redis_url) as connection:  # type: ignore[no-untyped-call]
        simple = connection.SimpleQueue(queue)
        message = simple.get(timeout=5)
        message.ack()
        simple.close()
        return message.payload, message.properties, message.headers


@pytest.mark.usefixtures("redis_client")
def test_the_input_is_the_message(redis_url: str) -> None:
    assert published(redis_url, {"queue": "orders"}, {"sku": "chair"}) == Done({"message_id": "order-1:7"})
    body, properties, _ = received(redis_url, "orders")
    assert body == {"sku": "chair"}
    assert (properties["message_id"], properties["correlation_id"]) == ("order-1:7", "trace-1")


@pytest.mark.usefixtures("redis_client")
def test_a_body_and_headers_of_its_own(redis_url: str) -> None:
    published(redis_url, {"queue": "orders", "body": [1, "two"], "headers": {"kind": "urgent"}})
    body, _, headers = received(redis_url, "orders")
    assert body == [1, "two"]
    assert headers["kind"] == "urgent"


def test_without_declaring_the_queue_is_that_of_the_broker(redis_url: str, redis_client: "Redis") -> None:
    published(redis_url, {"queue": "orders"}, {"n": 1}, declare=False)
    [message] = redis_client.lrange("orders", 0, -1)
    assert json.loads(message)["properties"]["message_id"] == "order-1:7"
    assert not redis_client.exists("_kombu.binding.orders")


def test_a_broker_that_is_away_is_a_connection() -> None:
    connector = QueueConnector({"url": {"secret": "URL"}}, resolve=lambda _: {"url": "redis://:hush@127.0.0.1:1/0"})
    outcome = connector.call(call_request("queue", {"queue": "orders"}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("connection", True)
    assert "hush" not in outcome.message


@pytest.mark.parametrize("url", ["nosuchbroker://host", "absent+tcp://host"])
def test_a_url_that_leads_to_no_broker_is_a_bad_config(url: str) -> None:
    outcome = published(url, {"queue": "orders"})
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("bad_config", False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "must have a queue, or an exchange"),
        ({"queue": "a", "exchange": "b"}, "must have a queue, or an exchange"),
        ({"queue": "a", "routing_key": "b"}, "belongs to an exchange"),
    ],
)
def test_where_it_goes_must_be_clear(config: dict[str, Any], message: str) -> None:
    [problem] = QueueConnector({"url": "memory://"}).check_config(config)
    assert problem.message == message


def test_a_password_is_not_written_out() -> None:
    with pytest.raises(ValueError, match="url: must be a URL without a password"):
        QueueConnector({"url": "amqp://ann:hush@events.internal"})
