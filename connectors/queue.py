"""The `queue` connector: publishes a message to a broker that kombu knows (AMQP, Redis, SQS and others).

A task is done when the broker has taken the message; what becomes of it is the business of whoever consumes it.

| key of the config | meaning |
|---|---|
| `queue` | the queue that the message goes to |
| `exchange`, `routing_key` | instead of `queue`: where an exchange that is there routes it |
| `body` | the message, any JSON value; default: the task's input |
| `headers` | further headers of the message |
| `timeout_s` | the engine's |

The message carries the id of the call as `message_id`, the same for every attempt, so that a consumer can tell a
message that came twice, and the case's correlation id. The output is `{message_id}`.

| key of the settings | meaning |
|---|---|
| `url` | of the broker, as kombu writes it; may be `{secret: NAME}` |
| `declare` | whether a `queue` that is not there is made (default true) |
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import KombuError, OperationalError
from kombu.utils.url import maybe_sanitize_url

from connectors.config import Path as ConfigPath
from connectors.config import (
    anything,
    bad_config,
    boolean,
    check_deployed,
    mapping_of,
    table,
    text,
    text_that,
    url_without_password,
)
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome

Resolve = Callable[[Any], Any]

check_settings = table({"url": url_without_password, "declare": boolean}, required=("url",))

_NAME = re.compile(r"[^\s{}]{1,255}")

_name = text_that(lambda value: _NAME.fullmatch(value) is not None, "a name without spaces and braces")

_CONFIG = table(
    {
        "queue": _name,
        "exchange": _name,
        "routing_key": _name,
        "body": anything,
        "headers": mapping_of(text, anything),
        "timeout_s": anything,
    }
)


def check_message(config: Any, path: ConfigPath) -> list[ConfigProblem]:
    """The config of one message."""
    problems = _CONFIG(config, path)
    if problems or not isinstance(config, Mapping):
        return problems
    if ("queue" in config) == ("exchange" in config):
        return [ConfigProblem(path, "must have a queue, or an exchange")]
    if "routing_key" in config and "exchange" not in config:
        return [ConfigProblem((*path, "routing_key"), "belongs to an exchange")]
    return []


class QueueConnector:
    """Publishes; the module says what its config and its settings may hold. Each call has a connection of its own.

    A broker that cannot be reached or breaks off is a retryable `connection`. Raises `ValueError` for settings that
    cannot be used.
    """

    def __init__(
        self, settings: Mapping[str, Any], name: str = "queue", resolve: Resolve = lambda settings: settings
    ) -> None:
        self.name = name
        problems = check_deployed(check_settings, settings)
        if problems:
            raise ValueError(bad_config(problems).message)
        self._settings = settings
        self._resolve = resolve

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(check_message, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = check_message(request.config, ())
        if problems:
            return bad_config(problems)
        url = self._resolve(self._settings)["url"]
        try:
            connection = Connection(  # type: ignore[no-untyped-call]
                url, connect_timeout=request.timeout_s, transport_options=_bounds(url, request)
            )
            errors = (*connection.connection_errors, *connection.channel_errors)
        except (KeyError, ImportError, ValueError) as error:
            return Failed(FailureKind.BAD_CONFIG, f"no broker can be reached by the URL: {error}", retryable=False)
        try:
            with connection:
                self._publish(connection, request)
        except (OperationalError, OSError, *errors) as error:
            what = f"{error or type(error).__name__}: {maybe_sanitize_url(url)}"
            return Failed(FailureKind.CONNECTION, what, retryable=True)
        except KombuError as error:
            return Failed(FailureKind.BAD_CONFIG, f"no message can be made of the config: {error}", retryable=False)
        return Done({"message_id": request.item_id})

    def target(self, config: Mapping[str, Any]) -> str | None:
        # Its URL is a secret, mostly: the connector stands for its broker.
        return f"queue:{self.name}"

    def close(self) -> None:
        pass

    def _publish(self, connection: Connection, request: CallRequest) -> None:
        config, declare = request.config, list[Queue]()
        exchange, routing_key = config.get("exchange", ""), config.get("routing_key", "")
        if "queue" in config:
            routing_key = config["queue"]
            if self._settings.get("declare", True):
                declare.append(Queue(routing_key, durable=True))  # type: ignore[no-untyped-call]
        connection.Producer(serializer="json").publish(  # type: ignore[no-untyped-call]
            config.get("body", dict(request.input)),
            exchange=exchange,
            routing_key=routing_key,
            declare=declare,
            headers=dict(config.get("headers", {})),
            message_id=request.item_id,
            correlation_id=request.correlation_id,
            delivery_mode="persistent",
            retry=False,
            timeout=request.timeout_s,
        )


def _bounds(url: str, request: CallRequest) -> dict[str, Any]:
    """That no wait is longer than the call; and that AMQP says when it has the message."""
    if url.startswith(("amqp", "pyamqp")):
        return {"confirm_publish": True, "read_timeout": request.timeout_s, "write_timeout": request.timeout_s}
    return {"socket_timeout": request.timeout_s, "socket_connect_timeout": request.timeout_s}
