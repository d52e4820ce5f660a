"""Webhooks and mails: notices of cases and items are sent to those who want to know, at least once each.

A round first makes deliveries of the notices that commits have kept, which is quick, and then sends what is due, each
in a thread, because a worker has other work to do than to wait for somebody's server. A delivery that cannot be sent
waits longer each time, and is given up after a bounded number of attempts. Two rounds at once do no harm: a delivery is
taken by one of them, and a notice makes the same delivery whoever looks at it.
"""

import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from msgspec.json import encode
from msgspec.structs import replace

from connectors.port import CallRequest, Done, Failed, Outcome
from deploy.wiring import Parts
from engine.data.moments import instant
from engine.errors import Unavailable
from engine.store.happenings import REMINDED, Subject
from engine.store.webhooks import Delivery, Webhook, delivery_of, event_of
from workers.mail_notices import letter, mails

log = logging.getLogger(__name__)

SENDERS = 8
"""Deliveries that one worker process sends at once."""

NOTICES_AT_ONCE = 500
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
        """Makes deliveries of notices, and sends those that are due as far as there is room."""
        try:
            webhooks = {each.name: each for each in self._parts.access.webhooks.webhooks()}
            self._collect(list(webhooks.values()))
            self._parts.installed.refresh()
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
        by_mail = self._parts.settings.mail_notices is not None
        if not webhooks and not by_mail:
            return
        now = self._parts.store.now()
        for shard in range(self._parts.store.shards):
            kept = self._parts.happenings.notices(shard, NOTICES_AT_ONCE)
            wanted = [delivery_of(each, notice, now) for _, notice in kept for each in webhooks if each.wants(notice)]
            if by_mail:
                wanted += [mail for _, notice in kept for mail in mails(self._parts, notice, now)]
            self._parts.access.webhooks.add(wanted)
            # After the deliveries are kept: whoever dies in between finds the notices again, and makes the same ones.
            self._parts.happenings.seen_to(shard, [identifier for identifier, _ in kept])

    def _send(self, webhook: Webhook | None, delivery: Delivery) -> None:
        try:
            request = self._mail(delivery) if delivery.person else self._post(webhook, delivery)
            if request is None:
                self._parts.access.webhooks.done(delivery)
            else:
                self._settle(delivery, self._parts.connectors.call(request))
        except Unavailable as away:
            log.warning("what came of delivery %s is not kept, it is sent again: %s", delivery.id, away)
        finally:
            with self._lock:
                self._under_way -= 1

    def _mail(self, delivery: Delivery) -> CallRequest | None:
        connector, written = self._parts.settings.mail_notices, letter(self._parts, delivery)
        if connector is None or written is None:
            return None
        return _request(connector, written.config, delivery)

    def _post(self, webhook: Webhook | None, delivery: Delivery) -> CallRequest | None:
        if webhook is None or not webhook.active:
            return None
        body = body_of(delivery)
        config = {
            "method": "POST",
            "url": webhook.url,
            "headers": {
                "Content-Type": "application/json",
                "X-Casewright-Event": event_of(delivery.notice),
                "X-Casewright-Signature": signature(webhook.secret, body, self._parts.store.now() // 1000),
            },
            "body": body.decode(),
            "encode": "text",
            "decode": "base64",
            "max_response_bytes": 64 * 1024,
        }
        return _request("http", config, delivery)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        kept = self._parts.access.webhooks
        # An answer that is too long, or that nobody can read, is an answer: the status was the one expected.
        if isinstance(outcome, Done) or outcome.kind in ("bad_response", "too_large"):
            kept.done(delivery)
            return
        tried = replace(delivery, attempts=delivery.attempts + 1, error=_said(outcome))
        now = self._parts.store.now()
        if tried.attempts >= MOST_ATTEMPTS:
            log.warning("delivery %s to %s is given up: %s", tried.id, tried.webhook or tried.person, tried.error)
            kept.bury(replace(tried, due=now))
        else:
            kept.put_off(replace(tried, due=now + pause_s(tried.attempts) * 1000))


def _request(connector: str, config: dict[str, Any], delivery: Delivery) -> CallRequest:
    return CallRequest(delivery.id, delivery.attempts + 1, connector, config, {}, SEND_TIMEOUT_S, delivery.id)


def body_of(delivery: Delivery) -> bytes:
    """What is sent."""
    notice = delivery.notice
    return encode(
        {
            "id": delivery.id,
            "event": event_of(notice),
            "at": instant(notice.at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "case_id": notice.case_id,
            "item_id": notice.id if notice.what is Subject.ITEM else None,
            "state": notice.event if notice.event != REMINDED else None,
            "specification": notice.specification,
            "version": notice.version,
            "task": notice.task or None,
            "owner": notice.owner,
            "by": notice.by or None,
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
