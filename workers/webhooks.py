"""Webhooks: ends of cases and items are sent to those who want to know, at least once each.

A round first makes deliveries of the ends that commits have kept, which is quick, and then sends what is due, each in a
thread, because a worker has other work to do than to wait for somebody's server. A delivery that cannot be sent waits
longer each time, and is given up after a bounded number of attempts. Two rounds at once do no harm: a delivery is taken
by one of them, and an end makes the same delivery whoever looks at it.
"""

import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from msgspec.json import encode
from msgspec.structs import replace

from connectors.port import CallRequest, Done, Failed, Outcome
from deploy.wiring import Parts
from engine.data.moments import instant
from engine.errors import Unavailable
from engine.store.happenings import Ended
from engine.store.webhooks import Delivery, Webhook, delivery_of, event_of

log = logging.getLogger(__name__)

SENDERS = 8
"""Deliveries that one worker process sends at once."""

ENDS_AT_ONCE = 500
SEND_TIMEOUT_S = 10.0
MOST_ATTEMPTS = 12
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 3600
LONGEST_ERROR = 300


class Courier:
    """What one worker process sends. The connector `http` does it, so the installation says which addresses it may."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._under_way = 0
        self._lock = Lock()

    def round(self) -> None:
        """Makes deliveries of ends, and sends those that are due as far as there is room."""
        try:
            webhooks = {each.name: each for each in self._parts.access.webhooks.webhooks()}
            self._collect(list(webhooks.values()))
            room = SENDERS - self.under_way
            if room <= 0:
                return
            for delivery in self._parts.access.webhooks.take(self._parts.store.now(), room):
                with self._lock:
                    self._under_way += 1
                self._senders.submit(self._send, webhooks.get(delivery.webhook), delivery)
        except Unavailable as away:
            log.warning("no webhook is sent while the store is away: %s", away)

    @property
    def under_way(self) -> int:
        """How many are being sent."""
        with self._lock:
            return self._under_way

    def close(self) -> None:
        """Begins no more; what is under way is done within its timeout, or taken again by somebody else."""
        self._senders.shutdown(wait=False, cancel_futures=True)

    def _collect(self, webhooks: list[Webhook]) -> None:
        if not webhooks:
            return
        now = self._parts.store.now()
        for shard in range(self._parts.store.shards):
            kept = self._parts.happenings.ends(shard, ENDS_AT_ONCE)
            wanted = [delivery_of(each, end, now) for _, end in kept for each in webhooks if each.wants(end)]
            self._parts.access.webhooks.add(wanted)
            # After the deliveries are kept: whoever dies in between finds the ends again, and makes the same ones.
            self._parts.happenings.seen_to(shard, [identifier for identifier, _ in kept])

    def _send(self, webhook: Webhook | None, delivery: Delivery) -> None:
        try:
            if webhook is None or not webhook.active:
                self._parts.access.webhooks.done(delivery)
                return
            self._settle(delivery, self._sent(webhook, delivery))
        except Unavailable as away:
            log.warning("what came of webhook delivery %s is not kept, it is sent again: %s", delivery.id, away)
        finally:
            with self._lock:
                self._under_way -= 1

    def _sent(self, webhook: Webhook, delivery: Delivery) -> Outcome:
        body = body_of(delivery)
        config = {
            "method": "POST",
            "url": webhook.url,
            "headers": {
                "Content-Type": "application/json",
                "X-Casewright-Event": event_of(delivery.end),
                "X-Casewright-Signature": signature(webhook.secret, body, self._parts.store.now() // 1000),
            },
            "body": body.decode(),
            "encode": "text",
            "decode": "base64",
            "max_response_bytes": 64 * 1024,
        }
        request = CallRequest(delivery.id, delivery.attempts + 1, "http", config, {}, SEND_TIMEOUT_S, delivery.id)
        return self._parts.connectors.call(request)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        kept = self._parts.access.webhooks
        # An answer that is too long, or that nobody can read, is an answer: the status was the one expected.
        if isinstance(outcome, Done) or outcome.kind in ("bad_response", "too_large"):
            kept.done(delivery)
            return
        tried = replace(delivery, attempts=delivery.attempts + 1, error=_said(outcome))
        now = self._parts.store.now()
        if tried.attempts >= MOST_ATTEMPTS:
            log.warning("webhook %s: delivery %s is given up: %s", tried.webhook, tried.id, tried.error)
            kept.bury(replace(tried, due=now))
        else:
            kept.put_off(replace(tried, due=now + pause_s(tried.attempts) * 1000))


def body_of(delivery: Delivery) -> bytes:
    """What is sent."""
    end = delivery.end
    return encode(
        {
            "id": delivery.id,
            "event": event_of(end),
            "at": instant(end.at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "case_id": end.case_id,
            "item_id": end.id if end.what is Ended.ITEM else None,
            "state": end.state,
            "specification": end.specification,
            "version": end.version,
            "task": end.task or None,
            "owner": end.owner,
        }
    )


def signature(secret: str, body: bytes, at: int) -> str:
    """The header that shows who has sent a body, and when (seconds since 1970)."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


def pause_s(attempts: int) -> int:
    """How long it is waited after so many attempts."""
    return int(min(FIRST_PAUSE_S * 2 ** min(attempts - 1, 30), LONGEST_PAUSE_S))


def _said(failed: Failed) -> str:
    return f"{failed.kind}: {failed.message}"[:LONGEST_ERROR]
