"""The registry: the connectors of an installation by name, and the one door through which they are called."""

import logging
import re
import traceback
from collections.abc import Iterable
from dataclasses import replace

from connectors.port import MAX_MESSAGE_CHARS, CallRequest, Connector, Done, Failed, FailureKind, Outcome
from connectors.secrets import SecretMissing, Secrets

MAX_RAW_MESSAGE_CHARS = 16_000
"""How much of a connector's message is looked at for secrets before it is shortened to `MAX_MESSAGE_CHARS`."""

# Half a surrogate pair is among it: no store could keep it.
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]+")

log = logging.getLogger(__name__)


class Registry:
    """The connectors by name. Without `secrets` every `{secret: NAME}` is a missing one.

    Raises `ValueError` when two connectors have one name.
    """

    def __init__(self, connectors: Iterable[Connector], secrets: Secrets | None = None) -> None:
        self._connectors: dict[str, Connector] = {}
        for connector in connectors:
            if connector.name in self._connectors:
                raise ValueError(f"two connectors are named {connector.name}")
            self._connectors[connector.name] = connector
        self._secrets = secrets or Secrets({})

    def names(self) -> list[str]:
        """The names of the connectors, sorted."""
        return sorted(self._connectors)

    def get(self, name: str) -> Connector | None:
        """The connector of this name, or None."""
        return self._connectors.get(name)

    def call(self, request: CallRequest) -> Outcome:
        """Make a call and say what came of it; never raises. No message holds a secret or is longer than
        `MAX_MESSAGE_CHARS`. The output is left as it came: what a service echoes of a secret stands in it."""
        connector = self._connectors.get(request.connector)
        if connector is None:
            return self._shown(
                Failed(FailureKind.UNKNOWN_CONNECTOR, f"there is no connector {request.connector}", False)
            )
        try:
            resolved = replace(request, config=self._secrets.resolve(request.config))
        except SecretMissing as missing:
            return self._shown(Failed(FailureKind.SECRET_MISSING, str(missing), retryable=False))
        outcome = self._guarded(connector, resolved)
        return outcome if isinstance(outcome, Done) else self._shown(outcome)

    def close(self) -> None:
        """Close every connector."""
        for connector in self._connectors.values():
            connector.close()

    def _guarded(self, connector: Connector, request: CallRequest) -> Outcome:
        try:
            return connector.call(request)
        except Exception as error:  # noqa: BLE001 - the comment below says why it has to be every exception.
            # This is the one place that catches everything: a connector's mistake must fail its own item, and neither
            # the other calls of this worker nor the case may hang on it. The traceback is logged as redacted text
            # instead of `exc_info`, because an exception's text may quote the config with its secrets.
            log.error(
                "connector %s raised in attempt %d at %s\n%s",
                connector.name,
                request.attempt,
                request.item_id,
                self._secrets.redact("".join(traceback.format_exception(error))),
            )
            return Failed(FailureKind.RAISED, f"{type(error).__name__}: {error}", retryable=False)

    def _shown(self, failure: Failed) -> Failed:
        # Secrets are hidden before anything is shortened: of a secret that was cut in two, half would stay.
        redacted = self._secrets.redact(failure.message[:MAX_RAW_MESSAGE_CHARS])
        message = _UNPRINTABLE.sub(" ", redacted).strip()
        if len(message) > MAX_MESSAGE_CHARS:
            message = message[: MAX_MESSAGE_CHARS - 1] + "…"
        return replace(failure, message=message)
