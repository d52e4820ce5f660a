"""The registry: the connectors of an installation by name, and the one door through which they are called."""

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from connectors.callbacks import Callbacks, CallbackUnknown, filled_in
from connectors.limits import DEFAULT_TERMS, Terms
from connectors.port import (
    MAX_MESSAGE_CHARS,
    Answer,
    CallRequest,
    Connector,
    Failed,
    FailureKind,
    Inbound,
    InboundRefused,
    Later,
    Outcome,
    Receiver,
    Targeted,
)
from connectors.secrets import SecretMissing, Secrets

MAX_RAW_MESSAGE_CHARS = 16_000
"""How much of a connector's message is looked at for secrets before it is shortened to `MAX_MESSAGE_CHARS`."""

# Half a surrogate pair is among it: no store could keep it.
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]+")

log = logging.getLogger(__name__)


class Registry:
    """The connectors by name. Without `secrets` every `{secret: NAME}` is a missing one; without `callbacks` nobody
    receives any, and a connector that would wait for one fails. `terms` are those of connectors that have their own.

    Raises `ValueError` when two connectors have one name.
    """

    def __init__(
        self,
        connectors: Iterable[Connector],
        secrets: Secrets | None = None,
        callbacks: Callbacks | None = None,
        terms: Mapping[str, Terms] | None = None,
    ) -> None:
        self._secrets = secrets or Secrets({})
        self._callbacks = callbacks
        self._install(connectors, terms or {})

    def replace(self, connectors: Iterable[Connector], terms: Mapping[str, Terms]) -> None:
        """Takes these connectors instead of those there are. Calls under way go on with the one they began with, which
        is not closed here: it is let go of with the last of them."""
        self._install(connectors, terms)

    def names(self) -> list[str]:
        """The names of the connectors, sorted."""
        return sorted(self._connectors)

    def get(self, name: str) -> Connector | None:
        """The connector of this name, or None."""
        return self._connectors.get(name)

    def terms(self, name: str) -> Terms:
        """What calls of a connector have to keep to."""
        return self._terms.get(name, DEFAULT_TERMS)

    def target(self, name: str, config: Mapping[str, Any]) -> str | None:
        """The host that a call goes to, where its connector can tell."""
        connector = self._targeted.get(name)
        return connector.target(config) if connector is not None else None

    def begin(self, request: CallRequest) -> Answer:
        """Make a call and say what came of it, or that it comes later; never raises. No message holds a secret or is
        longer than `MAX_MESSAGE_CHARS`. The output is left as it came: what a service echoes of a secret stands in it.
        """
        return self._door(self._with_token(request), lambda connector, resolved: connector.call(resolved))

    def call(self, request: CallRequest) -> Outcome:
        """The same for who cannot wait for a callback, and so is given no token of one: `Later` is a failure."""
        answer = self._door(replace(request, callback=None), lambda connector, resolved: connector.call(resolved))
        if isinstance(answer, Later):
            return Failed(FailureKind.REFUSED, f"nobody waits for a callback to {request.connector} here", False)
        return answer

    def receive(self, request: CallRequest, inbound: Inbound) -> Outcome:
        """The outcome that a callback brings to a call. Raises `InboundRefused` where it does not count."""
        waiting = self._with_token(request)
        answer = self._door(waiting, lambda connector, resolved: _received(connector, resolved, inbound))
        assert not isinstance(answer, Later), "what came by callback is not awaited once more"
        return answer

    def close(self) -> None:
        """Close every connector."""
        for connector in self._connectors.values():
            connector.close()

    def _install(self, connectors: Iterable[Connector], terms: Mapping[str, Terms]) -> None:
        self._connectors, self._terms = _by_name(connectors), dict(terms)
        # Asked once: whether an object keeps to a protocol takes longer to find out than a quick call.
        named = self._connectors.items()
        self._targeted = {name: connector for name, connector in named if isinstance(connector, Targeted)}
        self._receivers = frozenset(name for name, connector in named if isinstance(connector, Receiver))

    def _with_token(self, request: CallRequest) -> CallRequest:
        # Signing one takes longer than a quick call, and without a config nobody can ask for it but who receives it.
        if self._callbacks is None or not (request.config or request.connector in self._receivers):
            return request
        return replace(request, callback=self._callbacks.token(request.item_id))

    def _door(self, request: CallRequest, act: Callable[[Connector, CallRequest], Answer]) -> Answer:
        connector = self._connectors.get(request.connector)
        if connector is None:
            what = f"there is no connector {request.connector}"
            return self._shown(Failed(FailureKind.UNKNOWN_CONNECTOR, what, retryable=False), request)
        answer = self._guarded(connector, request, act)
        return self._shown(answer, request) if isinstance(answer, Failed) else answer

    def _guarded(
        self, connector: Connector, request: CallRequest, act: Callable[[Connector, CallRequest], Answer]
    ) -> Answer:
        try:
            if not request.config:
                return act(connector, request)
            config = filled_in(request.config, request.item_id, self._callbacks if request.callback else None)
            return act(connector, replace(request, config=self._secrets.resolve(config)))
        except SecretMissing as missing:
            return Failed(FailureKind.SECRET_MISSING, str(missing), retryable=False)
        except CallbackUnknown as unknown:
            return Failed(FailureKind.REFUSED, str(unknown), retryable=False)
        except InboundRefused:
            raise
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

    def _shown(self, failure: Failed, request: CallRequest) -> Failed:
        # Secrets are hidden before anything is shortened: of a secret that was cut in two, half would stay.
        redacted = self._secrets.redact(failure.message[:MAX_RAW_MESSAGE_CHARS])
        if request.callback is not None:
            redacted = redacted.replace(request.callback, "***")
        message = _UNPRINTABLE.sub(" ", redacted).strip()
        if len(message) > MAX_MESSAGE_CHARS:
            message = message[: MAX_MESSAGE_CHARS - 1] + "…"
        return replace(failure, message=message)


def _by_name(connectors: Iterable[Connector]) -> dict[str, Connector]:
    found: dict[str, Connector] = {}
    for connector in connectors:
        if connector.name in found:
            raise ValueError(f"two connectors are named {connector.name}")
        found[connector.name] = connector
    return found


def _received(connector: Connector, request: CallRequest, inbound: Inbound) -> Outcome:
    if isinstance(connector, Receiver):
        return connector.receive(request, inbound)
    return Failed(FailureKind.REFUSED, f"{connector.name} waits for no callback", retryable=False)
