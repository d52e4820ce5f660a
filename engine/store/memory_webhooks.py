"""Webhooks in memory: the reference, and what a single process runs on."""

from collections.abc import Sequence
from threading import RLock

from msgspec.structs import replace

from engine.store.paging import Cursor
from engine.store.webhooks import MOST_DEAD, TAKEN_MS, Delivery, DeliveryPage, Webhook


class MemoryWebhooks:
    """Webhooks in memory. Safe for use by several threads."""

    def __init__(self) -> None:
        self._webhooks: dict[str, Webhook] = {}
        self._under_way: dict[str, tuple[int, Delivery]] = {}
        self._dead: dict[str, Delivery] = {}
        self._seen: set[str] = set()
        self._lock = RLock()

    def wanted(self) -> bool:
        return bool(self._webhooks)

    def webhooks(self) -> list[Webhook]:
        with self._lock:
            return [self._webhooks[name] for name in sorted(self._webhooks)]

    def webhook(self, name: str) -> Webhook | None:
        return self._webhooks.get(name)

    def put_webhook(self, webhook: Webhook) -> bool:
        with self._lock:
            new = webhook.name not in self._webhooks
            self._webhooks[webhook.name] = webhook
            return new

    def delete_webhook(self, name: str) -> bool:
        with self._lock:
            return self._webhooks.pop(name, None) is not None

    def add(self, deliveries: Sequence[Delivery]) -> None:
        with self._lock:
            for each in deliveries:
                if each.id not in self._seen:
                    self._seen.add(each.id)
                    self._under_way[each.id] = (each.due, each)

    def take(self, now: int, limit: int) -> list[Delivery]:
        with self._lock:
            due = sorted((at, name) for name, (at, _) in self._under_way.items() if at <= now)[:limit]
            for _, name in due:
                self._under_way[name] = (now + TAKEN_MS, self._under_way[name][1])
            return [self._under_way[name][1] for _, name in due]

    def put_off(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.id in self._under_way:
                self._under_way[delivery.id] = (delivery.due, delivery)

    def bury(self, delivery: Delivery) -> None:
        with self._lock:
            if self._under_way.pop(delivery.id, None) is not None:
                self._dead[delivery.id] = delivery
                while len(self._dead) > MOST_DEAD:
                    del self._dead[next(iter(self._dead))]

    def done(self, delivery: Delivery) -> None:
        with self._lock:
            self._under_way.pop(delivery.id, None)

    def dead(self, limit: int, after: str | None) -> DeliveryPage:
        place = Cursor.read(after) if after else None
        with self._lock:
            kept = sorted(((Cursor(each.due, each.id), each) for each in self._dead.values()), key=lambda pair: pair[0])
        behind = [(at, each) for at, each in reversed(kept) if place is None or at < place]
        found = behind[:limit]
        following = found[-1][0].written() if len(behind) > limit else None
        return DeliveryPage([each for _, each in found], following)

    def revive(self, identifier: str, now: int) -> bool:
        with self._lock:
            found = self._dead.pop(identifier, None)
            if found is not None:
                self._under_way[identifier] = (now, replace(found, attempts=0, due=now, error=""))
            return found is not None
